"""Numbers of the report as text, and correlations as colours."""

import matplotlib as mpl
import numpy as np

HEAT_STEPS = 20
"""Steps of colour between a correlation of 0 and one of 1."""


def percent(share: float) -> str:
    """A share in [0, 1] in %, a dash where it is unknown.

    Rounded to thousandths first, as the scripts of the page get it: both show the same digits.
    """
    return f"{round(100 * share, 3):.1f}" if np.isfinite(share) else "-"


def millions(value: float) -> str:
    """A cost in millions, a dash where it is unknown."""
    return f"{value / 1e6:.3g}" if np.isfinite(value) else "-"


def signed(value: float, sign: str = "+") -> str:
    """Two decimals with sign, and no minus before a rounded zero."""
    text = f"{value:{sign}.2f}"
    return text if float(text) else f"{0.0:{sign}.2f}"


def heat(value: float) -> tuple[str, str]:
    """Background and text colour for a correlation in [-1, 1]; blue below 0, red above."""
    red, green, blue, _ = mpl.colormaps["RdBu_r"](0.5 + 0.5 * value)
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    ink = "#111111" if light > 0.5 else "#ffffff"
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}", ink


def heat_class(value: float) -> str:
    """CSS class of a correlation in [-1, 1]; classes, as the page allows no style attribute."""
    return f"heat{round((value + 1) * HEAT_STEPS)}"


def heat_style() -> str:
    """The rules of all those classes."""
    steps = range(2 * HEAT_STEPS + 1)
    pairs = [(step, *heat(step / HEAT_STEPS - 1)) for step in steps]
    return "\n".join(f".heat{k} {{ background: {back}; color: {ink}; }}" for k, back, ink in pairs)
