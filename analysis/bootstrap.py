"""Crossed bootstrap of correlations: design units and images resampled together.

Owen (2007), "The pigeonhole bootstrap": rows (here design units of networks) and columns (images)
are resampled independently and every cell gets the product of their weights. It errs on the safe
side: the variance of network-by-image noise is counted more than once. Ranks are recomputed in
every draw. The interval is not read off the draws, which are biased towards 0 by the added noise of
the resampled images; only their standard deviation on Fisher's z scale is used.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from metrics import LEVEL, Floats

METHODS = ("pearson", "spearman")
BLOCK = 100  # draws at a time: bounds the memory at BLOCK x variables x networks
MIN_UNITS = 10  # fewer independent networks say nothing about a correlation


@dataclass(frozen=True)
class Data:
    """Networks to correlate over.

    Attributes:
        factors: (F, N) values known without error.
        scores: Per outcome (N, J) contributions of its images.
        images: Per outcome (J,) positions of those images among all I.
        units: (N,) design unit of each network, consecutive integers.
    """

    factors: Floats
    scores: Sequence[Floats]
    images: Sequence[NDArray[np.intp]]
    units: NDArray[np.intp]


@dataclass(frozen=True)
class Correlations:
    """Correlations of O outcomes with F factors followed by the O outcomes, (O, F + O) each.

    Attributes:
        estimate: Correlation over the networks as they are; NaN where a variable is constant.
        low: Lower limit of the 95 % interval.
        high: Upper limit.
        p: Two-sided p value of no correlation.
    """

    estimate: Floats
    low: Floats
    high: Floats
    p: Floats


def correlate(data: Data, draws: int, rng: np.random.Generator) -> dict[str, Correlations]:
    """Pearson and Spearman correlations with bootstrap intervals and p values.

    Args:
        data: The networks; at least `MIN_UNITS` design units for any interval.
        draws: Number of bootstrap draws.
        rng: Source of the draws.

    Returns:
        Method name to correlations. Interval and p come from the bootstrap standard error of
        atanh(r), with t quantiles at one less than the smaller of units and images. Both are NaN
        where more than one draw in twenty made a variable constant.
    """
    n = data.factors.shape[1]
    outcomes = np.stack([scores.mean(-1) for scores in data.scores])[None]
    whole = _both(data.factors, outcomes, np.ones((1, n)))
    parts = [_both(data.factors, y, w) for y, w in resample(data, draws, rng)]
    degrees = min(int(data.units.max()) + 1, *(len(images) for images in data.images)) - 1
    return {
        method: _infer(
            whole[method][0], np.concatenate([p[method] for p in parts]), degrees, 1 - n**-2.0
        )
        for method in METHODS
    }


def resample(data: Data, draws: int, rng: np.random.Generator) -> Iterator[tuple[Floats, Floats]]:
    """Blocks of (b, O, N) outcomes over resampled images and (b, N) weights of networks."""
    n_units = int(data.units.max()) + 1
    n_images = max(int(images.max()) for images in data.images) + 1
    for start in range(0, draws, BLOCK):
        b = min(BLOCK, draws - start)
        units = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=b)
        images = rng.multinomial(n_images, np.full(n_images, 1 / n_images), size=b)
        outcomes = [
            resampled_mean(scores, images[:, chosen])
            for scores, chosen in zip(data.scores, data.images, strict=True)
        ]
        yield np.stack(outcomes, axis=1), units[:, data.units].astype(float)


def resampled_mean(scores: Floats, counts: NDArray[np.int64]) -> Floats:
    """(b, N) means of (N, J) contributions under (b, J) image counts."""
    total = np.maximum(counts.sum(-1, keepdims=True), 1)
    mean: Floats = (counts / total) @ scores.T
    return mean


def _both(factors: Floats, outcomes: Floats, weights: Floats) -> dict[str, Floats]:
    """Method name to (b, O, F + O) correlations of (F, N) and (b, O, N) under (b, N) weights."""
    b, _, _ = outcomes.shape
    fixed = np.broadcast_to(factors, (b, *factors.shape))
    values = np.concatenate([fixed, outcomes], axis=1)
    ranks = weighted_ranks(values, weights[:, None, :])
    n_factors = len(factors)
    result = {}
    for method, variables in zip(METHODS, (values, ranks), strict=True):
        unit = _normalised(variables, weights[:, None, :])
        result[method] = unit[:, n_factors:] @ unit.transpose(0, 2, 1)
    return result


def _normalised(values: Floats, weights: Floats) -> Floats:
    """Weighted-centred rows of unit length, times the root of the weights; NaN for constants."""
    total = weights.sum(-1, keepdims=True)
    centred = values - (values * weights).sum(-1, keepdims=True) / total
    scaled = centred * np.sqrt(weights)
    length = np.sqrt((scaled**2).sum(-1, keepdims=True))
    size = np.sqrt((values**2 * weights).sum(-1, keepdims=True))
    constant = length <= 1e-9 * np.maximum(size, 1e-300)
    return np.where(constant, np.nan, scaled / np.where(constant, 1.0, length))


def weighted_ranks(values: Floats, weights: Floats) -> Floats:
    """Midranks in the sample that repeats every value as often as its weight says.

    Args:
        values: (..., N); values closer than 1e-10 count as tied (sums of shares in another order).
        weights: (..., N) non-negative counts, broadcastable.

    Returns:
        (..., N) ranks from 1; equal to scipy.stats.rankdata when all weights are 1.
    """
    rounded = np.round(values, 10)
    order = np.argsort(rounded, axis=-1)
    ordered = np.take_along_axis(rounded, order, -1)
    counts = np.take_along_axis(np.broadcast_to(weights, values.shape), order, -1)
    through = counts.cumsum(-1)
    edge = np.ones((*ordered.shape[:-1], 1), bool)
    differs = ordered[..., 1:] != ordered[..., :-1]
    first, last = np.concatenate([edge, differs], -1), np.concatenate([differs, edge], -1)
    before = np.maximum.accumulate(np.where(first, through - counts, 0.0), axis=-1)
    after = np.where(last, through, np.inf)[..., ::-1]
    after = np.minimum.accumulate(after, axis=-1)[..., ::-1]
    ranks = np.empty_like(through)
    np.put_along_axis(ranks, order, (before + after + 1) / 2, -1)
    return ranks


def _infer(estimate: Floats, draws: Floats, degrees: int, edge: float) -> Correlations:
    """Interval and p value from (O, V) correlations and their (draws, O, V) bootstrap draws.

    Correlations beyond `edge` count as `edge`: a draw of few networks may be perfectly correlated
    by chance, and its infinite z would make the standard error meaningless.
    """
    known = np.isfinite(draws)
    z = np.arctanh(np.clip(np.where(known, draws, 0.0), -edge, edge))
    count = np.maximum(known.sum(0), 2)
    mean = z.sum(0) / count
    error = np.sqrt((np.where(known, z - mean, 0.0) ** 2).sum(0) / (count - 1))
    usable = (known.mean(0) >= 0.95) & np.isfinite(estimate) & (degrees + 1 >= MIN_UNITS)
    error = np.where(usable, np.maximum(error, 1e-12), np.nan)
    centre = np.arctanh(np.clip(estimate, -edge, edge))
    reach = stats.t.ppf((1 + LEVEL) / 2, max(degrees, 1)) * error
    p = 2 * stats.t.sf(np.abs(centre) / error, max(degrees, 1))
    low, high = np.tanh(centre - reach), np.tanh(centre + reach)
    estimate = np.clip(estimate, -1.0, 1.0)
    low, high = np.minimum(low, estimate), np.maximum(high, estimate)
    return Correlations(estimate, low, high, np.where(usable, p, np.nan))
