"""Regression on clean accuracy, which is itself measured, and on the same images as the outcome.

The luck of a network on its images is in both accuracies: alone in the regressor it would pull the
slope towards 0, shared it pulls it towards the slope of the luck. Both parts are known from the
single images and are taken off the moments before solving (Fuller 1987, section 3.1.2, correlated
errors). What all networks lose on an image, or all of equal factors, moves none against another at
equal factors and is no such error, so it is taken out of the single answers first. Adding noise by
SIMEX would mend only the part that is not shared.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.regressions.crossed import Crossed, Equations, crossed
from analysis.regressions.linear import with_constant
from metrics import Floats

LEAST = 0.25  # reliability of clean accuracy, given the factors, below which nothing is corrected
LEAST_SPLIT = 0.5  # the same for halves of the images, whose own reliability is lower


@dataclass(frozen=True)
class Measured:
    """Networks whose outcome and one regressor are both means over the same J images.

    Attributes:
        design: (n, F) factors known without error, standardised.
        clean: (n, J) contributions of the images to the regressor, in points.
        scores: (n, J) contributions of the same images to the outcome, in points.
    """

    design: Floats
    clean: Floats
    scores: Floats


def reliability_given(made: Measured) -> float:
    """Share of the regressor's variance left by the factors that is no luck on these images."""
    left = float((_without_factors(made.design, made.clean).mean(1) ** 2).sum())
    luck = float(_luck(made, made.clean).mean(1).sum())
    return max(0.0, 1 - luck / max(left, 1e-300))


def fit_corrected(made: Measured, units: NDArray[np.intp]) -> tuple[Crossed, float] | str:
    """Coefficients of clean accuracy and of the factors, errors in measurement taken off.

    **Estimand.** The best linear prediction of the outcome from the clean accuracy that networks of
    this design have on all images of this source, and from the factors: points per point, and
    points per standard deviation of a factor at equal clean accuracy. With the reliability.

    Args:
        made: What was measured.
        units: (n,) design unit of each network.
    """
    share = reliability_given(made)
    if share < LEAST:
        return _unreliable(made, share, LEAST)
    found = _fit(made, units, _luck(made, made.scores), _luck(made, made.clean))
    return found if isinstance(found, str) else (found, share)


def fit_uncorrected(made: Measured, units: NDArray[np.intp]) -> tuple[Crossed, float] | str:
    """Least squares on the clean accuracy as it was measured, for comparison.

    **Estimand.** As of `fit_corrected`, of accuracies measured on this many images: the luck they
    share is in it.
    """
    none = np.zeros_like(made.clean)
    found = _fit(made, units, none, none)
    return found if isinstance(found, str) else (found, reliability_given(made))


def _unreliable(made: Measured, share: float, least: float) -> str:
    what = "that the factors leave" if made.design.shape[1] else "between networks"
    return (
        f"other images would repeat only {100 * share:.0f} % of the differences in clean accuracy "
        f"{what}; needs {100 * least:.0f} %"
    )


def _luck(made: Measured, other: Floats) -> Floats:
    """(n, J) products of the luck in clean accuracy with that in `other`.

    Luck is what is left of the single answers without the factors (which the regression holds, on
    every image), the image and the network. Means over J add up over networks to how far luck moves
    the sum of products of the networks' means.
    """
    first, second = (_without_factors(made.design, a) for a in (made.clean, other))
    first, second = (a - a.mean(1, keepdims=True) for a in (first, second))
    product: Floats = first * second / (first.shape[1] - 1)
    return product


def _without_factors(design: Floats, values: Floats) -> Floats:
    """(n, J) residuals of a regression on the factors and a constant, image by image."""
    x = with_constant(design)
    left: Floats = values - x @ np.linalg.lstsq(x, values, rcond=None)[0]
    return left


