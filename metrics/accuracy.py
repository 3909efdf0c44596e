"""Accuracy per condition, and means over conditions that share their images.

The Wilson interval is that of Wilson (1927). A mean over conditions judged on the same images is
not a binomial share: the outcomes of one image go together. Following Korn and Graubard (1998) the
Wilson formula is fed the *effective* sample size p (1 - p) / var(p), with the variance taken
between images and their t-quantile correction for the number of clusters; Dean and Pagano (2015)
found this combination to keep its coverage near 0 and 1, where the Wald interval collapses.
"""

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from metrics.estimate import LEVEL, Bits, Estimate, Floats, check_bits

PRIOR_IMAGES = 1.0  # simulated coverage then holds with 100 images at means down to 0.01


def wilson(successes: Floats, trials: Floats, level: float = LEVEL) -> Estimate:
    """Share with its Wilson interval.

    Covers `level` on average over shares, less at some and more at others.

    Args:
        successes: Number of successes, any shape; may be fractional (effective counts).
        trials: Number of trials, broadcastable; NaN results where it is 0.
        level: Confidence level in (0, 1).
    """
    return _interval(successes, trials, level, "wilson")


def clopper_pearson(successes: Floats, trials: Floats, level: float = LEVEL) -> Estimate:
    """Share with its interval of Clopper and Pearson (1934), which covers at least `level`.

    Args:
        successes: Number of successes, any shape.
        trials: Number of trials, broadcastable; NaN results where it is 0.
        level: Confidence level in (0, 1).
    """
    return _interval(successes, trials, level, "beta")


def _interval(successes: Floats, trials: Floats, level: float, method: str) -> Estimate:
    wins, tries = np.broadcast_arrays(np.asarray(successes, float), np.asarray(trials, float))
    value, low, high = (np.full(wins.shape, np.nan) for _ in range(3))
    known = tries > 0
    if known.any():
        value[known] = wins[known] / tries[known]
        low[known], high[known] = proportion_confint(
            wins[known], tries[known], alpha=1 - level, method=method
        )
    # rounding may leave the limits an ulp inside the value at 0 and 1
    return Estimate(value, np.minimum(low, value), np.maximum(high, value))


def accuracy(evaluated: Bits, correct: Bits, level: float = LEVEL) -> Estimate:
    """Share of the evaluated images that are right, with Wilson intervals.

    Args:
        evaluated: (..., M, I) which images were tried.
        correct: (..., M, I) which of them were right.
        level: Confidence level in (0, 1).

    Returns:
        (..., M) shares in [0, 1]; NaN where no image was tried.
    """
    check_bits(evaluated, correct, "accuracy")
    return wilson(correct.sum(-1), evaluated.sum(-1), level)


def image_scores(evaluated: Bits, correct: Bits, weights: Floats | None = None) -> Floats:
    """Weighted mean over conditions of right (1) or wrong (0), per image.

    Args:
        evaluated: (..., M, I) which images were tried.
        correct: (..., M, I) which of them were right.
        weights: (M,) non-negative weights, normalised here; equal when None.

    Returns:
        (..., I) scores in [0, 1]; NaN for an image not tried under every weighted condition.
    """
    check_bits(evaluated, correct, "image_scores")
    *_, m, _ = correct.shape
    share = np.full(m, 1 / m) if weights is None else np.asarray(weights, float)
    if share.shape != (m,) or share.min() < 0 or share.sum() <= 0:
        raise ValueError(
            f"image_scores.weights must be {m} non-negative numbers, not all 0; got {weights}. "
            "Give one weight per condition."
        )
    share = share / share.sum()
    scores: Floats = np.einsum("m,...mi->...i", share, correct, dtype=np.float64)
    whole = evaluated[..., share > 0, :].all(axis=-2)
    return np.where(whole, np.clip(scores, 0.0, 1.0), np.nan)


def mean_over_images(scores: Floats, conditions: float = 1.0, level: float = LEVEL) -> Estimate:
    """Mean of per-image scores with a Wilson interval at the effective sample size.

    With one condition the result is the plain Wilson interval.

    Args:
        scores: (..., I) in [0, 1], NaN for images that do not count.
        conditions: How many conditions a score averages; for unequal weights w, 1 / sum(w^2).
        level: Confidence level in (0, 1).

    Returns:
        (...) means; NaN where no image counts.
    """
    counted = np.isfinite(scores)
    images = np.maximum(counted.sum(-1), 1).astype(float)
    mean = np.where(counted, scores, 0.0).sum(-1) / images
    size = effective_size(np.where(counted, scores, np.nan), mean, conditions, level)
    size = np.where(counted.any(-1), size, 0.0)
    return wilson(mean * size, size, level)


def effective_size(scores: Floats, mean: Floats, conditions: float, level: float = LEVEL) -> Floats:
    """Number of independent trials that a mean over images and conditions is worth.

    Between I (all conditions agree on every image) and I x `conditions` (they are independent). The
    variance between images is known poorly when few images differ from all right or all wrong, so
    `PRIOR_IMAGES` images on which all conditions agree are added to those that do; with none, at a
    mean of 0 or 1, the size is I.

    Args:
        scores: (..., I) in [0, 1], NaN for images that do not count.
        mean: (...) their means.
        conditions: Conditions per image, at least 1.
        level: Confidence level the size is used at (Korn and Graubard 1998, t-quantile ratio).
    """
    counted = np.isfinite(scores)
    images = np.maximum(counted.sum(-1), 1).astype(float)
    away = np.where(counted, scores - mean[..., None], 0.0)
    spread = (away**2).sum(-1) / np.maximum(images - 1, 1)
    binomial = np.maximum(mean * (1 - mean), 1e-12)
    # 1 when an image's conditions all agree, 1 / conditions when they are independent
    agreement = np.clip(spread / binomial, 1 / conditions, 1.0)
    telling = np.minimum((scores > 0).sum(-1), (counted & (scores < 1)).sum(-1))
    agreement = (telling * agreement + PRIOR_IMAGES) / (telling + PRIOR_IMAGES)
    tail = (1 + level) / 2
    clusters = stats.t.ppf(tail, np.maximum(images - 1, 1))
    trials = stats.t.ppf(tail, np.maximum(images * conditions - 1, 1))
    size: Floats = np.maximum(images / agreement * (trials / clusters) ** 2, 1.0)
    return size
