"""Where the content of an image lies: mirrored, shifted, enlarged or shrunk."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.augmentation.protocol import per_image
from training.augmentation.warp import unmoved, warp
from training.checks import require_within


@dataclass(frozen=True)
class HorizontalFlip:
    """Mirror half of the images.

    Attributes:
        probability: Of mirroring an image.
    """

    name: ClassVar[str] = "flip"
    probability: float = 0.5

    def __post_init__(self) -> None:
        require_within("HorizontalFlip.probability", self.probability, 0.0, 1.0)

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Mirrored or plain copies."""
        mirrored = per_image(rng.random(len(images)) < self.probability, images)
        return torch.where(mirrored, images.flip(3), images), targets


@dataclass(frozen=True)
class RandomShift:
    """Zero-pad and crop at a random place (He et al., CVPR 2016: 4 px on 32 px).

    Attributes:
        share: Largest shift as a share of the image's size.
    """

    name: ClassVar[str] = "shift"
    share: float = 0.125

    def __post_init__(self) -> None:
        require_within("RandomShift.share", self.share, 0.0, 1.0)

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Shifted copies."""
        b, c, h, w = images.shape
        margin = round(self.share * h)
        padded = F.pad(images, (margin, margin, margin, margin))
        top, left = (per_image(o, images) for o in rng.integers(0, 2 * margin + 1, (2, b)))
        rows = top + torch.arange(h, device=images.device)[:, None]  # (B, 1, h, 1)
        columns = left + torch.arange(w, device=images.device)  # (B, 1, 1, w)
        image = torch.arange(b, device=images.device)[:, None, None, None]
        channel = torch.arange(c, device=images.device)[:, None, None]
        return padded[image, channel, rows, columns], targets


@dataclass(frozen=True)
class RandomZoom:
    """Enlarge or shrink about the centre by a random factor, log-uniform; outside is black.

    Attributes:
        factor: Largest enlargement; its inverse is the largest reduction.
    """

    name: ClassVar[str] = "zoom"
    factor: float = 1.2

    def __post_init__(self) -> None:
        require_within("RandomZoom.factor", self.factor, 1.0, 16.0)

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Zoomed copies."""
        zoom = np.exp(rng.uniform(-1.0, 1.0, len(images)) * np.log(self.factor))
        return warp(images, unmoved(images) * per_image(1.0 / zoom, images)[:, 0]), targets
