"""Difference between two networks judged on the same images, with its interval."""

import numpy as np

from metrics.accuracy import wilson
from metrics.estimate import LEVEL, Bits, Estimate, Floats

DRAWS = 2000


def newcombe_difference(first: Bits, second: Bits, level: float = LEVEL) -> Estimate:
    """Accuracy of the first network minus that of the second, with a closed-form interval.

    Newcombe (1998), "Improved confidence intervals for the difference between binomial proportions
    based on paired data", method 10: the Wilson limits of both accuracies, joined by their
    correlation over images, which is continuity-corrected.

    Args:
        first: (..., I) images that the first answered rightly.
        second: (..., I) those of the second, the same images.
        level: Confidence level in (0, 1).

    Raises:
        ValueError: The bits are not bool, or there is no image.
    """
    for name, bits in (("first", first), ("second", second)):
        if bits.dtype != np.bool_ or bits.shape[-1] == 0:
            raise ValueError(
                f"newcombe_difference.{name} must be bool for at least 1 image; got {bits.dtype} "
                f"of shape {bits.shape}. Select the images that were evaluated for both."
            )
    n = np.broadcast_shapes(first.shape, second.shape)[-1]
    # the fourfold table: right both, first alone, second alone, neither
    table = [(x & y).sum(-1) for x in (first, ~first) for y in (second, ~second)]
    one, two = wilson(table[0] + table[1], n, level), wilson(table[0] + table[2], n, level)
    value, phi = one.value - two.value, _correlation(*(cell.astype(float) for cell in table))
    low = value - _joined(one.value - one.low, two.high - two.value, phi)
    high = value + _joined(two.value - two.low, one.high - one.value, phi)
    return Estimate(value, np.minimum(low, value), np.maximum(high, value))


def _joined(one: Floats, two: Floats, correlation: Floats) -> Floats:
    """Error of a difference from the errors of its parts."""
    return np.sqrt(np.maximum(one**2 - 2 * correlation * one * two + two**2, 0.0))


def _correlation(both: Floats, first: Floats, second: Floats, neither: Floats) -> Floats:
    """Continuity-corrected correlation over images, 0 where a network never varies."""
    lead = both * neither - first * second
    n = both + first + second + neither
    lead = np.where(lead > 0, np.maximum(lead - n / 2, 0.0), lead)
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    return np.where(margins > 0, lead / np.sqrt(np.maximum(margins, 1.0)), 0.0)


def bootstrap_difference(
    first: Floats,
    second: Floats,
    rng: np.random.Generator,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> Estimate:
    """Mean score of the first network minus that of the second, paired bootstrap over images.

    Percentiles of the draws. Two images are added, on which either network leads by the root mean
    square of the differences that are not 0 (by 1 where there is none), as Bonett and Price (2012)
    add them to bits: without them networks that agree on these images would differ by 0 for sure.
    All pairs share their draws of images.

    Args:
        first: (..., I) contributions of the images to the score of the first.
        second: (..., I) of the second, the same images, broadcastable.
        rng: Source of the draws.
        draws: Number of draws.
        level: Confidence level in (0, 1).
    """
    apart = np.asarray(first, float) - np.asarray(second, float)
    if apart.shape[-1] == 0 or not np.isfinite(apart).all():
        raise ValueError(
            "bootstrap_difference.first must be finite numbers of at least 1 image, like second; "
            f"got differences of shape {apart.shape} with {int((~np.isfinite(apart)).sum())} that "
            "are not. Leave failed networks out."
        )
    told = (apart != 0).sum(-1)
    size = np.sqrt((apart**2).sum(-1) / np.maximum(told, 1))
    size = np.where(told > 0, size, 1.0)[..., None]
    padded = np.concatenate([apart, size, -size], axis=-1)
    n = padded.shape[-1]
    weights = rng.multinomial(n, np.full(n, 1 / n), size=draws) / n
    tail = (1 - level) / 2
    low, high = np.quantile(padded @ weights.T, [tail, 1 - tail], axis=-1)
    value = apart.mean(-1)
    return Estimate(value, np.minimum(low, value), np.maximum(high, value))
