"""False discovery over a whole table of tests."""

from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from metrics import Floats

Control = Literal["bh", "by"]
"""Benjamini-Hochberg (1995), or Benjamini-Yekutieli (2001): holds however the tests depend."""


def false_discovery(p: "pd.Series[float]", control: Control = "bh") -> Floats:
    """Adjusted p values over a table; NaN stays NaN and does not count as a test.

    Args:
        p: One p value per test.
        control: Which adjustment.
    """
    values = p.to_numpy(dtype=float)
    known = np.isfinite(values)
    q = np.full(len(values), np.nan)
    if known.any():
        q[known] = stats.false_discovery_control(values[known], method=control)
    return q
