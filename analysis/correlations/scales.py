"""Correlations in other words: on the normal scale, given a third variable, without luck.

For normal variables with correlation r, Spearman's is 6/pi asin(r/2) and Kendall's 2/pi asin(r)
(Kruskal 1958). Luck is taken off on the scale of r, where Spearman's (1904) correction for
attenuation is exact; the result is given back as the rank correlation of such variables.
"""

import numpy as np

from metrics import Floats


def to_normal(rho: Floats) -> Floats:
    """Pearson correlation of normal variables with these Spearman correlations."""
    r: Floats = 2 * np.sin(np.pi / 6 * rho)
    return r


def from_normal(r: Floats) -> Floats:
    """Spearman correlation of normal variables with these Pearson correlations, -1 to 1 at most."""
    rho: Floats = 6 / np.pi * np.arcsin(np.clip(r / 2, -0.5, 0.5))
    return rho


def kendall_from_normal(r: Floats) -> Floats:
    """Kendall correlation of normal variables with these Pearson correlations (Greiner 1909)."""
    tau: Floats = 2 / np.pi * np.arcsin(np.clip(r, -1.0, 1.0))
    return tau


def partial(xy: Floats, xz: Floats, yz: Floats) -> Floats:
    """Correlation of x and y given z (Yule 1907); NaN where z leaves under 1e-9 of x or y."""
    value: Floats = np.asarray(xy - xz * yz)
    with np.errstate(invalid="ignore", divide="ignore"):
        left = np.sqrt((1 - xz**2) * (1 - yz**2))
        value /= left
    value[~(left > 1e-9**0.5)] = np.nan
    return value
