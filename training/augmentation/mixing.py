"""Two images and their targets in one: mixup, cutmix, and one or the other.

The partner of an image is the one before it in the batch; batches are drawn in random order.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from torch import Tensor

from training.checks import require_within


def _blend(values: Tensor, own: float) -> Tensor:
    return values * own + values.roll(1, 0) * (1.0 - own)


@dataclass(frozen=True)
class Mixup:
    """Blend images and targets with one weight for the batch (Zhang et al., ICLR 2018).

    Attributes:
        alpha: Of the symmetric beta distribution of the weight.
    """

    name: ClassVar[str] = "mixup"
    alpha: float = 0.2

    def __post_init__(self) -> None:
        require_within("Mixup.alpha", self.alpha, 0.01, 100.0)

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Blended images and targets."""
        own = rng.beta(self.alpha, self.alpha)
        return _blend(images, own).clamp(0.0, 1.0), _blend(targets, own)


@dataclass(frozen=True)
class Cutmix:
    """Paste a box of the partner, and blend targets by its area (Yun et al., ICCV 2019).

    Attributes:
        alpha: Of the symmetric beta distribution of the area that stays.
    """

    name: ClassVar[str] = "cutmix"
    alpha: float = 1.0

    def __post_init__(self) -> None:
        require_within("Cutmix.alpha", self.alpha, 0.01, 100.0)

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Images with a box of their partners, and blended targets."""
        side = images.shape[3]
        half = int(0.5 * np.sqrt(1.0 - rng.beta(self.alpha, self.alpha)) * side)
        middle = rng.integers(0, side, 2)  # column, row
        left, top = np.maximum(middle - half, 0)
        right, bottom = np.minimum(middle + half, side)
        mixed = images.clone()
        mixed[:, :, top:bottom, left:right] = images.roll(1, 0)[:, :, top:bottom, left:right]
        own = 1.0 - float((right - left) * (bottom - top)) / side**2
        return mixed, _blend(targets, own)


@dataclass(frozen=True)
class MixupCutmix:
    """Mixup or cutmix, drawn for every batch: what RobustART calls augmentation.

    Attributes:
        cutmix_probability: Of cutmix.
        mixup: What happens otherwise.
        cutmix: What happens then.
    """

    name: ClassVar[str] = "mixup_cutmix"
    cutmix_probability: float = 0.5
    mixup: Mixup = field(default_factory=Mixup)
    cutmix: Cutmix = field(default_factory=Cutmix)

    def __post_init__(self) -> None:
        require_within("MixupCutmix.cutmix_probability", self.cutmix_probability, 0.0, 1.0)

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """What the one of the two that was drawn returns."""
        chosen = self.cutmix if rng.random() < self.cutmix_probability else self.mixup
        return chosen.apply(images, targets, rng)
