"""Operations drawn uniformly: RandAugment and TrivialAugment."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from training.augmentation.magnitudes import RAND, TRIVIAL, Space, magnitudes
from training.augmentation.operations import operate
from training.checks import require_within


def _uniform(
    images: Tensor, space: Space, shares: NDArray[np.float64], rng: np.random.Generator
) -> Tensor:
    """As many operations in a row as there are rows of shares (N, B), drawn from the space."""
    names = rng.choice(np.array(list(space)), size=shares.shape)
    negative = rng.random(shares.shape) < 0.5
    strength = magnitudes(space, names, shares, images.shape[3], negative)
    for row, values in zip(names, strength, strict=True):
        images = operate(images, row, values)
    return images


@dataclass(frozen=True)
class RandAugment:
    """A few operations, all of one magnitude (Cubuk et al., CVPRW 2020).

    Attributes:
        operations: How many for each image (N of the paper).
        magnitude: On the scale (M of the paper).
        top: Upper end of the scale. 30 is torchvision's; the scale of the authors' code ends at 10.
    """

    name: ClassVar[str] = "rand_augment"
    operations: int = 2
    magnitude: float = 9
    top: float = 30

    def __post_init__(self) -> None:
        require_within("RandAugment.operations", self.operations, 1, 14)
        require_within("RandAugment.top", self.top, 1, 100)
        require_within("RandAugment.magnitude", self.magnitude, 0, self.top)

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Copies after the operations."""
        shares = np.full((self.operations, len(images)), self.magnitude / self.top)
        return _uniform(images, RAND, shares, rng), targets


@dataclass(frozen=True)
class TrivialAugment:
    """One operation of random magnitude, from the wide space (Mueller and Hutter, ICCV 2021).

    Translations reach 32 px at every image size, as published for 32 px.

    Attributes:
        bins: Magnitudes to draw from, evenly spaced.
    """

    name: ClassVar[str] = "trivial_augment"
    bins: int = 31

    def __post_init__(self) -> None:
        require_within("TrivialAugment.bins", self.bins, 2, 1000)

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Copies after the operation."""
        shares = rng.integers(self.bins, size=(1, len(images))) / (self.bins - 1)
        return _uniform(images, TRIVIAL, shares, rng), targets
