"""How gradients become steps: SGD, AdamW, Lion.

Weights decay and vectors do not, whatever the optimizer (`parameter_groups`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, overload

import torch
from torch import nn

from training.checks import check_range


class OptimizerChoice(Protocol):
    """An optimizer and its rates.

    `rate` is the peak learning rate, None for that of the recipe. `build` takes the model, and
    momentum and decay of the recipe, which it may replace by its own.
    """

    name: ClassVar[str]

    @property
    def rate(self) -> float | None:
        """Peak learning rate."""
        ...

    def build(self, model: nn.Module, momentum: float, decay: float) -> torch.optim.Optimizer:
        """The optimizer of the model's parameters, its rate 0 until the loop sets it."""
        ...


def parameter_groups(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Matrices and filters decay; vectors (BatchNorm, biases) do not."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    free = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": decay}, {"params": free, "weight_decay": 0.0}]


@dataclass(frozen=True)
class SGD:
    """Nesterov's momentum; rate, momentum and decay are the recipe's."""

    name: ClassVar[str] = "sgd"
    rate: ClassVar[float | None] = None

    def build(self, model: nn.Module, momentum: float, decay: float) -> torch.optim.Optimizer:
        """The optimizer."""
        groups = parameter_groups(model, decay)
        return torch.optim.SGD(groups, 0.0, momentum, nesterov=momentum > 0, foreach=True)


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019).

    Attributes:
        rate: Peak learning rate, in place of the recipe's.
        decay: Decoupled weight decay, in place of the recipe's.
        beta1: Decay of the mean gradient.
        beta2: Decay of the mean squared gradient.
    """

    name: ClassVar[str] = "adamw"
    rate: float = 2e-3
    decay: float = 0.05
    beta1: float = 0.9
    beta2: float = 0.999

    def __post_init__(self) -> None:
        _check(self)

    def build(self, model: nn.Module, momentum: float, decay: float) -> torch.optim.Optimizer:
        """The optimizer."""
        groups = parameter_groups(model, self.decay)
        return torch.optim.AdamW(groups, 0.0, (self.beta1, self.beta2), foreach=True)


@dataclass(frozen=True)
class Lion:
    """Steps of one size, in the direction of the sign (Chen et al., NeurIPS 2023, algorithm 2).

    Attributes:
        rate: Peak learning rate, in place of the recipe's; 3 to 10 times less than AdamW's.
        decay: Decoupled weight decay, in place of the recipe's; 3 to 10 times AdamW's.
        beta1: Share of the momentum in the direction.
        beta2: Decay of the momentum.
    """

    name: ClassVar[str] = "lion"
    rate: float = 4e-4
    decay: float = 0.25
    beta1: float = 0.9
    beta2: float = 0.99

    def __post_init__(self) -> None:
        _check(self)

    def build(self, model: nn.Module, momentum: float, decay: float) -> torch.optim.Optimizer:
        """The optimizer."""
        return LionOptimizer(parameter_groups(model, self.decay), self.beta1, self.beta2)


def _check(choice: AdamW | Lion) -> None:
    check_range(choice, "rate", 1e-12, 10.0, "Start with the default.")
    check_range(choice, "decay", 0.0, 10.0, "Start with the default.")
    check_range(choice, "beta1", 0.0, 0.99999, "0.9 is usual.")
    check_range(choice, "beta2", 0.0, 0.99999, "Start with the default.")


class LionOptimizer(torch.optim.Optimizer):
    """Lion's update, which torch has not.

    Args:
        groups: As of `parameter_groups`.
        beta1: Share of the momentum in the direction.
        beta2: Decay of the momentum.
    """

    def __init__(self, groups: list[dict[str, Any]], beta1: float, beta2: float) -> None:
        super().__init__(groups, {"lr": 0.0, "weight_decay": 0.0})
        self.beta1, self.beta2 = beta1, beta2

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if not parameters:
                continue
            gradients = [p.grad for p in parameters]
            for p in parameters:
                self.state[p].setdefault("exp_avg", torch.zeros_like(p))
            means = [self.state[p]["exp_avg"] for p in parameters]
            direction = torch._foreach_lerp(means, gradients, 1.0 - self.beta1)
            torch._foreach_sign_(direction)
            torch._foreach_mul_(parameters, 1.0 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(parameters, direction, alpha=-group["lr"])
            torch._foreach_lerp_(means, gradients, 1.0 - self.beta2)
        return None


OPTIMIZERS: dict[str, OptimizerChoice] = {o.name: o for o in (SGD(), AdamW(), Lion())}
"""Name to optimizer."""
