"""Running shares down a ranking, and the interval of a mean of them over images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.accuracy import wilson
from metrics.estimate import LEVEL, Bits, Estimate, Floats


@dataclass(frozen=True)
class Ranking:
    """Images from the highest score down, rows independent of each other.

    Attributes:
        order: (..., I) image at each place.
        first: (..., I) first place of the images with a place's score.
        last: (..., I) last place of them.
    """

    order: NDArray[np.intp]
    first: NDArray[np.intp]
    last: NDArray[np.intp]

    def ordered(self, values: Floats | Bits) -> Floats:
        """(..., I) values of the images, by place."""
        wide = np.broadcast_to(values, self.order.shape)
        return np.take_along_axis(wide, self.order, -1).astype(np.float64)

    def tied(self, values: Floats) -> Floats:
        """(..., I) values by place, each replaced by the mean over the places of its score."""
        before = np.concatenate([np.zeros_like(values[..., :1]), values.cumsum(-1)], axis=-1)
        above, through = (
            np.take_along_axis(before, places, -1) for places in (self.first, self.last + 1)
        )
        mean: Floats = (through - above) / (self.last + 1 - self.first)
        return mean


def ranking(scores: Floats, owner: str) -> Ranking:
    """The ranking of (..., I) scores, highest first.

    Raises:
        ValueError: There is no image, or a score is not a finite number.
    """
    if scores.shape[-1] == 0 or not np.isfinite(scores).all():
        raise ValueError(
            f"{owner} must be finite numbers of at least 1 image; got shape {scores.shape} with "
            f"{int(np.sum(~np.isfinite(scores)))} that are not. Select the evaluated images."
        )
    order = np.argsort(-scores, axis=-1, kind="stable")
    by_place = np.take_along_axis(scores, order, -1)
    places = np.broadcast_to(np.arange(scores.shape[-1]), order.shape)
    change = by_place[..., 1:] != by_place[..., :-1]
    edge = np.ones_like(order[..., :1], dtype=bool)
    first = np.maximum.accumulate(
        np.where(np.concatenate([edge, change], axis=-1), places, 0), axis=-1
    )
    ends = np.where(np.concatenate([change, edge], axis=-1), places, scores.shape[-1])
    last = np.minimum.accumulate(ends[..., ::-1], axis=-1)[..., ::-1]
    return Ranking(order, first, last)


def suffix_sums(values: Floats) -> Floats:
    """(..., I) sums from each place to the last."""
    sums: Floats = values[..., ::-1].cumsum(-1)[..., ::-1]
    return sums


def wilson_of_variance(
    mean: Floats, variance: Floats, edge: Floats | float, level: float = LEVEL
) -> Estimate:
    """A mean in [0, 1] with the Wilson interval at the sample size its variance amounts to.

    As in `metrics.accuracy.mean_over_images`, p (1 - p) / var(p) stands for the sample size.

    Args:
        mean: (...) values in [0, 1].
        variance: (...) estimates of their variance.
        edge: Sample size to take where the variance is 0, as it is at a mean of 0 or 1.
        level: Confidence level in (0, 1).
    """
    spread = mean * (1 - mean)
    known = variance > 1e-15
    size = np.where(known, spread / np.where(known, variance, 1.0), edge)
    size = np.maximum(size, 1.0)
    return wilson(mean * size, size, level)
