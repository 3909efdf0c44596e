"""Averages of the weights over the training, which are evaluated in place of the last ones.

EMA: Polyak and Juditsky 1992, as in timm and the benchmark; SWA: Izmailov et al., "Averaging
weights leads to wider optima and better generalization", UAI 2018. Running statistics are not
averaged but those of the last weights: recalibrate a network that has them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.checks import check_range


class Averaging(Protocol):
    """A rule of averaging.

    From `start` on, a share of all steps, the learning rate stays as it is there (1: never).
    """

    name: ClassVar[str]

    @property
    def start(self) -> float:
        """Share of all steps after which the rate stays."""
        ...

    def build(self, model: nn.Module) -> AveragedModel:
        """The average of no weights yet."""
        ...

    def due(self, progress: float, epoch_ends: bool) -> bool:
        """Whether the weights enter the average: asked after every step and every epoch."""
        ...


@dataclass(frozen=True)
class EMA:
    """Exponential moving average of the weights after every step.

    Attributes:
        decay: Share of the average kept per step, reached over time: it is at most
            (1 + n) / (10 + n) at step n, so that short trainings forget their beginning too.
    """

    name: ClassVar[str] = "ema"
    start: ClassVar[float] = 1.0
    decay: float = 0.9999

    def __post_init__(self) -> None:
        check_range(self, "decay", 0.0, 0.9999999, "0.9999 is the benchmark's.")

    def build(self, model: nn.Module) -> AveragedModel:
        """The average of no weights yet."""

        def average(kept: Sequence[Tensor], new: Sequence[Tensor], n: Tensor | int) -> None:
            decay = min(self.decay, (1 + int(n)) / (10 + int(n)))
            get_ema_multi_avg_fn(decay)(kept, new, n)  # type: ignore[no-untyped-call]

        return AveragedModel(model, multi_avg_fn=average)

    def due(self, progress: float, epoch_ends: bool) -> bool:
        """After every step."""
        return not epoch_ends


@dataclass(frozen=True)
class SWA:
    """Plain mean of the weights after each of the last epochs, at a rate that no longer falls.

    Attributes:
        start: Share of the training after which epochs count.
    """

    name: ClassVar[str] = "swa"
    start: float = 0.75

    def __post_init__(self) -> None:
        check_range(self, "start", 0.0, 0.99, "0.75 is usual.")

    def build(self, model: nn.Module) -> AveragedModel:
        """The average of no weights yet."""
        return AveragedModel(model)

    def due(self, progress: float, epoch_ends: bool) -> bool:
        """After every epoch that ends beyond the start."""
        return epoch_ends and progress > self.start


AVERAGINGS: dict[str, Averaging] = {a.name: a for a in (EMA(), SWA())}
"""Name to averaging."""
