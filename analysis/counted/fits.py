"""Least squares over networks with heteroscedasticity-consistent errors, numbers only.

MacKinnon and White (1985), HC3: residuals over one minus the leverage. Where networks share a
design unit their contributions are summed first, which leaves HC3 for units of one network.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from metrics import LEVEL, Floats

FULL = 1 - 1e-9
"""Leverage from which a single network decides a coefficient, so that it has no error."""


@dataclass(frozen=True)
class CountedFit:
    """A regression of one outcome on P columns, intercept aside.

    Attributes:
        effects: (P,) change of the outcome per unit of the column, other columns held.
        covariance: (P, P) HC3 covariance over draws of networks.
        degrees: Of freedom of the t quantiles.
        r2: Share of the variance between networks that the columns explain.
    """

    effects: Floats
    covariance: Floats
    degrees: int
    r2: float

    @property
    def error(self) -> Floats:
        """(P,) standard errors."""
        result: Floats = np.sqrt(np.maximum(np.diag(self.covariance), 0))
        return result

    @property
    def reach(self) -> Floats:
        """(P,) half-widths of the 95 % intervals."""
        result: Floats = stats.t.ppf((1 + LEVEL) / 2, self.degrees) * self.error
        return result

    @property
    def p(self) -> Floats:
        """(P,) two-sided p values of no effect."""
        result: Floats = 2 * stats.t.sf(
            np.abs(self.effects) / np.maximum(self.error, 1e-300), self.degrees
        )
        return result

    def joint_p(self, columns: Sequence[int]) -> float:
        """P value of no effect of any of some columns: Wald's F test."""
        own = list(columns)
        effects, covariance = self.effects[own], self.covariance[np.ix_(own, own)]
        f = float(effects @ np.linalg.pinv(covariance) @ effects) / len(own)
        return float(stats.f.sf(f, len(own), self.degrees))

    def contrast(self, weights: Floats) -> tuple[float, float, float]:
        """(value, low, high) of a weighted sum of the effects."""
        value = float(weights @ self.effects)
        reach = float(stats.t.ppf((1 + LEVEL) / 2, self.degrees)) * self._error_of(weights)
        return value, value - reach, value + reach

    def contrast_p(self, weights: Floats) -> float:
        """Two-sided p value of a weighted sum of the effects being 0."""
        size = abs(float(weights @ self.effects)) / max(self._error_of(weights), 1e-300)
        return float(2 * stats.t.sf(size, self.degrees))

    def _error_of(self, weights: Floats) -> float:
        return float(np.sqrt(max(float(weights @ self.covariance @ weights), 0.0)))


def fit_networks(
    columns: Floats, outcomes: Floats, units: NDArray[np.intp]
) -> list[CountedFit] | str:
    """Fits of K outcomes on the same columns, or why there are none.

    Args:
        columns: (n, P), of full rank with a constant.
        outcomes: (n, K), each not constant.
        units: (n,) design unit of each network, consecutive integers.
    """
    n, p = columns.shape
    x = np.concatenate([np.ones((n, 1)), columns], axis=1)
    scale = np.abs(x).max(0)
    q, r = np.linalg.qr(x / scale)
    leverage = (q**2).sum(1)
    if float(leverage.max()) >= FULL:
        return "a single network decides an effect, whose error is then unknown"
    inverse = np.linalg.inv(r)
    raw = inverse @ (q.T @ outcomes) / scale[:, None]
    residuals = outcomes - q @ (q.T @ outcomes)
    hat = (q @ inverse.T / scale)[:, 1:]  # (n, P): what a network's outcome adds to each effect
    count = int(units.max()) + 1
    degrees = n - p - 1 if count == n else count - 1
    total = ((outcomes - outcomes.mean(0)) ** 2).sum(0)
    r2 = 1 - (residuals**2).sum(0) / total
    fits = []
    for k in range(outcomes.shape[1]):
        parts = hat * (residuals[:, k] / (1 - leverage))[:, None]
        parts = parts if count == n else sum_units(parts, units)
        fits.append(CountedFit(raw[1:, k], parts.T @ parts, max(degrees, 1), float(r2[k])))
    return fits


def sum_units(values: Floats, units: NDArray[np.intp]) -> Floats:
    """(U, P) sums of (n, P) values over the networks of each design unit."""
    order = np.argsort(units, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(units[order]) > 0])
    result: Floats = np.add.reduceat(values[order], starts, axis=0)
    return result
