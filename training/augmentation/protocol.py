"""What every augmentation promises, and a thing that all of them need."""

from typing import ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Augmentation(Protocol):
    """A change of the training images, and of the targets where it mixes images.

    `apply` takes images (B, 3, s, s) float32 in [0, 1] on any device and targets (B, K) float32
    whose rows sum to 1, and returns the same. Its random numbers are drawn first, a few for each
    image, by NumPy; they are applied to the whole batch second. So equal generators give equal
    results, and the number of draws depends on the shapes alone. The inputs are not modified.
    """

    name: ClassVar[str]

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Changed copies of the images, and the targets that belong to them."""
        ...


def per_image(values: NDArray[np.generic], images: Tensor) -> Tensor:
    """Values (B,) as a tensor (B, 1, 1, 1) beside the images; floats take the images' type."""
    tensor = torch.from_numpy(values)
    dtype = images.dtype if tensor.is_floating_point() else tensor.dtype
    return tensor.to(images.device, dtype)[:, None, None, None]
