"""Random resized crop (Szegedy et al., "Going deeper with convolutions", CVPR 2015)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.augmentation.boxes import Boxes, draw_sides, require_shape
from training.augmentation.protocol import per_image


@dataclass(frozen=True)
class RandomResizedCrop:
    """Cut a random box and enlarge it, bilinearly, to the image's size.

    A box is never larger than the image, so antialiasing would change nothing. Images are square:
    one for which no box fits is kept whole, as torchvision does where the ratios include 1.

    Attributes:
        area: Smallest and largest area of a box as shares of the image.
        ratio: Smallest and largest width over height, log-uniform.
    """

    name: ClassVar[str] = "crop"
    area: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        require_shape("RandomResizedCrop", self.area, self.ratio)

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Crops."""
        return resize(images, self.draw(rng, *images.shape[::3])), targets

    def draw(self, rng: np.random.Generator, count: int, side: int) -> Boxes:
        """Boxes of so many images with this side."""
        height, width = draw_sides(rng, count, side, side, self.area, self.ratio)
        height, width = (np.where(height > 0, lengths, side) for lengths in (height, width))
        top, left = (rng.integers(0, side - lengths + 1) for lengths in (height, width))
        return Boxes(top, left, height, width)


def resize(images: Tensor, boxes: Boxes) -> Tensor:
    """The content of the boxes at the size of the images (B, 3, s, s); sees no pixel outside."""
    s = images.shape[3]
    top, left, height, width = (per_image(f.astype(np.float32), images)[:, 0] for f in boxes)
    place = (torch.arange(s, device=images.device) + 0.5) / s  # of a pixel in its row or column

    def source(start: Tensor, length: Tensor) -> Tensor:  # (B, 1, 1) to (B, 1, s), -1 to 1
        middle = start + torch.minimum((length * place).clamp(min=0.5), length - 0.5)
        return 2.0 * middle / s - 1.0

    x, y = source(left, width).expand(-1, s, -1), source(top, height).mT.expand(-1, -1, s)
    grid = torch.stack((x, y), 3)  # (B, s, s, 2)
    return F.grid_sample(images, grid, align_corners=False).clamp(0.0, 1.0)
