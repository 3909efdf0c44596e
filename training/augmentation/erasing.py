"""Parts of an image covered: random erasing and cutout."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from training.augmentation.boxes import Boxes, draw_sides, require_shape
from training.checks import require_within


@dataclass(frozen=True)
class RandomErasing:
    """Cover a random box (Zhong et al., AAAI 2020), smaller than the image on both sides.

    Covered pixels are mid-grey, near the mean pixel of ImageNet, one of the paper's choices.

    Attributes:
        probability: Of covering anything.
        area: Smallest and largest area of a box as shares of the image.
        ratio: Smallest and largest width over height, log-uniform.
        fill: Value of covered pixels.
    """

    name: ClassVar[str] = "random_erasing"
    probability: float = 0.5
    area: tuple[float, float] = (0.02, 0.4)
    ratio: tuple[float, float] = (0.3, 1 / 0.3)
    fill: float = 0.5

    def __post_init__(self) -> None:
        require_within("RandomErasing.probability", self.probability, 0.0, 1.0)
        require_within("RandomErasing.fill", self.fill, 0.0, 1.0)
        require_shape("RandomErasing", self.area, self.ratio)

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Copies with a part covered."""
        boxes = self.draw(rng, *images.shape[::3])
        return images.masked_fill(boxes.mask(images), self.fill), targets

    def draw(self, rng: np.random.Generator, count: int, side: int) -> Boxes:
        """Boxes of so many images with this side, of no size where nothing is covered."""
        erased = rng.random(count) < self.probability
        height, width = draw_sides(rng, count, side, side - 1, self.area, self.ratio)
        height, width = height * erased, width * erased
        top, left = (rng.integers(0, side - lengths + 1) for lengths in (height, width))
        return Boxes(top, left, height, width)


@dataclass(frozen=True)
class Cutout:
    """Cover a square about a random pixel, cut off at the border (DeVries and Taylor, 2017).

    Covered pixels are mid-grey; the authors cover with the mean of the data.

    Attributes:
        share: Side of the square as a share of the image's (16 px of 32 on CIFAR-10).
        fill: Value of covered pixels.
    """

    name: ClassVar[str] = "cutout"
    share: float = 0.5
    fill: float = 0.5

    def __post_init__(self) -> None:
        require_within("Cutout.share", self.share, 0.0, 1.0)
        require_within("Cutout.fill", self.fill, 0.0, 1.0)

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Copies with a part covered."""
        b, _, side, _ = images.shape
        length = np.full(b, round(self.share * side))
        top, left = rng.integers(0, side, (2, b)) - length // 2
        mask = Boxes(top, left, length, length).mask(images)
        return images.masked_fill(mask, self.fill), targets
