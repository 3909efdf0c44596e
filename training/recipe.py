"""A recipe: everything a training depends on beside the network and the data."""

import math
from dataclasses import dataclass, replace

from training.forward import PRECISIONS
from training.techniques import choose


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: Passes over the training images.
        batch: Images in a step, of all processes together.
        rate: Peak learning rate of SGD; other optimizers have their own.
        momentum: Nesterov momentum of SGD.
        decay: Weight decay of SGD, on convolution and linear weights alone.
        warmup: Share of all steps over which the rate rises linearly from 0.
        smoothing: Label smoothing.
        clip: Largest norm of the gradient.
        seed: Of the initial weights, the order, the techniques and the sampled architectures.
        techniques: Written as `training.techniques` says; augmentations are applied in order.
        precision: "float32", or "bfloat16" for the forward pass under torch's autocast.
    """

    epochs: int
    batch: int
    rate: float
    momentum: float = 0.9
    decay: float = 1e-4
    warmup: float = 0.1
    smoothing: float = 0.1
    clip: float = 5.0
    seed: int = 0
    techniques: tuple[str, ...] = ()
    precision: str = "float32"

    def __post_init__(self) -> None:
        choose(self.techniques)
        if self.epochs < 1:
            raise ValueError(f"Recipe.epochs must be at least 1; got {self.epochs}. Train longer.")
        if self.batch < 2:
            raise ValueError(
                f"Recipe.batch must be at least 2; got {self.batch}. "
                "BatchNorm compares the images of a batch."
            )
        if not 0.0 < self.rate < math.inf:
            raise ValueError(f"Recipe.rate must be positive; got {self.rate}. Start with 0.1.")
        if not 0.0 <= self.warmup < 1.0:
            raise ValueError(
                f"Recipe.warmup must be a share in [0, 1); got {self.warmup}. 0.1 is usual."
            )
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"Recipe.precision must be among {', '.join(PRECISIONS)}; got "
                f"{self.precision!r}. Choose one of them."
            )

    def resolved(self) -> "Recipe":
        """The same with the settings that its techniques replace."""
        settings = choose(self.techniques).settings
        return replace(
            self,
            smoothing=settings.get("smoothing", self.smoothing),
            decay=settings.get("decay", self.decay),
        )

    def rate_at(self, progress: float) -> float:
        """Learning rate after a share of all steps, 0 to 1."""
        chosen = choose(self.techniques)
        peak = chosen.optimizer.rate or self.rate
        if chosen.averaging is not None:
            progress = min(progress, chosen.averaging.start)
        if progress < self.warmup:
            return peak * progress / self.warmup
        done = (progress - self.warmup) / (1.0 - self.warmup)
        return peak * 0.5 * (1.0 + math.cos(math.pi * done))
