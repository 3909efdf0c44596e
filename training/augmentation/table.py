"""Every augmentation by name."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.augmentation.protocol import Augmentation


@dataclass(frozen=True)
class HorizontalFlip:
    """Mirror half of the images.

    Attributes:
        probability: Of mirroring an image.
    """

    name: ClassVar[str] = "flip"
    probability: float = 0.5

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Mirrored or plain copies."""
        mirrored = torch.from_numpy(rng.random(len(images)) < self.probability)
        chosen = mirrored.to(images.device)[:, None, None, None]
        return torch.where(chosen, images.flip(3), images), targets


@dataclass(frozen=True)
class RandomShift:
    """Zero-pad and crop at a random place (He et al., CVPR 2016: 4 px on 32 px).

    Attributes:
        share: Largest shift as a share of the image's size.
    """

    name: ClassVar[str] = "shift"
    share: float = 0.125

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Shifted copies."""
        b, _, h, w = images.shape
        margin = round(self.share * h)
        padded = F.pad(images, (margin, margin, margin, margin))
        offsets = torch.from_numpy(rng.integers(0, 2 * margin + 1, (2, b, 1))).to(images.device)
        rows = (offsets[0] + torch.arange(h, device=images.device))[:, None, :, None]
        columns = (offsets[1] + torch.arange(w, device=images.device))[:, None, None, :]
        image = torch.arange(b, device=images.device)[:, None, None, None]
        channel = torch.arange(3, device=images.device)[None, :, None, None]
        return padded[image, channel, rows, columns], targets


@dataclass(frozen=True)
class RandomZoom:
    """Enlarge or shrink about the centre by a random factor, log-uniform; outside is black.

    Attributes:
        factor: Largest enlargement; its inverse is the largest reduction.
    """

    name: ClassVar[str] = "zoom"
    factor: float = 1.2

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Zoomed copies."""
        zoom = np.exp(rng.uniform(-1.0, 1.0, len(images)) * np.log(self.factor))
        theta = torch.zeros(len(images), 2, 3, dtype=images.dtype)
        theta[:, 0, 0] = theta[:, 1, 1] = torch.from_numpy(1.0 / zoom).to(images.dtype)
        shape = list(images.shape)
        grid = F.affine_grid(theta.to(images.device), shape, align_corners=False)
        return F.grid_sample(images, grid, align_corners=False).clamp(0.0, 1.0), targets


AUGMENTATIONS: dict[str, Augmentation] = {
    a.name: a for a in (HorizontalFlip(), RandomShift(), RandomZoom())
}
"""Name to augmentation."""
