"""Factor columns of a table: numbers as they are, texts as one indicator of 0 and 1 per level."""

import math
from collections.abc import Sequence

import numpy as np

from sampling.store.categories import level_unit
from sampling.tables.reading import Frame, Kind
from sampling.tables.streams import TableError

LEVELS = 50
"""Levels that a categorical factor may have; a column with more describes or names networks."""
_CATEGORY = ":category"


def categorical(text: str) -> tuple[str, Kind]:
    """Column that a factor is read from, and whether its cells are levels whatever they look like.

    Args:
        text: NAME, or NAME:category for a column of numbers that have no order.
    """
    if text.endswith(_CATEGORY):
        return text.removesuffix(_CATEGORY), "text"
    return text, "factor"


def make_factors(
    frame: Frame, names: Sequence[str], allow_missing: bool
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """(factor to a value per row, factor to unit) of the columns asked for.

    Raises:
        TableError: A column has too many levels, an empty cell that is not allowed, or a name that
            cannot be one of a factor.
    """
    values: dict[str, list[float]] = {}
    units: dict[str, str] = {}
    for name in names:
        if name in frame.numbers:
            made, own = {name: frame.numbers[name].tolist()}, {name: "1"}
        else:
            made, own = _indicators(frame, name, allow_missing)
        twice = [factor for factor in made if factor in values]
        if twice:
            raise TableError(
                f"import.factors must differ, levels included; got {twice[0]!r} twice, of "
                f"{name!r} in {frame.source}. Rename the column."
            )
        values |= made
        units |= own
    return values, units


def _indicators(
    frame: Frame, name: str, allow_missing: bool
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """One column per level, NaN in all of them where the cell is empty."""
    cells = [cell.strip() for cell in frame.texts[name]]
    levels = sorted(set(cells) - {""})
    if "" in cells and not allow_missing:
        raise TableError(
            f"import.table must have a level in every cell; got none in "
            f"{frame.place(cells.index(''), name)}. Fill it, or say --allow-missing."
        )
    if not 1 <= len(levels) <= LEVELS:
        raise TableError(
            f"import.factors must have 1 to {LEVELS} levels; got {len(levels):,} in column "
            f"{name!r} of {frame.source}. Leave it out: it names or describes networks."
        )
    if " is " in name:
        raise TableError(
            f"import.factors must have no ' is ' in the name of a categorical one; got {name!r} "
            f"in {frame.source}. Rename the column."
        )
    known = np.array(cells)
    found = {
        f"{name}_{level}": np.where(known == "", math.nan, known == level).tolist()
        for level in levels
    }
    units = {f"{name}_{level}": level_unit(name, level) for level in levels}
    return {factor.replace("/", "|"): column for factor, column in found.items()}, {
        factor.replace("/", "|"): unit for factor, unit in units.items()
    }
