"""System noise deviation: how much accuracy moves when only decoder or resizer changes."""

import numpy as np
from scipy import stats

from metrics.estimate import LEVEL, Bits, Estimate, Floats


def system_noise_deviation(correct: Bits, level: float = LEVEL) -> Estimate:
    """NSD: minus the standard deviation over variants of accuracy, in percentage points.

    Larger (nearer to 0) is better. The standard deviation is that of the V variants themselves
    (divisor V). The estimate leans away from 0 because sampling noise adds to the spread.

    Args:
        correct: (..., V, I) right or wrong of the same I images under V pixel-distinct variants.
        level: Confidence level in (0, 1).

    Returns:
        (...) in [-50, 0], with a delta-method interval over images. At a spread of 0, where the
        delta method fails, the far limit is the noise of a spread of equal accuracies, and at least
        what images flipping in one variant would make at the Wilson limit of 0 flips in I images.
    """
    *_, v, images = correct.shape
    if v < 2:
        raise ValueError(
            f"system_noise_deviation.correct must hold at least 2 variants; got {v}. "
            "Evaluate more system noises."
        )
    quantile = float(stats.norm.ppf((1 + level) / 2))
    spread = np.std(correct.mean(-1), axis=-1)
    influence = deviation_influence(correct)
    error = quantile * np.sqrt((influence**2).sum(-1)) / max(images - 1, 1) ** 0.5 / images**0.5
    centred = correct - correct.mean(axis=-2, keepdims=True)
    noise = quantile * np.sqrt(centred.var(axis=-1).mean(-1) / images)
    flips = quantile**2 / (images + quantile**2) * np.sqrt(v - 1) / v
    error = np.where(spread > 1e-12, error, np.maximum(noise, flips))
    low, high = np.clip(spread - error, 0, 0.5), np.clip(spread + error, 0, 0.5)
    return Estimate(-100 * spread, -100 * high, -100 * low)


def deviation_influence(correct: Bits) -> Floats:
    """Per-image influence on the standard deviation over variants, as a share (not negated).

    The derivative of the standard deviation with respect to the weight of each image; its mean over
    images is 0, and it is 0 everywhere when the accuracies are equal.

    Args:
        correct: (..., V, I) right or wrong.

    Returns:
        (..., I) influences.
    """
    *_, v, _ = correct.shape
    share = correct.mean(-1)
    away = share - share.mean(-1, keepdims=True)
    spread = np.std(share, axis=-1, keepdims=True)
    flat = spread <= 1e-12
    slope = np.where(flat, 0.0, away / (v * np.where(flat, 1.0, spread)))
    raw = np.einsum("...v,...vi->...i", slope, correct, dtype=np.float64)
    influence: Floats = raw - raw.mean(-1, keepdims=True)
    return influence
