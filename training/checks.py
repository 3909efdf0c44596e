"""Checks that every technique makes of its parameters."""

import math
from typing import Any


def require_within(
    owner: str, value: float, low: float, high: float, hint: str = "Choose a number in between."
) -> None:
    """Refuse a number outside [low, high], or not finite.

    Raises:
        ValueError: Names owner, range and value.
    """
    if not (low <= value <= high and math.isfinite(value)):
        bound = f"at least {low:g}" if math.isinf(high) else f"in [{low:g}, {high:g}]"
        raise ValueError(f"{owner} must be {bound}; got {value}. {hint}")


def check_range(owner: Any, field: str, low: float, high: float, hint: str) -> None:
    """Refuse a field of a technique that `require_within` refuses, by the technique's name."""
    require_within(f"{type(owner).__name__}.{field}", getattr(owner, field), low, high, hint)
