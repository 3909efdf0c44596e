"""Is the effect of a factor a straight line, and does it depend on another factor?

One term at a time is added to the linear model of all factors: the curved part of a natural cubic
spline (linear beyond its outer knots), or the product of two standardised factors.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from analysis.regressions.crossed import Crossed, Equations, crossed
from analysis.regressions.linear import with_constant
from metrics import Floats

KNOTS = 4
BORED = 1e-8  # share of a term's variance that must be left by the linear model


def spline_curves(values: Floats, knots: Floats) -> Floats:
    """(n, K - 2) curved columns of a natural cubic spline; with 1 and x they span all of it.

    Hastie, Tibshirani and Friedman (2009), equation 5.4, scaled by the range of the knots.

    Args:
        values: (n,) factor.
        knots: (K,) rising, at least three.
    """
    span = knots[-1] - knots[0]

    def part(k: int) -> Floats:
        both = [np.maximum(values - knots[i], 0.0) ** 3 for i in (k, len(knots) - 1)]
        found: Floats = (both[0] - both[1]) / (knots[-1] - knots[k]) / span**2
        return found

    last = part(len(knots) - 2)
    return np.column_stack([part(k) - last for k in range(len(knots) - 2)])


def spline_knots(values: Floats, count: int = KNOTS) -> Floats:
    """(K,) knots at quantiles of the distinct values, fewer where there are fewer values."""
    distinct = np.unique(np.round(values, 10))
    at: Floats = np.quantile(distinct, np.linspace(0, 1, min(count, len(distinct))))
    return at


def fit_added(
    design: Floats, scores: Floats, units: NDArray[np.intp], added: Floats, gradient: Floats
) -> Crossed | str:
    """Linear forms of the coefficients of columns added to the linear model of all factors.

    Args:
        design: (n, F) standardised factors.
        scores: (n, J) contributions of the images in percentage points.
        units: (n,) design unit of each network.
        added: (n, K) columns.
        gradient: (Q, F + K) what is wanted of the coefficients, the constant left out.
    """
    x = with_constant(design)
    left = added - x @ np.linalg.lstsq(x, added, rcond=None)[0]
    if (np.linalg.svd(left, compute_uv=False) ** 2).min() <= BORED * float((added**2).sum()):
        return "the other factors leave nothing of this term"
    x = np.column_stack([x, added])
    outcome = scores.mean(-1)
    slopes = np.linalg.solve(x.T @ x, x.T @ outcome)
    made = Equations(
        scores=x * (outcome - x @ slopes)[:, None],
        curvature=x[:, :, None] * x[:, None, :],
        shifts=[(x, scores - outcome[:, None])],
        gradient=np.column_stack([np.zeros(len(gradient)), gradient]),
    )
    return crossed(made.gradient @ slopes, made, units)


def fit_curve(
    design: Floats, scores: Floats, units: NDArray[np.intp], factor: int
) -> tuple[Crossed, float] | str:
    """How far the curve of one factor bulges above its chord, and p that it is a line.

    **Estimand.** In the best prediction that is linear in the other factors and a natural cubic
    spline in this one: its value half-way between the factor's extremes less the mean of its values
    at them, in points. The p value is that of a joint test of all curved parts.

    Args:
        design: (n, F) standardised factors.
        scores: (n, J) contributions of the images in percentage points.
        units: (n,) design unit of each network.
        factor: Column of the factor.
    """
    values = design[:, factor]
    knots = spline_knots(values)
    if len(knots) < 3:
        return "has two values: any effect is a line"
    low, high = float(knots[0]), float(knots[-1])
    curves = spline_curves(values, knots)
    at = spline_curves(np.array([low, (low + high) / 2, high]), knots)
    factors, k = design.shape[1], curves.shape[1]
    bulge = np.append(np.zeros(factors), at[1] - (at[0] + at[2]) / 2)[None]
    curved = np.eye(factors + k)[factors:]
    found = fit_added(design, scores, units, curves, np.vstack([bulge, curved]))
    if isinstance(found, str):
        return found
    return _part(found, slice(0, 1)), _part(found, slice(1, None)).joint()[1]


def fit_product(
    design: Floats, scores: Floats, units: NDArray[np.intp], pair: tuple[int, int]
) -> Crossed | str:
    """By how much the effect of one factor grows with another.

    **Estimand.** The coefficient of the product of two standardised factors in the best prediction
    that is linear in all factors and it: points per standard deviation of the one, per standard
    deviation of the other.

    Args:
        design: (n, F) standardised factors.
        scores: (n, J) contributions of the images in percentage points.
        units: (n,) design unit of each network.
        pair: Columns of the two factors.
    """
    product = design[:, [pair[0]]] * design[:, [pair[1]]]
    wanted = np.eye(design.shape[1] + 1)[-1:]
    return fit_added(design, scores, units, product, wanted)


def _part(made: Crossed, rows: slice) -> Crossed:
    """Some of the estimates."""
    return replace(
        made,
        estimate=made.estimate[rows],
        units=made.units[rows, rows],
        images=made.images[rows, rows],
        cells=made.cells[rows, rows],
    )
