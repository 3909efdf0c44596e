"""Telling images of unknown classes from known ones by a score, as ImageNet-O asks.

Hendrycks et al. (CVPR 2021, arXiv 1907.07174): the score is minus the confidence among the classes
that ImageNet-O was collected for, images of ImageNet-O are positive, the validation images of those
classes are not, and the area under the precision-recall curve is the average precision.
"""

import numpy as np

from metrics.estimate import LEVEL, Bits, Estimate, Floats
from metrics.ranking import ranking, suffix_sums, wilson_of_variance


def average_precision(scores: Floats, positive: Bits, level: float = LEVEL) -> Estimate:
    """AUPR: mean over the positive images of the precision at their score.

    Equal scores are one threshold, as in scikit-learn. A score that says nothing gives the share of
    positive images, so the value depends on how many of either kind there are.

    Args:
        scores: (..., I) scores, higher for what looks more positive.
        positive: (I,) which images are positive; at least one of either kind.
        level: Confidence level in (0, 1).

    Returns:
        (...) in [0, 1]; the interval is over images, drawn anew among the positive and among the
        others: delta method, as a Wilson interval at the sample size that its variance amounts to.
    """
    if positive.dtype != np.bool_ or positive.shape != scores.shape[-1:] or len(set(positive)) < 2:
        raise ValueError(
            "average_precision.positive must be bool, one per score, with images of either kind; "
            f"got {positive.dtype} of shape {positive.shape} with {int(np.sum(positive))} "
            f"positive for scores of shape {scores.shape}. Score both sets of images."
        )
    ranked = ranking(scores, "average_precision.scores")
    wins = ranked.ordered(positive)
    tries = ranked.last + 1.0
    precision = np.take_along_axis(wins.cumsum(-1), ranked.last, -1) / tries
    total = float(positive.sum())
    value = (wins * precision).sum(-1) / total
    # derivative by the weight of each image: its own term, and what it does to those at or below it
    own = wins * (precision - value[..., None])
    gain = np.take_along_axis(suffix_sums(wins / tries), ranked.first, -1)
    loss = np.take_along_axis(suffix_sums(wins * precision / tries), ranked.first, -1)
    influence = (own + wins * gain - loss) / total
    variance = np.zeros_like(value)
    for kind in (wins, 1 - wins):
        mean = (kind * influence).sum(-1) / kind.sum(-1)
        count = kind.sum(-1)
        squares = (kind * (influence - mean[..., None]) ** 2).sum(-1)
        variance += squares * count / np.maximum(count - 1, 1)
    return wilson_of_variance(value, variance, total, level)
