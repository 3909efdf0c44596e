"""AutoAugment (Cubuk et al., CVPR 2019): one of 25 learned pairs of operations for each image."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from training.augmentation.magnitudes import AUTO, magnitudes
from training.augmentation.operations import operate
from training.augmentation.policies import POLICIES


@dataclass(frozen=True)
class AutoAugment:
    """Two operations in a row, each with a probability and a level from 0 to 9.

    Attributes:
        policy: Name in `POLICIES`: the data set it was learned on.
    """

    name: ClassVar[str] = "auto_augment"
    policy: str = "imagenet"

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise ValueError(
                f"AutoAugment.policy must be one of {', '.join(POLICIES)}; got {self.policy!r}. "
                "Choose the one whose images are most like yours."
            )

    def apply(
        self, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Copies after the operations."""
        steps = [step for pair in POLICIES[self.policy] for step in pair]
        names, probabilities, levels = (
            np.array(column).reshape(-1, 2) for column in zip(*steps, strict=True)
        )
        pair = rng.integers(len(names), size=len(images))
        happens = rng.random((len(images), 2)) < probabilities[pair]
        negative = rng.random(happens.shape) < 0.5
        strength = magnitudes(AUTO, names[pair], levels[pair] / 9, images.shape[3], negative)
        chosen = np.where(happens, names[pair], "identity")  # (B, 2)
        for row, values in zip(chosen.T, strength.T, strict=True):
            images = operate(images, row, values)
        return images, targets
