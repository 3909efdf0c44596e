"""Split-conformal intervals whose exchangeable pieces are design units, not networks.

Vovk, Gammerman and Shafer (2005); Lei, G'Sell, Rinaldo, Tibshirani and Wasserman (2018),
"Distribution-free predictive inference for regression", theorem 2.2: with the ceil((n + 1)(1 - a))
smallest of n absolute residuals as half width, a new outcome is covered with probability at least
1 - a, and at most 1 - a + 1 / (n + 1) where residuals never tie. That needs residuals that are
exchangeable with the new one. Networks of one unit (a matched pair, a cube) resemble each other;
units do not, so one random member of every unit is kept: Dunn, Wasserman and Ramdas (2023),
"Distribution-free prediction sets for two-layer hierarchical models", their subsampling once. The
largest residual of a unit would also be safe, but for a whole new unit, and too wide for a network.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from metrics import LEVEL, Floats

Ints = NDArray[np.intp]
_SLIP = 1e-9  # of a product that should be whole


def least_units(level: float = LEVEL) -> int:
    """Calibration units below which no finite interval can hold its promise: 19 at 95 %."""
    return max(1, math.ceil(level / (1 - level) - _SLIP))


def rank(n: int, level: float = LEVEL) -> int:
    """Which of n ascending residuals is the half width, from 1; n + 1 where none is enough.

    Raises:
        ValueError: The level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"conformal.level must be between 0 and 1; got {level}. Use 0.95.")
    return math.ceil((n + 1) * level - _SLIP)


def half_width(residuals: Floats, level: float = LEVEL) -> float:
    """Half width of the interval, infinite with fewer than `least_units` residuals.

    Args:
        residuals: (n,) absolute errors, one per calibration unit.
        level: Probability that a new outcome is covered, at least.
    """
    k = rank(len(residuals), level)
    return float(np.sort(residuals)[k - 1]) if k <= len(residuals) else math.inf


def one_per_unit(units: Ints, rng: np.random.Generator) -> Ints:
    """(U,) positions of one random member of every unit, units ascending.

    Args:
        units: (n,) unit of each network.
        rng: Chooses the members.
    """
    order = rng.permutation(len(units))
    first: Ints = np.unique(units[order], return_index=True)[1]
    return order[first].astype(np.intp)


def clopper_pearson(hits: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Exact limits of a share of independent trials; Clopper and Pearson (1934)."""
    found = stats.binomtest(hits, trials).proportion_ci(level, "exact")
    return float(found.low), float(found.high)
