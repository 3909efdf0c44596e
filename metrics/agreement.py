"""How far two ways to train the same networks agree: ranks, the best of them, attenuation.

Kendall's tau-b and Pearson's r are one formula, a normalised inner product of scores given to pairs
of networks (signs of differences, or the differences themselves; Daniels, Biometrika 1944). Top-k
overlap is the share of the best networks by one training that are among the best by another.

**Estimand.** What a comparison gives on average over draws of this many networks and this many
images from the same sources, the trainings' seeds and the image sample being part of what is
compared: it is pulled towards 0 by the noise of few images, as its ceiling is. The intervals of
tau, r and the slope come from networks and images resampled independently (Owen 2007, the
pigeonhole bootstrap), which errs on the safe side; they do not cover other seeds of the trainings.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from metrics.accuracy import wilson
from metrics.estimate import LEVEL, Estimate, Floats

SHARES = (0.05, 0.1, 0.25)
"""Of the networks that count as the best."""

BLOCK = 50
"""Draws at a time: bounds the memory at BLOCK x runs x networks x networks."""

MIN_NETWORKS = 10
"""Fewer say nothing about a correlation."""

DECIMALS = 10
"""Means that differ by less are tied (sums of shares in another order)."""

Pairs = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Agreement:
    """Agreement of two runs, or its mean over several pairs of runs.

    Attributes:
        tau: Kendall's tau-b in [-1, 1].
        correlation: Pearson's r in [-1, 1]; between two seeds of one training, its reliability.
        slope: Of a regression of the second run on the first: what a difference seen in the first
            is worth in the second, the attenuation.
        overlap: (K,) share of the best by the first run that are among the best by the second, one
            per share in `SHARES`; k / N by chance.
        draws: (D,) tau in every bootstrap draw.
    """

    tau: Estimate
    correlation: Estimate
    slope: Estimate
    overlap: Estimate
    draws: Floats


def agreement(
    scores: Floats, comparisons: Mapping[str, Pairs], draws: int, rng: np.random.Generator
) -> dict[str, Agreement]:
    """Agreement between runs of the same networks, judged on the same images.

    Args:
        scores: (R, N, J) contributions of J images to the score of N networks in R runs; the score
            is their mean.
        comparisons: Name to pairs of runs (first, second); a comparison is the mean over its pairs.
        draws: Of the bootstrap, the same for all comparisons.
        rng: Source of the draws.

    Returns:
        Per comparison; NaN where all networks of a run score the same, and no interval where one
        draw in twenty makes that so.

    Raises:
        ValueError: There are fewer than `MIN_NETWORKS` networks or 2 images.
    """
    r, n, j = scores.shape
    if n < MIN_NETWORKS or j < 2:
        raise ValueError(
            f"agreement.scores must be of at least {MIN_NETWORKS} networks and 2 images; got {n} "
            f"and {j}. Study more --networks."
        )
    means = scores.mean(-1)
    whole = _associations(means[None], np.ones((1, n)))[:, 0]
    drawn = np.full((3, draws, r, r), np.nan)
    for start in range(0, draws, BLOCK):
        b = min(BLOCK, draws - start)
        networks = rng.multinomial(n, np.full(n, 1 / n), size=b)
        images = rng.multinomial(j, np.full(j, 1 / j), size=b) / j
        values = np.einsum("bj,rnj->brn", images, scores, optimize=True)
        drawn[:, start : start + b] = _associations(values, networks.astype(float))
    best = np.stack([_overlaps(means, best_of(n, share)) for share in SHARES])
    sizes = np.array([best_of(n, share) for share in SHARES], float)
    found = {}
    for name, pairs in comparisons.items():
        first, second = np.array(pairs).T
        value = whole[:, first, second].mean(-1)
        spread = drawn[:, :, first, second].mean(-1)
        overlap = best[:, first, second].mean(-1)
        found[name] = Agreement(
            _bounded(value[0], spread[0], (n, j)),
            _bounded(value[1], spread[1], (n, j)),
            _unbounded(value[2], spread[2], (n, j)),
            wilson(overlap * sizes, sizes),
            spread[0],
        )
    return found


def best_of(networks: int, share: float) -> int:
    """How many networks are the best share of them, rounded up."""
    return math.ceil(round(share * networks, DECIMALS))


def tau_difference(first: Agreement, second: Agreement, networks: int) -> Estimate:
    """Tau of one comparison minus that of another made with the same draws of N networks."""
    value = first.tau.value - second.tau.value
    return _unbounded(value, first.draws - second.draws, (networks, networks))


def _associations(values: Floats, weights: Floats) -> Floats:
    """(3, b, R, R) tau-b, r and slopes (row: first run) of (b, R, N) values with (b, N) weights."""
    apart = np.round(values[..., :, None] - values[..., None, :], DECIMALS)
    root = np.sqrt(weights[:, :, None] * weights[:, None, :])[:, None]
    found = []
    for parts in (np.sign(apart) * root, apart * root):
        flat = parts.reshape(*values.shape[:2], -1)
        inner = flat @ flat.transpose(0, 2, 1)
        own = np.diagonal(inner, axis1=1, axis2=2)
        own = np.where(own > 0, own, np.nan)
        found.append(inner / np.sqrt(own[:, :, None] * own[:, None, :]))
    return np.stack([*found, inner / own[:, :, None]])


def _overlaps(means: Floats, k: int) -> Floats:
    """(R, R) expected share of the best k by one run among the best k by another, ties by lot."""
    rounded = np.round(means, DECIMALS)
    above = (rounded[:, None, :] > rounded[:, :, None]).sum(-1)
    tied = (rounded[:, None, :] == rounded[:, :, None]).sum(-1)
    chance = np.clip((k - above) / tied, 0.0, 1.0)  # (R, N) to be among the best
    shares: Floats = chance @ chance.T / k
    return shares


def _bounded(value: Floats, draws: Floats, size: tuple[int, int]) -> Estimate:
    """A correlation with an interval on Fisher's z scale, from the spread of (D,) draws."""
    edge = 1 - size[0] ** -2.0  # a draw may be perfect by chance, with an infinite z
    inner = _unbounded(
        np.arctanh(np.clip(value, -edge, edge)), np.arctanh(np.clip(draws, -edge, edge)), size
    )
    low, high = np.tanh(inner.low), np.tanh(inner.high)
    return Estimate(np.asarray(value), np.minimum(low, value), np.maximum(high, value))


