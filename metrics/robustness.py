"""Accuracy under attack, in both definitions in use, and the worst case over attacks.

Robust accuracy is the share of *all* attacked images that are right under the attack (the common
definition). Attack robustness AR, as in RobustART (Tang et al. 2021), is the share of the images
that were *right without noise* that stay right. They differ by a factor of clean accuracy, so a
number without its definition means nothing.
"""

import numpy as np
from numpy.typing import NDArray

from metrics.accuracy import accuracy, wilson
from metrics.estimate import LEVEL, Bits, Estimate, check_bits


def robust_accuracy(evaluated: Bits, correct: Bits, level: float = LEVEL) -> Estimate:
    """Share of all attacked images that are right under the attack.

    Args:
        evaluated: (..., M, I) which images were attacked.
        correct: (..., M, I) which of them stayed right.
        level: Confidence level in (0, 1).

    Returns:
        (..., M) shares in [0, 1]; NaN where no image was attacked.
    """
    return accuracy(evaluated, correct, level)


def attack_robustness(
    clean: Bits, evaluated: Bits, correct: Bits, level: float = LEVEL
) -> Estimate:
    """AR: share of the attacked images right without noise that stay right under the attack.

    Given the worst case over attacks (`worst_case`) instead of one attack, this is WCAR.

    Args:
        clean: (..., I) which images are right without noise.
        evaluated: (..., M, I) which images were attacked.
        correct: (..., M, I) which of them are right under the attack.
        level: Confidence level in (0, 1). The interval is conditional on the clean-correct images.

    Returns:
        (..., M) shares in [0, 1]; NaN where no attacked image was right without noise.
    """
    check_bits(evaluated, correct, "attack_robustness")
    base = evaluated & clean[..., None, :]
    return wilson((correct & base).sum(-1), base.sum(-1), level)


def worst_case(
    evaluated: Bits, correct: Bits, ranks: NDArray[np.int_]
) -> tuple[Bits, Bits, NDArray[np.int_]]:
    """Outcome of the strongest of the attacks of each budget rank, per image.

    An image counts when every attack of the rank was tried on it, and is right when it is right
    under all of them. Feed the result to `robust_accuracy` or `attack_robustness` (WCAR).

    Args:
        evaluated: (..., M, I) which images were attacked.
        correct: (..., M, I) which of them stayed right.
        ranks: (M,) budget rank of each attack, 1 the smallest.

    Returns:
        Evaluated (..., R, I), correct (..., R, I), and the R ranks in ascending order.
    """
    check_bits(evaluated, correct, "worst_case")
    *_, m, _ = correct.shape
    if np.shape(ranks) != (m,):
        raise ValueError(
            f"worst_case.ranks must have one rank for each of the {m} attacks; "
            f"got shape {np.shape(ranks)}. Take them from the conditions' severity."
        )
    levels = np.unique(ranks)
    tried = [evaluated[..., ranks == r, :].all(axis=-2) for r in levels]
    right = [correct[..., ranks == r, :].all(axis=-2) for r in levels]
    return np.stack(tried, axis=-2), np.stack(right, axis=-2), levels
