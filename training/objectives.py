"""What a network is asked to make small: one table of objectives.

Every objective works on a callable alone, so it serves a network of its own and every subnet that a
supernet's step samples. Sources beside each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.adversarial import Adversarial, FastAdversarial, Trades
from training.augmentation.table import AUGMENTATIONS
from training.checks import check_range

Network = Callable[[Tensor], Tensor]
"""Images (B, 3, s, s) in [0, 1] to logits (B, K)."""


class Objective(Protocol):
    """A loss of a network.

    `loss` takes the network, images (B, 3, s, s) float32 in [0, 1], targets (B, K) float32 whose
    rows sum to 1, and a generator; it returns a scalar, the mean over the images. Equal generators
    give equal losses; the network may be called several times, on other images too.
    """

    name: ClassVar[str]

    def loss(
        self, forward: Network, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> Tensor:
        """Scalar to be minimised, differentiable."""
        ...


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy with the targets."""

    name: ClassVar[str] = "cross_entropy"

    def loss(
        self, forward: Network, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> Tensor:
        """Mean cross-entropy."""
        return F.cross_entropy(forward(images), targets)


@dataclass(frozen=True)
class Distillation:
    """Cross-entropy with the targets and with a teacher's softened predictions.

    Source: Hinton et al., "Distilling the knowledge in a neural network", 2015.

    Attributes:
        teacher: A .safetensors file of a supernet of the same space, whose largest network teaches
            at the command line; "" when `predict` is given.
        weight: Share of the teacher in the loss, in [0, 1].
        temperature: Divides both sides' logits; the teacher's part is scaled by its square.
        predict: The teacher itself: images to logits (B, K); called without gradient.
    """

    name: ClassVar[str] = "distillation"
    teacher: str = ""
    weight: float = 0.5
    temperature: float = 4.0
    predict: Network | None = None

    def __post_init__(self) -> None:
        check_range(self, "weight", 0.0, 1.0, "0.5 is usual.")
        check_range(self, "temperature", 0.01, 1000.0, "4 is usual.")

    def loss(
        self, forward: Network, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> Tensor:
        """(1 - weight) cross-entropy + weight T^2 KL(teacher || network)."""
        if self.predict is None:
            raise ValueError(
                "Distillation.predict must be a network; got None. Give the teacher: "
                "distillation:teacher=FILE.safetensors, or predict= in Python."
            )
        with torch.no_grad():
            soft = (self.predict(images) / self.temperature).softmax(1)
        logits = forward(images)
        taught = F.kl_div(
            (logits / self.temperature).log_softmax(1), soft, reduction="batchmean"
        ) * (self.temperature**2)
        return (1.0 - self.weight) * F.cross_entropy(logits, targets) + self.weight * taught


@dataclass(frozen=True)
class AugMixConsistency:
    """Cross-entropy and the Jensen-Shannon divergence of three views (Hendrycks et al., ICLR 2020).

    The images themselves and two augmented copies pass as one batch, as published.

    Attributes:
        weight: Of the divergence.
        view: Name of the augmentation that makes a copy.
    """

    name: ClassVar[str] = "augmix_jsd"
    weight: float = 12.0
    view: str = "augmix"

    def __post_init__(self) -> None:
        check_range(self, "weight", 0.0, 1000.0, "12 is published.")
        if self.view not in AUGMENTATIONS:
            raise ValueError(
                f"AugMixConsistency.view must be among {', '.join(AUGMENTATIONS)}; got "
                f"{self.view!r}. Choose one of them."
            )

    def loss(
        self, forward: Network, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> Tensor:
        """Cross-entropy of the images + weight JS(images, one copy, another copy)."""
        make = AUGMENTATIONS[self.view].apply
        views = [images, *(make(images, targets, rng)[0] for _ in range(2))]
        logits = forward(torch.cat(views))
        clean = F.cross_entropy(logits[: len(images)], targets)
        return clean + self.weight * jensen_shannon(logits.softmax(1).chunk(3))


def jensen_shannon(views: tuple[Tensor, ...]) -> Tensor:
    """Mean over the images of the Jensen-Shannon divergence of V distributions, each (B, K)."""
    middle = torch.stack(views).mean(0).clamp(1e-7, 1.0).log()
    return torch.stack([F.kl_div(middle, p, reduction="batchmean") for p in views]).mean()


OBJECTIVES: dict[str, Objective] = {
    o.name: o
    for o in (
        CrossEntropy(),
        Adversarial(),
        Trades(),
        FastAdversarial(),
        Distillation(),
        AugMixConsistency(),
    )
}
"""Name to objective."""
