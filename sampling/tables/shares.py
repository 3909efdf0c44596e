"""Accuracies to counts, and what rounding did to them.

A table made by others says what share of how many images was right, mostly rounded. Counts are the
nearest whole numbers; how far that may be from what was counted is said in a note.
"""

import math

import numpy as np
from numpy.typing import NDArray

from metrics import Floats
from sampling.tables.reading import Frame
from sampling.tables.streams import TableError

UNITS = {"percent": 100.0, "share": 1.0}
_DIGITS = 12  # more decimals than a measured accuracy has
_SLACK = 1e-9


def check_accuracies(frame: Frame, column: str, unit: str) -> None:
    """Refuses a column with an accuracy outside 0 to 100 %; empty cells are let through.

    Args:
        frame: The table.
        column: Of accuracies.
        unit: "percent" or "share".
    """
    values, top = frame.numbers[column], UNITS[unit]
    wrong = (values < 0) | (values > top * (1 + _SLACK))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise TableError(
            f"import.accuracy must be a {unit} from 0 to {top:g}; got {values[row]:g} in "
            f"{frame.place(row, column)}. Correct it, or state --unit."
        )


def to_counts(values: Floats, unit: str, images: int) -> NDArray[np.int64]:
    """(R,) images right: the nearest whole numbers, 0 where there is no accuracy."""
    shares = np.where(np.isnan(values), 0.0, values) / UNITS[unit]
    return np.clip(np.rint(shares * images), 0, images).astype(np.int64)


def rounding_note(values: Floats, unit: str, images: int, name: str) -> str:
    """How accuracies of any shape became counts, in a sentence.

    Args:
        values: Accuracies, NaN where there is none.
        unit: "percent" or "share".
        images: They are shares of this many.
        name: Of the condition or conditions.
    """
    known = values[np.isfinite(values)]
    exact = known * images / UNITS[unit]
    off = float(np.abs(exact - np.rint(exact)).max(initial=0.0))
    text = f"Counts of {name} are {unit} x {images:,} images, to the nearest whole number"
    decimals = _decimals(known)
    possible = 0.5 * 10.0**-decimals * images / UNITS[unit]
    if decimals < _DIGITS and possible >= 1:
        return (
            f"{text}; accuracies have at most {decimals} decimals, so that a count may be off by "
            f"{math.floor(possible)}."
        )
    if off > 0.02:
        return (
            f"{text}; some were up to {off:.2f} images from one: rounded, averaged, or of another "
            "number of images."
        )
    return f"{text}, which they are exactly."


def _decimals(values: Floats) -> int:
    """Fewest decimals that all values have."""
    return next(
        (d for d in range(_DIGITS) if bool(np.all(np.abs(values - np.round(values, d)) < 1e-11))),
        _DIGITS,
    )
