"""The design matrix: which factors enter, how they are scaled, how they go together."""

import numpy as np
import pandas as pd

from analysis.correlations import unusable_factors
from metrics import Floats
from nas_space.costs import COSTS, UNITS

DESIGN_FACTORS = tuple(name for name in UNITS if name not in COSTS)
"""What an architect chooses, for whole networks; costs follow from it."""

COLLINEAR = 1e-8  # share of a factor's variance that must be left by the factors before it


def standardise(values: Floats) -> Floats:
    """(n, F) columns of mean 0 and sample standard deviation 1."""
    scaled: Floats = (values - values.mean(0)) / values.std(0, ddof=1)
    return scaled


def variance_inflation(design: Floats) -> tuple[Floats, float]:
    """(F,) variance inflation factors and the condition number of a standardised design."""
    correlation = np.atleast_2d(np.corrcoef(design, rowvar=False))
    return np.diag(np.linalg.inv(correlation)), float(np.linalg.cond(design))


def partial_r2(design: Floats, outcome: Floats) -> Floats:
    """(F,) share of the variance the other factors leave that each factor explains, in [0, 1].

    (Residual sum without the factor - with it) / without it (Cohen 1988, section 9.2). Read off
    classical t: t^2 / (t^2 + residual degrees of freedom).

    Args:
        design: (n, F) factors of full column rank, without a constant.
        outcome: (n,) values.
    """
    x = np.column_stack([np.ones(len(design)), design])
    inverse = np.linalg.inv(x.T @ x)
    slopes = inverse @ x.T @ outcome
    left = float(((outcome - x @ slopes) ** 2).sum())
    gain = slopes[1:] ** 2 / np.diag(inverse)[1:]
    share: Floats = gain / np.maximum(gain + left, 1e-300)
    return share


def unusable(factors: pd.DataFrame) -> dict[str, str]:
    """Factor name to the reason why no regression can use it, infinite values among them."""
    infinite = np.isinf(factors.to_numpy(dtype=float)).sum(0).tolist()
    reasons = {
        str(name): f"infinite for {count} of {len(factors)} networks"
        for name, count in zip(factors.columns, infinite, strict=True)
        if count
    }
    return {**reasons, **unusable_factors(factors[[f for f in factors if f not in reasons]])}


def independent_factors(factors: pd.DataFrame) -> tuple[list[str], dict[str, str]]:
    """Design factors to regress on, and the others with the reason why not.

    Args:
        factors: (n, F) factors of one supernet's networks.
    """
    present = [name for name in DESIGN_FACTORS if name in factors.columns]
    dropped = unusable(factors[present])
    kept: list[str] = []
    for name in present:
        if name in dropped:
            continue
        column = standardise(factors[[name]].to_numpy(dtype=float))
        before = standardise(factors[kept].to_numpy(dtype=float)) if kept else column * 0
        left = column - before @ np.linalg.lstsq(before, column, rcond=None)[0]
        if float((left**2).sum()) < COLLINEAR * float((column**2).sum()):
            dropped[name] = f"determined by {', '.join(kept)}"
        else:
            kept.append(name)
    return kept, dropped
