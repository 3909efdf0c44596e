"""What attacks increase, per image, from logits (B, K): shapes (B,) throughout."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor], Tensor]
"""Logits (B, K) to losses (B,)."""


def cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy with the label."""
    return F.cross_entropy(logits, label, reduction="none")


def picked(logits: Tensor, index: Tensor) -> Tensor:
    """The logit of one class per image."""
    return logits.gather(1, index[:, None])[:, 0]


def best_other(logits: Tensor, label: Tensor) -> Tensor:
    """Largest logit of a class that is not the label."""
    return logits.scatter(1, label[:, None], -float("inf")).amax(1)


def margin(logits: Tensor, label: Tensor) -> Tensor:
    """Largest other logit minus that of the label; positive when misclassified."""
    return best_other(logits, label) - picked(logits, label)


def dlr(logits: Tensor, label: Tensor) -> Tensor:
    """Difference of logits ratio (Croce and Hein, ICML 2020, eq. 6); needs three classes."""
    top = logits.topk(3, dim=1).values
    return margin(logits, label) / (top[:, 0] - top[:, 2] + 1e-12)


def dlr_targeted(logits: Tensor, label: Tensor, target: Tensor) -> Tensor:
    """Targeted difference of logits ratio (Croce and Hein, ICML 2020, eq. 7); four classes."""
    top = logits.topk(4, dim=1).values
    gap = picked(logits, target) - picked(logits, label)
    return gap / (top[:, 0] - 0.5 * (top[:, 2] + top[:, 3]) + 1e-12)
