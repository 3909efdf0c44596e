"""Categorical factors: one factor of 0 and 1 per level, whose unit says which level of what it is.

A results file holds numbers alone. What has no order (an operation, an activation) is stored as one
indicator per level, so that nothing reads an order into it; the unit puts them together again.
"""

import re

FOLLOWS = ", follows from the others"
"""End of the unit of a factor that nobody chose: a count or a cost of what was chosen."""

_LEVEL = re.compile(r"1 where (?P<factor>.+?) is (?P<level>.+), else 0", re.DOTALL)


def level_unit(factor: str, level: str) -> str:
    """Unit of the indicator of one level of a categorical factor.

    Args:
        factor: Name without " is ", where the unit is taken apart again.
        level: Any text but "".
    """
    return f"1 where {factor} is {level}, else 0"


def level_of(unit: str) -> tuple[str, str] | None:
    """(categorical factor, level) that a unit names, None for a factor with numbers of its own."""
    found = _LEVEL.fullmatch(unit)
    return (found["factor"], found["level"]) if found else None


def follows(unit: str) -> bool:
    """Whether a factor follows from others, and was not chosen."""
    return unit.endswith(FOLLOWS)
