"""Numbers and reasons of correlations laid out as the columns of a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.correlations.intervals import Related
from analysis.correlations.reliability import LEAST
from metrics import Floats

UNSTABLE = "varies in too few networks: constant in more than one bootstrap draw in twenty"
HIDDEN = "luck with the images hides it: undefined in more than one bootstrap draw in twenty"
COUNTS = "needs to know which images were right; the file holds counts only"
DEVIATION = "a deviation between variants is no mean over images"
NEARLY = 0.05
"""Share of the true variance that must be left when a variable is held; else mostly error is."""

NUMBERS = ("estimate", "low", "high", "p", "true", "true_low", "true_high", "reliability")
ERRORS = ("se_networks", "se_images")
Texts = NDArray[np.object_]


@dataclass(frozen=True)
class Cells:
    """Columns of R x C correlations, each asked in S ways.

    Attributes:
        numbers: Column to (R, C, S) values, NaN where there is none.
        reason: (R, C, S) why there is no number, "" if there is.
        true_reason: (R, C, S) why there is no true one though there is an observed one.
        true_p: (R, C, S) p of the true one; that of the observed one where nothing is held.
    """

    numbers: dict[str, Floats]
    reason: Texts
    true_reason: Texts
    true_p: Floats


def empty(shape: tuple[int, int, int]) -> Cells:
    """Cells without a number and, yet, a reason."""
    numbers = {name: np.full(shape, np.nan) for name in (*NUMBERS, *ERRORS)}
    none, no_true = np.full(shape, "", object), np.full(shape, "", object)
    return Cells(numbers, none, no_true, np.full(shape, np.nan))


def fill(
    cells: Cells,
    way: int,
    places: tuple[NDArray[np.intp], NDArray[np.intp]],
    made: tuple[Related, int],
) -> None:
    """Put one way of asking into the cells of some rows and columns.

    Args:
        cells: What is filled.
        way: Which of the S ways.
        places: Rows and columns that were related.
        made: Their correlations, and which of the H that are held.
    """
    related, h = made
    rows, columns = np.ix_(*places)
    where = rows, columns, way
    for name in ("estimate", "low", "high", "p", *ERRORS):
        cells.numbers[name][where] = getattr(related.observed, name)[h]
    for name in ("estimate", "low", "high"):
        column = "true" if name == "estimate" else f"true_{name}"
        cells.numbers[column][where] = getattr(related.true, name)[h]
    cells.numbers["reliability"][where] = related.attenuation[h] ** 2
    if h:
        cells.true_p[where] = related.true.p[h]
    thin = related.left[h] < NEARLY
    cells.true_reason[where] = np.where(
        thin, f"what is held leaves under {NEARLY:.0%} of the true variance", ""
    )


def settle(cells: Cells) -> None:
    """Give every cell a number or a reason, for the observed and for the true correlation."""
    numbers, reason, true_reason = cells.numbers, cells.reason, cells.true_reason
    known = np.all([np.isfinite(numbers[n]) for n in ("estimate", "low", "high", "p")], axis=0)
    reason[~known & (reason == "")] = UNSTABLE
    for values in numbers.values():
        values[reason != ""] = np.nan
    weak = numbers["reliability"] < LEAST
    true_reason[weak] = f"reliability below {LEAST:g}: other images would order the networks anew"
    limits = ("true", "true_low", "true_high")
    unknown = ~np.all([np.isfinite(numbers[n]) for n in limits], axis=0)
    true_reason[unknown & (true_reason == "")] = HIDDEN
    true_reason[reason != ""] = ""
    # luck in what is held makes the observed one differ from 0 where the true one does not
    held = (true_reason == "") & np.isfinite(cells.true_p)
    numbers["p"][held] = cells.true_p[held]
    for name in limits:
        numbers[name][(reason != "") | (true_reason != "")] = np.nan


def frame(cells: Cells, axes: Mapping[str, tuple[int, Sequence[object]]]) -> pd.DataFrame:
    """One row per cell, with columns that name its place.

    Args:
        cells: (R, C, S) cells.
        axes: Column to which axis it names, and the names along it.
    """
    shape = cells.reason.shape
    columns: dict[str, object] = {}
    for name, (axis, values) in axes.items():
        turned = np.array(values, object).reshape([-1 if k == axis else 1 for k in range(3)])
        columns[name] = np.broadcast_to(turned, shape).ravel()
    columns |= {name: values.ravel() for name, values in cells.numbers.items()}
    columns |= {"reason": cells.reason.ravel(), "true_reason": cells.true_reason.ravel()}
    return pd.DataFrame(columns)
