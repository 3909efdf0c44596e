"""Intervals of LMG shares: design units resampled, and images resampled.

**Estimand.** The shares of variance that the groups explain over infinitely many networks of this
design, in the accuracy that as many images of the same source measure with these supernet weights.

The variance of a share is the sum of two bootstrap variances: design units drawn again with the
images as they are, and images drawn again with the networks as they are. The noise of single
outcomes is in both; few units of unequal size still cost up to a point of coverage. Drawing
networks again also shows by how much finite samples overstate shares; intervals are centred on the
share without that excess. They are made on two scales, plain (right where a share is about 0) and
the arc sine of its root (on which the error of a larger share depends little on the share), and the
wider limit is given.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis.bootstrap import BLOCK, Data, resampled_mean
from analysis.importance.shares import Moments, Shares, lmg
from metrics import LEVEL, Floats

DRAWS = 500  # of units, and as many of images


@dataclass(frozen=True)
class Bounded:
    """Numbers with 95 % intervals, all of one shape.

    Attributes:
        value: As computed over the networks as they are.
        low: Lower limit.
        high: Upper limit.
    """

    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class ShareIntervals:
    """LMG shares of G groups for K outcomes.

    Attributes:
        share: (G, K) shares of the outcome's variance, in [0, 1].
        r2: (K,) share that all groups explain together.
        error: (G, K) Monte Carlo standard error of the shares, 0 where they are exact.
    """

    share: Bounded
    r2: Bounded
    error: Floats


def share_intervals(
    data: Data, sizes: Sequence[int], rng: np.random.Generator, draws: int = DRAWS
) -> ShareIntervals:
    """LMG shares with 95 % intervals.

    Args:
        data: Networks with their columns as `factors`, group after group, and K outcomes that
            differ between networks.
        sizes: (G,) columns of each group.
        rng: Source of the draws.
        draws: Of design units, and as many of images.
    """
    x = data.factors.T - data.factors.mean(1)
    y = np.stack([scores.mean(-1) for scores in data.scores], axis=1)
    n = len(x)
    whole = lmg(_moments(x, y, np.ones((1, n))), sizes)
    # beyond the exact limit, fewer orders serve a draw: their error adds little to its spread
    units = [lmg(_moments(x, y, w), sizes, orders=100) for w in _unit_weights(data, draws, rng)]
    images = [lmg(m, sizes, orders=100) for m in _image_moments(data, x, draws, rng)]
    counts = np.bincount(data.units)
    # units of unequal size are worth fewer of equal size (Kish 1965)
    amount = (n**2 / float((counts**2).sum()), min(len(i) for i in data.images))
    share = bounded(whole.share[0], _gather(units, "share"), _gather(images, "share"), amount)
    r2 = bounded(whole.r2[0], _gather(units, "r2"), _gather(images, "r2"), amount)
    return ShareIntervals(share, r2, whole.error[0])


def _gather(parts: Sequence[Shares], name: str) -> Floats:
    return np.concatenate([getattr(part, name) for part in parts])


def bounded(value: Floats, units: Floats, images: Floats, sizes: tuple[float, int]) -> Bounded:
    """Interval in [0, 1] from the value, its draws along axis 0, and how many units and images."""
    plain = _limits(value, units, images, sizes)
    angles = _limits(_angle(value), _angle(units), _angle(images), sizes)
    angles = tuple(np.sin(np.clip(side, 0, np.pi / 2)) ** 2 for side in angles)
    low, high = np.minimum(plain[0], angles[0]), np.maximum(plain[1], angles[1])
    return Bounded(value, np.clip(low, 0, value), np.clip(high, value, 1))


def _limits(
    value: Floats, units: Floats, images: Floats, sizes: tuple[float, int]
) -> tuple[Floats, ...]:
    """Limits of the interval, without the excess that drawing networks again shows."""
    n_units, n_images = sizes
    of_units = units.var(0, ddof=1) * n_units / (n_units - 1)
    of_images = images.var(0, ddof=1) * n_images / (n_images - 1)
    t = stats.t.ppf((1 + LEVEL) / 2, max(min(n_units, n_images) - 1, 1))
    reach = t * np.sqrt(of_units + of_images)
    centre = 2 * value - units.mean(0)
    return centre - reach, centre + reach


def _angle(share: Floats) -> Floats:
    """Arc sine of the root of shares, whose error depends little on their size."""
    return np.arcsin(np.sqrt(np.clip(share, 0, 1)))


def _unit_weights(data: Data, draws: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Blocks of (b, N) weights: how often each network's design unit was drawn."""
    n_units = int(data.units.max()) + 1
    for start in range(0, draws, BLOCK):
        size = min(BLOCK, draws - start)
        counts = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=size)
        yield counts[:, data.units].astype(float)


def _image_moments(
    data: Data, x: Floats, draws: int, rng: np.random.Generator
) -> Iterator[Moments]:
    """Blocks of moments over images drawn again; (N, P) `x` is centred."""
    n, n_images = len(x), max(int(images.max()) for images in data.images) + 1
    for start in range(0, draws, BLOCK):
        size = min(BLOCK, draws - start)
        counts = rng.multinomial(n_images, np.full(n_images, 1 / n_images), size=size)
        means = [
            resampled_mean(scores, counts[:, chosen])
            for scores, chosen in zip(data.scores, data.images, strict=True)
        ]
        y = np.stack(means, axis=-1)  # (b, N, K)
        yield Moments((x.T @ x / n)[None], x.T @ y / n, y.var(1))


def _moments(x: Floats, y: Floats, weights: Floats) -> Moments:
    """Moments of (N, P) columns and (N, K) outcomes under (b, N) weights."""
    z = np.concatenate([x, y - y.mean(0)], axis=1)
    p, q = x.shape[1], z.shape[1]
    rows, columns = np.triu_indices(q)
    total = weights.sum(1, keepdims=True)
    mean = weights @ z / total
    second = np.empty((len(weights), q, q))
    upper = weights @ (z[:, rows] * z[:, columns]) / total
    second[:, rows, columns] = second[:, columns, rows] = upper
    second -= mean[:, :, None] * mean[:, None, :]
    outcomes = np.maximum(np.diagonal(second, axis1=1, axis2=2)[:, p:], 0.0)
    return Moments(second[:, :p, :p], second[:, :p, p:], outcomes)
