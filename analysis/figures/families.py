"""Families of networks as figures show them: name, marker, colour, mean with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.figures.drawing import INK
from analysis.study import Study
from metrics import Bits, Estimate, Floats, mean_over_images

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SHADES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4d4d4d")
MOST = len(MARKERS) * len(SHADES)
"""Families that can be told apart; those beyond, the smallest, are shown together."""

OTHERS = "others"
COUNTS_ONLY = "No intervals over images: the file holds counts only"
OVER_IMAGES = "Bars: 95 % intervals over images for this list of networks"


@dataclass(frozen=True)
class Family:
    """Networks that are drawn alike.

    Attributes:
        label: Family, with technique where the networks of a file were trained in several ways.
        rows: (n,) positions among the networks of the study.
        marker: Of matplotlib.
        colour: Of Okabe and Ito (2008).
    """

    label: str
    rows: NDArray[np.intp]
    marker: str
    colour: str


def families_of(networks: pd.DataFrame) -> list[Family]:
    """Every network once, in families sorted by name; marker and colour both differ at first.

    Args:
        networks: N rows with columns family, technique.
    """
    several = networks["technique"].nunique() > 1
    labels = [
        f"{family}, {technique}" if several else str(family)
        for family, technique in zip(networks["family"], networks["technique"], strict=True)
    ]
    names, counts = np.unique(labels, return_counts=True)
    kept = set(names[np.argsort(-counts, kind="stable")][: MOST - 1].tolist())
    if len(names) > MOST:
        labels = [label if label in kept else OTHERS for label in labels]
    # family k has marker and colour k; after a round of each the colours move on
    looks = [
        (MARKERS[k], SHADES[(k + turn) % len(SHADES)]) for turn, k in product(range(7), range(7))
    ]
    found = sorted(set(labels), key=lambda label: (label == OTHERS, label))
    of = np.array(labels)
    return [
        Family(label, np.flatnonzero(of == label), *look)
        for label, look in zip(found, looks, strict=False)
    ]


def family_legend(figure: Figure, ax: Axes, families: Sequence[Family], left: float) -> None:
    """Names the families in a column beside the panels.

    Args:
        figure: Where the legend stands.
        ax: Any of its panels.
        families: What is named.
        left: Where the column begins, as a share of the figure's width.
    """
    handles = [
        ax.plot(
            [], [], f.marker, color=f.colour, markersize=5, label=f"{f.label} ({len(f.rows):,})"
        )[0]
        for f in families
    ]
    figure.legend(
        handles=handles,
        title="family (networks)",
        loc="upper left",
        bbox_to_anchor=(left, 1 - 0.6 / figure.get_figheight()),
        frameon=False,
        fontsize=8,
        title_fontsize=8,
    )


def legend_width(families: Sequence[Family]) -> float:
    """Inches that the column of `family_legend` needs."""
    return 0.75 + 0.068 * max(len(f"{f.label} ({len(f.rows):,})") for f in families)


def mean_accuracy(
    study: Study, rows: NDArray[np.intp], columns: Sequence[int], images: Bits | None = None
) -> Estimate:
    """(C,) mean accuracy over networks under conditions, with 95 % intervals over images.

    Args:
        study: The networks.
        rows: (n,) which of them.
        columns: (C,) positions of the conditions.
        images: (I,) which images count; None for those tried on every one of the networks.

    Returns:
        Shares, NaN where no image counts; limits are NaN where the file holds counts only.
    """
    if study.counted:
        tried, right = (counts[rows][:, list(columns)] for counts in study.counts)
        value = np.where(tried > 0, right / np.maximum(tried, 1), np.nan).mean(0)
        nothing = np.full(len(value), np.nan)
        return Estimate(value, nothing, nothing)
    made = []
    for column in columns:
        counted = study.evaluated[rows, column].all(0) if images is None else images
        made.append(mean_over_images(study.correct[rows, column][:, counted].mean(0), len(rows)))
    parts = ([getattr(one, part) for one in made] for part in ("value", "low", "high"))
    return Estimate(*(np.array(part, float) for part in parts))


def error_bars(ax: Axes, x: Floats, made: Estimate, family: Family, line: str = "-") -> None:
    """Means of a family with their intervals, in %."""
    known = np.isfinite(made.low)
    reach = np.where(known, [made.value - made.low, made.high - made.value], 0.0)
    ax.errorbar(
        x,
        100 * made.value,
        yerr=100 * np.maximum(reach, 0),
        fmt=family.marker,
        linestyle=line,
        color=family.colour,
        ecolor=family.colour,
        markersize=4,
        markeredgecolor=INK,
        markeredgewidth=0.3,
        linewidth=1.1,
        elinewidth=1.0,
    )


def family_dots(
    ax: Axes, data: pd.DataFrame, names: Sequence[str], families: Sequence[Family]
) -> None:
    """Changes from 0, names down, the families of a name below each other.

    Args:
        ax: The panel, `dots_height` inches high.
        data: Columns name, family, change_pp, low, high, and where networks spread percentile_10
            and percentile_90, which are drawn pale.
        names: From top to bottom.
        families: Likewise, within a name.
    """
    ax.axvline(0, color="#888888", linewidth=0.8)
    ax.grid(visible=False, axis="y")
    for place in range(1, len(names)):
        ax.axhline(place - 0.5, color="#dddddd", linewidth=0.8)
    for k, family in enumerate(families):
        part = data[data["family"] == family.label]
        y = np.array([names.index(name) for name in part["name"]], float)
        y += 0.8 * ((k + 0.5) / len(families) - 0.5)
        colour = family.colour
        if "percentile_10" in part:
            ends = (part["percentile_10"], part["percentile_90"])
            ax.hlines(y, *ends, color=colour, alpha=0.25, linewidth=4.5)
        ax.hlines(y, part["low"], part["high"], color=colour, linewidth=1.3)
        ax.scatter(part["change_pp"], y, s=18, marker=family.marker, color=colour, zorder=3)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)


def dots_height(names: Sequence[str], families: Sequence[Family]) -> float:
    """Inches that a panel of `family_dots` needs."""
    return 0.2 + max(0.3, 0.13 * len(families)) * len(names)
