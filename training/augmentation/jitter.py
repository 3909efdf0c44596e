"""Colour jitter: brightness, contrast, colour and hue, in a random order for each image."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from training.augmentation.operations import operate
from training.checks import require_within


@dataclass(frozen=True)
class ColourJitter:
    """Four changes of colour, each by a random factor (torchvision's ColorJitter).

    The defaults are those of the RobustART baseline.

    Attributes:
        brightness: Factors reach from 1 less to 1 plus this number.
        contrast: Likewise.
        saturation: Likewise.
        hue: Largest turn either way, as a share of the colour circle.
    """

    name: ClassVar[str] = "jitter"
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    hue: float = 0.1

    def __post_init__(self) -> None:
        for owner in ("brightness", "contrast", "saturation"):
            require_within(f"ColourJitter.{owner}", getattr(self, owner), 0.0, 1.0)
        require_within("ColourJitter.hue", self.hue, 0.0, 0.5)

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Jittered copies."""
        names = np.array(["brightness", "contrast", "colour", "hue"])
        reach = np.array([self.brightness, self.contrast, self.saturation, self.hue])
        order = rng.permuted(np.tile(np.arange(4), (len(images), 1)), axis=1)  # (B, 4)
        strength = rng.uniform(-1.0, 1.0, order.shape) * reach[order]
        for kinds, magnitudes in zip(order.T, strength.T, strict=True):
            images = operate(images, names[kinds], magnitudes)
        return images, targets
