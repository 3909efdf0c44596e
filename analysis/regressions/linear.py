"""Least squares, plain and weighted, with errors over design units and images.

The numbers of White's and of clustered covariances by themselves are `crossed` of these equations:
its `units` are HC3 where all units are single networks, CR3 where they are not.
"""

import numpy as np
from numpy.typing import NDArray

from analysis.regressions.crossed import Crossed, Equations, crossed
from metrics import Floats


def with_constant(design: Floats) -> Floats:
    """(n, F + 1) design with a first column of ones."""
    return np.column_stack([np.ones(len(design)), design])


def wanted(factors: int, others: int = 1) -> Floats:
    """(F, F + others) linear form that takes the last F of all coefficients."""
    return np.eye(factors + others)[others:]


def weighted_equations(x: Floats, scores: Floats, weights: Floats) -> tuple[Floats, Equations]:
    """Coefficients of weighted least squares and their equations.

    Args:
        x: (n, P) regressors, the constant among them.
        scores: (n, J) contributions of the images, whose mean is the outcome.
        weights: (n,) positive weights of the networks.
    """
    outcome = scores.mean(-1)
    pulled = x * weights[:, None]
    coefficients = np.linalg.solve(pulled.T @ x, pulled.T @ outcome)
    made = Equations(
        scores=pulled * (outcome - x @ coefficients)[:, None],
        curvature=pulled[:, :, None] * x[:, None, :],
        shifts=[(pulled, scores - outcome[:, None])],
        gradient=np.eye(x.shape[1]),
    )
    return coefficients, made


def fit_weighted(
    design: Floats, scores: Floats, units: NDArray[np.intp], weights: Floats
) -> Crossed | str:
    """Weighted least squares on standardised factors.

    **Estimand.** The best linear prediction of the outcome over networks of this design, networks
    counting as their weights say: points per standard deviation of the factor, others held.

    Args:
        design: (n, F) factors of full column rank.
        scores: (n, J) contributions of the images in percentage points.
        units: (n,) design unit of each network.
        weights: (n,) positive weights.
    """
    coefficients, made = weighted_equations(with_constant(design), scores, weights)
    keep = wanted(design.shape[1])
    return crossed(keep @ coefficients, _taking(made, keep), units)


def fit_ordinary(design: Floats, scores: Floats, units: NDArray[np.intp]) -> Crossed | str:
    """Ordinary least squares: `fit_weighted` with equal weights."""
    return fit_weighted(design, scores, units, np.ones(len(design)))


def precision_weights(design: Floats, scores: Floats) -> Floats:
    """(n,) weights, one over the variance of each network's outcome about the linear model.

    That variance is of the network itself, the same for all, and of its luck on these images. Luck
    is taken from the *fitted* accuracy p as c p (1 - p) / J, c by moments: weights that used a
    network's own accuracy would go with its residual and bias the slopes.

    Args:
        design: (n, F) factors.
        scores: (n, J) contributions of the images in percentage points, between 0 and 100.
    """
    x = with_constant(design)
    n, j = scores.shape
    outcome = scores.mean(-1)
    fitted = x @ np.linalg.lstsq(x, outcome, rcond=None)[0]
    share = np.clip(fitted / 100, 0.5 / j, 1 - 0.5 / j)
    shape = share * (1 - share)
    shape = np.maximum(shape, 0.1 * shape.mean())  # no network counts as ten by a fitted 100 %
    away = scores - outcome[:, None]
    away = away - away.mean(0)
    luck = float((away**2).sum()) / ((n - 1) * (j - 1)) / j
    left = float(((outcome - fitted) ** 2).sum()) / max(n - x.shape[1], 1)
    variance = max(left - luck, 0.0) + luck * shape / shape.mean()
    weights = 1 / np.maximum(variance, 1e-12 * max(left, 1e-300))
    scaled: Floats = weights / weights.mean()
    return scaled


def _taking(made: Equations, gradient: Floats) -> Equations:
    """The equations, asked for other linear forms."""
    return Equations(made.scores, made.curvature, made.shifts, gradient)
