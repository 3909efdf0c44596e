"""The contract of an augmentation."""

from typing import ClassVar, Protocol

import numpy as np
from torch import Tensor


class Augmentation(Protocol):
    """A change of a batch of training images.

    `apply` takes images (B, 3, s, s) float32 in [0, 1] and targets (B, K) float32 whose rows sum to
    1, and returns the same shapes, types and ranges; equal generators give equal results. Random
    parameters are drawn first, and applied to the whole batch on its own device second.
    """

    name: ClassVar[str]

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Changed copies of the images, and their targets."""
        ...
