"""Mean corruption error, plain and normalised by a reference network.

Hendrycks and Dietterich (2019), equations of section 4.2. RobustART reports the plain mean of top-1
errors; the normalised mCE divides the errors of each corruption, summed over severities, by those
of a reference network (AlexNet on ImageNet, a named network elsewhere).
"""

import numpy as np

from metrics.estimate import Floats


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
    if np.any(base <= 0):
        raise ValueError(
            f"{name} must have errors above 0 for every corruption; got sums {base.tolist()}. "
            "Choose a reference network that makes mistakes."
        )
    ratio: Floats = (sums / base).mean(-1)
    return ratio
