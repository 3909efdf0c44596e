"""Checks that every technique makes of its parameters."""

import math
from typing import Any


def check_range(owner: Any, field: str, low: float, high: float, hint: str) -> None:
    """Refuse a number outside [low, high].

    Raises:
        ValueError: Names owner, field, range and value.
    """
    value = getattr(owner, field)
    if not (low <= value <= high and math.isfinite(value)):
        bound = f"at least {low:g}" if math.isinf(high) else f"in [{low:g}, {high:g}]"
        raise ValueError(f"{type(owner).__name__}.{field} must be {bound}; got {value}. {hint}")
