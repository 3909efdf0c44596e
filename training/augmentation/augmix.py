"""AugMix (Hendrycks et al., ICLR 2020): chains of operations, mixed with the image."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from training.augmentation.magnitudes import AUGMIX, magnitudes
from training.augmentation.operations import operate
from training.augmentation.protocol import per_image
from training.checks import require_within


@dataclass(frozen=True)
class AugMix:
    """Mixed images; for the paper's consistency loss take `views` beside the plain images.

    Levels are uniform between 0.1 and the severity, of 10; angles are not rounded to degrees.

    Attributes:
        severity: Strongest level of an operation, of 10.
        width: Chains.
        depth: Most operations in a chain; each chain draws 1 to this number.
        alpha: Of the Dirichlet and beta distributions of the weights.
    """

    name: ClassVar[str] = "augmix"
    severity: float = 3.0
    width: int = 3
    depth: int = 3
    alpha: float = 1.0

    def __post_init__(self) -> None:
        require_within("AugMix.severity", self.severity, 0.1, 10.0)
        require_within("AugMix.width", self.width, 1, 10)
        require_within("AugMix.depth", self.depth, 1, 10)
        require_within("AugMix.alpha", self.alpha, 0.01, 100.0)

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Mixed images."""
        return self.mix(images, rng), targets

    def views(self, images: Tensor, rng: np.random.Generator, count: int = 2) -> Tensor:
        """Independent mixtures (count, B, 3, s, s) of every image (Jensen-Shannon loss: two)."""
        return torch.stack([self.mix(images, rng) for _ in range(count)])

    def mix(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """One mixture of every image: own weight (1 - m), chains m times their weights."""
        b, w = len(images), self.width
        mixed = rng.beta(self.alpha, self.alpha, b)
        weights = rng.dirichlet(np.full(w, self.alpha), b).T * mixed  # (w, B)
        lengths = rng.integers(1, self.depth + 1, w * b)
        shape = (self.depth, w * b)
        names = rng.choice(np.array(list(AUGMIX)), size=shape)
        shares = rng.uniform(0.1, self.severity, shape) / 10.0
        negative = rng.random(shape) < 0.5
        strength = magnitudes(AUGMIX, names, shares, images.shape[3], negative)
        names[np.arange(self.depth)[:, None] >= lengths] = "identity"  # past the chain's end
        chains = images.repeat(w, 1, 1, 1)  # (w * B, 3, s, s)
        for row, values in zip(names, strength, strict=True):
            chains = operate(chains, row, values)
        parts = (chains * per_image(weights.reshape(-1), images)).view(w, *images.shape)
        return (images * per_image(1.0 - mixed, images) + parts.sum(0)).clamp(0.0, 1.0)
