"""Mean corruption error, plain and normalised by a reference network.

Hendrycks and Dietterich (2019), equations of section 4.2. RobustART reports the plain mean of top-1
errors; the normalised mCE divides the errors of each corruption, summed over severities, by those
of a reference network (AlexNet on ImageNet, a named network elsewhere).
"""

from collections.abc import Sequence

import numpy as np

from metrics.accuracy import image_scores, mean_over_images
from metrics.estimate import LEVEL, Bits, Estimate, Floats

ALEXNET_SIZE = 224
ALEXNET_SEVERITIES = 5
ALEXNET_CLEAN_ERROR = 0.43478
"""Top-1 error of torchvision's AlexNet without noise; table 1 of the paper rounds it to 43.5 %."""

ALEXNET_ERRORS = {
    "gaussian_noise": 0.886428,
    "shot_noise": 0.894468,
    "impulse_noise": 0.922640,
    "defocus_blur": 0.819880,
    "glass_blur": 0.826268,
    "motion_blur": 0.785948,
    "zoom_blur": 0.798360,
    "snow": 0.866816,
    "frost": 0.826572,
    "fog": 0.819324,
    "brightness": 0.564592,
    "contrast": 0.853204,
    "elastic_transform": 0.646056,
    "pixelate": 0.717840,
    "jpeg_compression": 0.606500,
}
"""Top-1 error of AlexNet on ImageNet-C, mean over the five severities, as its authors give it. The
four extra corruptions have no published figure: their errors are reported un-normalised."""


def alexnet_errors(corruptions: Sequence[str], size: int) -> Floats:
    """(C, 5) errors of AlexNet, the reference of `normalised_mce` and `relative_mce` on ImageNet-C.

    Only the mean over severities is published; it stands at every severity, which leaves the sums
    that both metrics use unchanged. Give them all five severities.

    Args:
        corruptions: (C,) names among `ALEXNET_ERRORS`.
        size: Side of the evaluated images in pixels, 224.

    Raises:
        ValueError: The figures do not hold for this size, or there is none for a corruption.
    """
    if size != ALEXNET_SIZE:
        raise ValueError(
            f"alexnet_errors.size must be {ALEXNET_SIZE} px, as in ImageNet-C; got {size}. "
            "Name a network evaluated on the same images as the reference."
        )
    unknown = [name for name in corruptions if name not in ALEXNET_ERRORS]
    if unknown:
        raise ValueError(
            f"alexnet_errors.corruptions must be among {', '.join(ALEXNET_ERRORS)}; got "
            f"{', '.join(unknown)}. Report these un-normalised."
        )
    means = np.array([ALEXNET_ERRORS[name] for name in corruptions])
    return np.repeat(means[:, None], ALEXNET_SEVERITIES, axis=1)


def mean_corruption_error(errors: Floats) -> Floats:
    """Mean over severities, then over corruptions, of the top-1 error.

    Args:
        errors: (..., C, S) errors in [0, 1] of C corruptions at S severities.

    Returns:
        (...) in [0, 1].
    """
    mean: Floats = errors.mean(-1).mean(-1)
    return mean


def normalised_mce(errors: Floats, reference: Floats) -> Floats:
    """mCE: mean over corruptions of sum_s E_cs / sum_s E_cs of the reference network.

    Args:
        errors: (..., C, S) errors in [0, 1].
        reference: (C, S) errors in [0, 1] of the reference network, none of whose sums is 0.

    Returns:
        (...) ratios; 1 is as bad as the reference (multiply by 100 for the usual display).
    """
    return _mean_ratio(errors.sum(-1), reference.sum(-1), "normalised_mce.reference")


def mce_over_images(
    evaluated: Bits, correct: Bits, reference: Floats, level: float = LEVEL
) -> Estimate:
    """`normalised_mce` from bits, with an interval over images; the reference is taken as exact.

    It is a weighted mean of errors, those of a corruption weighing 1 / sum_s E_cs of the reference.

    Args:
        evaluated: (..., C x S, I) which images were tried; corruptions in order, severities within.
        correct: (..., C x S, I) which of them were right.
        reference: (C, S) errors in [0, 1] of the reference network, none of whose sums is 0.
        level: Confidence level in (0, 1).

    Returns:
        (...) ratios, over the images tried under every condition.
    """
    c, s = reference.shape
    if correct.shape[-2] != c * s:
        raise ValueError(
            f"mce_over_images.reference must be of {correct.shape[-2]} conditions; got {c} "
            f"corruptions x {s} severities. Give all severities of each corruption."
        )
    _check_reference(reference.sum(-1), "mce_over_images.reference")
    weights = np.repeat(1 / (c * reference.sum(-1)), s)
    scale = weights.sum()
    conditions = scale**2 / (weights**2).sum()
    right = mean_over_images(image_scores(evaluated, correct, weights), conditions, level)
    low, high = scale * (1 - right.high), scale * (1 - right.low)
    return Estimate(scale * (1 - right.value), low, high)


def relative_mce(
    errors: Floats, clean: Floats, reference: Floats, reference_clean: float
) -> Floats:
    """Relative mCE: as `normalised_mce`, of the errors *added* by the corruption.

    Args:
        errors: (..., C, S) errors in [0, 1].
        clean: (...) clean error of the same networks.
        reference: (C, S) errors of the reference network.
        reference_clean: Its clean error.

    Returns:
        (...) ratios; 1 is losing as much as the reference.
    """
    added = (errors - np.asarray(clean)[..., None, None]).sum(-1)
    base = (reference - reference_clean).sum(-1)
    return _mean_ratio(added, base, "relative_mce.reference")


def _mean_ratio(sums: Floats, base: Floats, name: str) -> Floats:
    """Mean over corruptions of (..., C) sums over the (C,) reference sums."""
    _check_reference(base, name)
    ratio: Floats = (sums / base).mean(-1)
    return ratio


def _check_reference(base: Floats, name: str) -> None:
    if np.any(base <= 0):
        raise ValueError(
            f"{name} must have errors above 0 for every corruption; got sums {base.tolist()}. "
            "Choose a reference network that makes mistakes."
        )