def _unbounded(value: Floats, draws: Floats, size: tuple[int, int]) -> Estimate:
    """A value with the interval that the spread of (D,) draws amounts to; t quantiles."""
    known = np.isfinite(draws)
    error = np.nan if known.mean() < 0.95 else float(draws[known].std(ddof=1))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, min(size) - 1)) * error
    return Estimate(np.asarray(value), np.asarray(value - reach), np.asarray(value + reach))


def difference_of_means(first: Floats, second: Floats, level: float = LEVEL) -> Estimate:
    """Mean score of one kind of training minus that of another, over repetitions and images.

    Three errors add up: repetitions of the first, of the second (Welch 1947), and images, on which
    the kinds are compared in pairs; degrees of freedom after Satterthwaite (1946). What a single
    repetition does on a single image is in all of them, so the sum errs on the safe side.

    Args:
        first: (S, J) contributions of J images in S repetitions.
        second: (T, J) of the other kind, on the same images.
        level: Confidence level in (0, 1).

    Returns:
        Scalars; no interval, NaN, with fewer than 2 repetitions of either.
    """
    value = first.mean() - second.mean()
    if min(len(first), len(second)) < 2:
        return Estimate(value, np.asarray(np.nan), np.asarray(np.nan))
    samples = [first.mean(1), second.mean(1), first.mean(0) - second.mean(0)]
    parts = np.array([sample.var(ddof=1) / len(sample) for sample in samples])
    degrees = np.array([len(sample) - 1.0 for sample in samples])
    total = float(parts.sum())
    freedom = total**2 / max(float((parts**2 / degrees).sum()), 1e-300)
    reach = float(stats.t.ppf((1 + level) / 2, max(freedom, 1.0))) * math.sqrt(total)
    return Estimate(value, np.asarray(value - reach), np.asarray(value + reach))
