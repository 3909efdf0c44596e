"""What keeps a network from fitting its training images too closely: dropping, kurtosis, settings.

Dropout: Srivastava et al., JMLR 2014, on what enters the classifier. Drop path: Huang et al., "Deep
networks with stochastic depth", ECCV 2016, with rates that rise linearly with the depth of the
block. Kurtosis: Shkolnik et al., "Robust quantization: one model to rule them all", NeurIPS 2020.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from training.checks import check_range


@dataclass(frozen=True)
class Dropout:
    """Features of the classifier set to zero, the others enlarged to keep their mean.

    Attributes:
        rate: Probability of dropping a feature of an image.
    """

    name: ClassVar[str] = "dropout"
    rate: float = 0.2

    def __post_init__(self) -> None:
        check_range(self, "rate", 0.0, 0.95, "0.2 is usual.")


@dataclass(frozen=True)
class DropPath:
    """Whole residual branches of an image left out, the others enlarged to keep their mean.

    Attributes:
        rate: Probability at the last block; it rises linearly from 0 at the first.
    """

    name: ClassVar[str] = "drop_path"
    rate: float = 0.1

    def __post_init__(self) -> None:
        check_range(self, "rate", 0.0, 0.95, "0.1 is usual.")


@dataclass(frozen=True)
class Drops:
    """What a network drops in one pass.

    Attributes:
        features: Rate of dropout.
        path: Rate of drop path at the last block.
        rng: Where the masks come from, in the order the network asks for them.
    """

    features: float
    path: float
    rng: np.random.Generator

    def classifier(self, x: Tensor) -> Tensor:
        """Dropout of features (B, C)."""
        return self._masked(x, tuple(x.shape), self.features)

    def branch(self, y: Tensor, depth: float) -> Tensor:
        """Drop path of a residual branch (B, ...) at a depth between 0 (input) and 1 (last)."""
        return self._masked(y, (len(y), *[1] * (y.ndim - 1)), self.path * depth)

    def _masked(self, x: Tensor, shape: tuple[int, ...], rate: float) -> Tensor:
        if rate == 0.0:
            return x
        kept = torch.from_numpy(self.rng.random(shape, np.float32) >= rate).to(x.device)
        return x * (kept / (1.0 - rate)).to(x.dtype)


@dataclass(frozen=True)
class Kurtosis:
    """Draws the kurtosis of every weight matrix and filter bank to that of a uniform distribution.

    Attributes:
        target: Of the kurtosis; 1.8 is the uniform distribution's.
        weight: Of the mean squared distance in the loss.
    """

    name: ClassVar[str] = "kurtosis"
    target: float = 1.8
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_range(self, "target", 1.0, 100.0, "1.8 is the uniform distribution's.")
        check_range(self, "weight", 0.0, float("inf"), "1 is usual.")

    def penalty(self, model: nn.Module) -> Tensor:
        """Weight times the mean over tensors of (kurtosis - target) squared, a scalar."""
        found = [kurtosis(p) for p in model.parameters() if p.ndim > 1]
        return self.weight * (torch.stack(found) - self.target).square().mean()


def kurtosis(x: Tensor) -> Tensor:
    """Fourth central moment over the squared variance of all elements, a scalar."""
    centred = x - x.mean()
    variance = centred.square().mean()
    return centred.pow(4).mean() / variance.square().clamp_min(1e-20)


@dataclass(frozen=True)
class LabelSmoothing:
    """Another `Recipe.smoothing` than the standard one (Szegedy et al., CVPR 2016).

    Attributes:
        smoothing: Share of a target that is spread over all classes.
    """

    smoothing: float = 0.1

    def __post_init__(self) -> None:
        check_range(self, "smoothing", 0.0, 0.9, "0.1 is usual.")


@dataclass(frozen=True)
class WeightDecay:
    """Another `Recipe.decay` than the standard one.

    Attributes:
        decay: Added to the gradient, times the weight.
    """

    decay: float = 5e-4

    def __post_init__(self) -> None:
        check_range(self, "decay", 0.0, 1.0, "1e-4 is usual.")


REGULARISATIONS: dict[str, Dropout | DropPath | Kurtosis] = {
    r.name: r for r in (Dropout(), DropPath(), Kurtosis())
}

SETTINGS: dict[str, LabelSmoothing | WeightDecay] = {
    "label_smoothing": LabelSmoothing(),
    "without_label_smoothing": LabelSmoothing(0.0),
    "weight_decay": WeightDecay(),
    "without_weight_decay": WeightDecay(0.0),
}
"""Name to what replaces fields of the same names in the recipe."""
