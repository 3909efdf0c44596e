"""Quantile regression with intervals from a bootstrap of design units and of images.

Koenker and Bassett (1978). A check of least squares where few odd networks may pull the mean. Three
bootstraps are drawn: units alone, images alone, and both (Owen 2007, the pigeonhole bootstrap). The
luck of single networks on single images is once in each of the first two and three times in the
third, so 2 (units + images) - both counts it once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from analysis.regressions.linear import with_constant
from metrics import LEVEL, Floats

DRAWS = 200
SMOOTH, STEPS = 1e-2, 60  # width of the rounded corner in standard deviations; most steps
TOLERANCE = 0.1  # of that width, at which the steps end


@dataclass(frozen=True)
class Quantiles:
    """F slopes of a conditional quantile.

    Attributes:
        estimate: (F,) points per standard deviation.
        errors: (F,) standard errors over units and images.
        degrees: Degrees of freedom of t.
    """

    estimate: Floats
    errors: Floats
    degrees: float

    @property
    def reach(self) -> Floats:
        """(F,) half-widths of the 95 % intervals."""
        quantile = float(stats.t.ppf((1 + LEVEL) / 2, self.degrees))
        half: Floats = quantile * self.errors
        return half

    @property
    def p(self) -> Floats:
        """(F,) two-sided p values of no effect."""
        t = np.abs(self.estimate) / np.maximum(self.errors, 1e-300)
        value: Floats = 2 * stats.t.sf(t, self.degrees)
        return value


def quantile_slopes(x: Floats, outcome: Floats, tau: float) -> Floats:
    """(P,) coefficients of the conditional quantile tau, exact.

    The prices in the dual linear programme (Koenker 2005, section 6.2).

    Args:
        x: (n, P) regressors, the constant among them.
        outcome: (n,) values.
        tau: In (0, 1).
    """
    found = optimize.linprog(
        -outcome, A_eq=x.T, b_eq=(1 - tau) * x.sum(0), bounds=(0, 1), method="highs"
    )
    return -np.asarray(found.eqlin.marginals, dtype=np.float64)


def weighted_quantiles(
    x: Floats, outcomes: Floats, weights: Floats, tau: float, start: Floats | None = None
) -> Floats:
    """(b, P) coefficients of b weighted samples at once.

    Majorise and minimise (Hunter and Lange 2000): every step is weighted least squares, of a check
    function whose corner is rounded by `SMOOTH` standard deviations.

    Args:
        x: (n, P) regressors, the constant among them.
        outcomes: (b, n) values of each sample.
        weights: (b, n) weights, 0 or more.
        tau: In (0, 1).
        start: (P,) where the steps start; at weighted least squares when None.
    """
    width = SMOOTH * float(outcomes.std(1).mean()) + 1e-300
    products = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    p = x.shape[1]
    slopes: Floats = (
        _solve(weights, outcomes, x, products)
        if start is None
        else np.broadcast_to(start, (len(outcomes), p))
    )
    for _ in range(STEPS):
        residual = outcomes - slopes @ x.T
        near = weights / (width + np.abs(residual))
        left = (near @ products).reshape(-1, p, p)
        right = (near * outcomes + (2 * tau - 1) * weights) @ x
        moved = _solved(left, right)
        step = float(np.abs(moved - slopes).max())
        slopes = moved
        if step < TOLERANCE * width:
            break
    return slopes


def _solve(weights: Floats, outcomes: Floats, x: Floats, products: Floats) -> Floats:
    """(b, P) weighted least squares, where the steps start."""
    p = x.shape[1]
    left = (weights @ products).reshape(-1, p, p)
    return _solved(left, (weights * outcomes) @ x)


def _solved(left: Floats, right: Floats) -> Floats:
    """(b, P) solutions of b systems, with a ridge for draws in which a factor is constant."""
    ridge = 1e-10 * np.trace(left, axis1=1, axis2=2)[:, None, None] * np.eye(left.shape[1])
    found: Floats = np.linalg.solve(left + ridge, right[..., None])[..., 0]
    return found


def fit_quantile(
    design: Floats,
    scores: Floats,
    units: NDArray[np.intp],
    rng: np.random.Generator,
    tau: float = 0.5,
) -> Quantiles | str:
    """Slopes of a conditional quantile with errors over design units and images.

    **Estimand.** How a quantile of the accuracy, as measured on this many images, of networks of
    equal factors moves with a factor: points per standard deviation, others held.

    Args:
        design: (n, F) standardised factors of full column rank.
        scores: (n, J) contributions of the images in percentage points.
        units: (n,) design unit of each network.
        rng: Source of the draws.
        tau: Which quantile; 0.5 is the median.
    """
    x = with_constant(design)
    estimate = quantile_slopes(x, scores.mean(-1), tau)
    u, j = int(units.max()) + 1, scores.shape[1]
    even = np.ones((DRAWS, j))
    by_units = _draws(u, rng)[:, units]
    by_images = _draws(j, rng)
    ones = np.ones((DRAWS, len(x)))
    of_units, of_images, of_both = (
        np.var(weighted_quantiles(x, means, weights, tau, estimate), axis=0, ddof=1)
        for means, weights in (
            (even @ scores.T / j, by_units),
            (by_images @ scores.T / j, ones),
            (_draws(j, rng) @ scores.T / j, _draws(u, rng)[:, units]),
        )
    )
    whole = 2 * (of_units + of_images) - of_both
    least = np.maximum(of_units, of_images)
    errors = np.asarray(np.sqrt(np.maximum(whole, least)[1:]), dtype=np.float64)
    if not np.isfinite(errors).all() or (errors <= 0).any():
        return "the quantile does not move in the bootstrap"
    return Quantiles(estimate[1:], errors, float(min(u, j) - 1))


def _draws(count: int, rng: np.random.Generator) -> Floats:
    """(draws, count) how often each is drawn."""
    return rng.multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(float)
