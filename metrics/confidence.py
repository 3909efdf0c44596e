"""Confidence, and whether it can be trusted: RMS calibration error and AURRA.

Both as in Hendrycks et al. (CVPR 2021, arXiv 1907.07174), who report them on ImageNet-A. Images of
equal confidence, many where it is stored as float16, count as the mean over all their orders; the
published code takes whatever order its sort leaves.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from metrics.estimate import LEVEL, Bits, Estimate, Floats
from metrics.ranking import Ranking, ranking, suffix_sums, wilson_of_variance

BIN_IMAGES = 100


def confident_class(
    logits: Floats, classes: NDArray[np.int_] | None = None
) -> tuple[NDArray[np.int_], Floats]:
    """The predicted class and its softmax, among all classes or among those of a list.

    ImageNet-A and -O are judged among the 200 classes they were collected for (a list each).

    Args:
        logits: (..., K) outputs of a network.
        classes: (C,) ascending class indices in [0, K); all when None.

    Returns:
        Predicted class (...) as an index into the K classes, and its softmax over the C, (...).
    """
    k = logits.shape[-1]
    listed = np.arange(k) if classes is None else np.asarray(classes)
    if listed.size == 0 or listed.min() < 0 or listed.max() >= k or np.any(np.diff(listed) <= 0):
        raise ValueError(
            f"confident_class.classes must be ascending indices from 0 to {k - 1}; got "
            f"{listed.tolist()}. Map the classes of the image set to those of the network."
        )
    among = np.asarray(logits, np.float64)[..., listed]
    return listed[among.argmax(-1)], np.exp(among.max(-1) - special.logsumexp(among, axis=-1))


def rms_calibration_error(
    confidence: Floats, correct: Bits, bin_images: int = BIN_IMAGES, level: float = LEVEL
) -> Estimate:
    """Root of the mean over images of the squared gap of confidence and accuracy in their bin.

    Bins hold `bin_images` images of neighbouring confidence, the most confident one the remainder
    too; one bin if there are fewer. The published code leaves the last bin out of the sum while
    dividing by all images; here every bin counts.

    The value leans up by the sampling noise of accuracy within bins: a perfectly calibrated network
    that is right on half of the images is given 0.05. The interval is of the error without that
    noise (debiased as in Kumar, Liang and Ma, NeurIPS 2019), so the value may be its upper limit.

    Args:
        confidence: (..., I) in [0, 1], all images evaluated.
        correct: (..., I) right or wrong.
        bin_images: Images per bin, at least 2.
        level: Confidence level in (0, 1).

    Returns:
        (...) in [0, 1], with a normal interval over images for the squared error.
    """
    ranked = _ranked(confidence, correct, "rms_calibration_error")
    images = confidence.shape[-1]
    if bin_images < 2:
        raise ValueError(
            f"rms_calibration_error.bin_images must be at least 2; got {bin_images}. Use 100."
        )
    starts = np.arange(max(1, images // bin_images)) * bin_images
    sizes = np.diff([*starts, images]).astype(float)
    # ascending, so that the remainder falls to the most confident
    right, sure = (
        np.add.reduceat(ranked.tied(ranked.ordered(v))[..., ::-1], starts, axis=-1) / sizes
        for v in (correct, confidence)
    )
    share, squares = sizes / images, (sure - right) ** 2
    noise = right * (1 - right) / np.maximum(sizes - 1, 1)
    excess = np.maximum(squares - noise, 0)
    square = (share * (squares - noise)).sum(-1)
    # of the gap in each bin, and of how many images fall where
    within = (share**2 * (4 * excess * noise + 2 * noise**2)).sum(-1)
    between = (share * excess**2).sum(-1) - (share * excess).sum(-1) ** 2
    variance = within + np.maximum(between, 0) / images
    error = float(stats.norm.ppf((1 + level) / 2)) * np.sqrt(variance)
    low, high = (np.sqrt(np.clip(square + e, 0, 1)) for e in (-error, error))
    value = np.sqrt((share * squares).sum(-1))
    return Estimate(value, np.minimum(low, value), np.maximum(high, value))


def response_rate_accuracy(confidence: Floats, correct: Bits, level: float = LEVEL) -> Estimate:
    """AURRA: accuracy on the most confident share of the images, mean over all shares.

    Args:
        confidence: (..., I), all images evaluated.
        correct: (..., I) right or wrong.
        level: Confidence level in (0, 1).

    Returns:
        (...) in [0, 1]; interval over images: delta method, as a Wilson interval at the sample size
        that its variance amounts to.
    """
    ranked = _ranked(confidence, correct, "response_rate_accuracy")
    right = ranked.ordered(correct)
    answered = np.arange(1, confidence.shape[-1] + 1, dtype=float)
    running = ranked.tied(right).cumsum(-1) / answered
    value = running.mean(-1)
    # derivative by the weight of each image: its own place, and what it does to those from it down
    inverse = np.broadcast_to(1 / answered, right.shape)
    gain, loss = (ranked.tied(suffix_sums(v)) for v in (inverse, running * inverse))
    influence = ranked.tied(running) - value[..., None] + right * gain - loss
    images = len(answered)
    variance = (influence**2).sum(-1) / images / max(images - 1, 1)
    # at 0 and 1: the first places weigh most, 1 / sum(weight^2) is about half the images
    edge = images**2 / (suffix_sums(1 / answered) ** 2).sum()
    return wilson_of_variance(value, variance, edge, level)


def _ranked(confidence: Floats, correct: Bits, owner: str) -> Ranking:
    if correct.dtype != np.bool_ or correct.shape != confidence.shape:
        raise ValueError(
            f"{owner}.correct must be bool of the shape of confidence, {confidence.shape}; got "
            f"{correct.dtype} of shape {correct.shape}. Select the same images from both."
        )
    return ranking(confidence, f"{owner}.confidence")