def _fit(made: Measured, units: NDArray[np.intp], both: Floats, alone: Floats) -> Crossed | str:
    """The corrected moment equations, solved; (n, J) luck in both and in the regressor alone."""
    x = np.column_stack([made.clean.mean(-1), with_constant(made.design)])
    center = x[:, 0].mean()
    x[:, 0] -= center
    y = made.scores.mean(-1)
    first = np.zeros(x.shape[1])
    first[0] = 1.0
    off, noise = both.mean(1), alone.mean(1)
    curvature = x[:, :, None] * x[:, None, :] - noise[:, None, None] * np.outer(first, first)
    slopes = np.linalg.solve(curvature.sum(0), x.T @ y - first * off.sum())
    residual = y - x @ slopes
    psi = x * residual[:, None] - first * (off - noise * slopes[0])[:, None]
    by_clean = first * residual[:, None] - slopes[0] * x
    luck = both - slopes[0] * alone
    shifts = [
        (by_clean, made.clean - made.clean.mean(-1, keepdims=True)),
        (x, made.scores - y[:, None]),
        (np.broadcast_to(-first, x.shape), luck - luck.mean(-1, keepdims=True)),
    ]
    keep = _without_constant(made.design.shape[1])
    return crossed(keep @ slopes, Equations(psi, curvature, shifts, keep), units)


def fit_split(made: Measured, units: NDArray[np.intp]) -> tuple[Crossed, float] | str:
    """The same from two halves of the images that share no luck, swapped and averaged; a check.

    Outcome and clean accuracy are taken from one half, and clean accuracy on the other half is the
    instrument (Fuller 1987, section 1.4), so no luck enters twice. The halves are images at even
    and at odd positions.

    **Estimand.** As of `fit_corrected`. With half of the images on each side it is less sure.

    Args:
        made: What was measured.
        units: (n,) design unit of each network.
    """
    share = reliability_given(made)
    if share < LEAST_SPLIT:
        return _unreliable(made, share, LEAST_SPLIT)
    halves = [np.arange(made.clean.shape[1]) % 2 == side for side in (0, 1)]
    plain = with_constant(made.design)
    x = [np.column_stack([made.clean[:, half].mean(1), plain]) for half in halves]
    y = [made.scores[:, half].mean(1) for half in halves]
    # the first fit is judged on half 0 with half 1 as its instrument, the second the other way
    slopes = [np.linalg.solve(x[1 - s].T @ x[s], x[1 - s].T @ y[s]) for s in (0, 1)]
    left = [(y[s] - x[s] @ slopes[s])[:, None] for s in (0, 1)]
    n, p = x[0].shape
    curvature = np.zeros((n, 2 * p, 2 * p))
    curvature[:, :p, :p] = x[1][:, :, None] * x[0][:, None, :]
    curvature[:, p:, p:] = x[0][:, :, None] * x[1][:, None, :]
    shifts = []
    for s, half in enumerate(halves):
        as_instrument = np.eye(1, p) * left[1 - s]
        by_clean = [-slopes[s][0] * x[1 - s], as_instrument]
        by_score = [x[1 - s], np.zeros((n, p))]
        order = (0, 1) if s == 0 else (1, 0)
        for by, values in ((by_clean, made.clean), (by_score, made.scores)):
            shifts.append((np.column_stack([by[k] for k in order]), _away(values, half)))
    psi = np.column_stack([x[1] * left[0], x[0] * left[1]])
    keep = np.tile(_without_constant(made.design.shape[1]), 2) / 2
    equations = Equations(psi, curvature, shifts, keep)
    found = crossed(keep @ np.concatenate(slopes), equations, units)
    return found if isinstance(found, str) else (found, share)


def _away(values: Floats, half: NDArray[np.bool_]) -> Floats:
    """(n, J) how each image moves the mean over a half; 0 for images of the other half."""
    mean = values[:, half].mean(1, keepdims=True)
    moved: Floats = np.where(half, (values - mean) / half.mean(), 0.0)
    return moved


def _without_constant(factors: int) -> Floats:
    """(F + 1, F + 2) form that takes clean accuracy and the factors, not the constant between."""
    return np.delete(np.eye(factors + 2), 1, axis=0)
