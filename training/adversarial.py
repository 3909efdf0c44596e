"""Objectives that attack the network under training: PGD, TRADES, fast adversarial training.

Balls are those of the maximum norm, in [0, 1] pixels. Examples are made in eval mode, nothing is
dropped, and networks with running statistics use them; a supernet has none, so its slices normalise
by the batch at hand, attacked or not. Projections and draws are those of `noises.adversarial`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from noises.adversarial.draws import normal
from noises.adversarial.geometry import LINF, direction, project, uniform_ball
from training.checks import check_range
from training.forward import evaluating

Network = Callable[[Tensor], Tensor]


def image_keys(images: Tensor, rng: np.random.Generator) -> Tensor:
    """(B,) int64 keys on the images' device, from which the device draws."""
    return torch.from_numpy(rng.integers(-(2**63), 2**63 - 1, len(images))).to(images.device)


def ascend(
    loss: Callable[[Tensor], Tensor], x: Tensor, images: Tensor, sizes: tuple[float, float, int]
) -> Tensor:
    """Examples (B, 3, s, s) after signed gradient steps from `x`, inside the ball and [0, 1].

    Args:
        loss: Images to the scalar that is to rise.
        x: Where to start.
        images: Centres of the balls.
        sizes: (radius of the ball, step, number of steps).
    """
    eps, step, steps = sizes
    budget = images.new_full((), eps)
    for _ in range(steps):
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(x), x)
        moved = x.detach() + step * direction(gradient, LINF)
        x = project(moved - images, images, budget, LINF)
    return x.detach()


def uniform_start(images: Tensor, eps: float, rng: np.random.Generator) -> Tensor:
    """Points drawn uniformly from the balls around the images, clipped to [0, 1]."""
    noise = uniform_ball(image_keys(images, rng), 0, tuple(images.shape[1:]), LINF)
    return (images + eps * noise).clamp(0.0, 1.0)


@dataclass(frozen=True)
class Adversarial:
    """Cross-entropy of clean images and their PGD examples, 1:1 in one batch.

    Source: Madry et al., ICLR 2018, for steps and radius on small images; RobustART (Tang et al.,
    arXiv 2109.05211) for the mixture. That benchmark trains with eps 16/255, 20 steps of eps / 15:
    `adversarial:eps=0.0627451,steps=20,step=0.0666667`.

    Attributes:
        eps: Radius.
        steps: Gradient steps.
        step: Length of a step as a share of the radius.
    """

    name: ClassVar[str] = "adversarial"
    eps: float = 8 / 255
    steps: int = 7
    step: float = 0.25

    def __post_init__(self) -> None:
        check_ball(self)

    def loss(
        self, forward: Network, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> Tensor:
        """Mean cross-entropy over both halves."""
        x = uniform_start(images, self.eps, rng)
        with evaluating(forward):
            sizes = self.eps, self.step * self.eps, self.steps
            x = ascend(lambda z: F.cross_entropy(forward(z), targets), x, images, sizes)
        return F.cross_entropy(forward(torch.cat((images, x))), torch.cat((targets, targets)))


@dataclass(frozen=True)
class FastAdversarial:
    """Cross-entropy of examples made in one step (Wong et al., "Fast is better than free", 2020).

    Attributes:
        eps: Radius.
        step: Length of the step as a share of the radius.
    """

    name: ClassVar[str] = "fast"
    eps: float = 8 / 255
    step: float = 1.25
    steps: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_ball(self)

    def loss(
        self, forward: Network, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> Tensor:
        """Mean cross-entropy of the examples."""
        x = uniform_start(images, self.eps, rng)
        with evaluating(forward):
            sizes = self.eps, self.step * self.eps, self.steps
            x = ascend(lambda z: F.cross_entropy(forward(z), targets), x, images, sizes)
        return F.cross_entropy(forward(x), targets)


@dataclass(frozen=True)
class Trades:
    """Cross-entropy of clean images and beta times their divergence from the attacked ones.

    Source: Zhang et al., "Theoretically principled trade-off between robustness and accuracy", ICML
    2019: the attack raises the divergence itself, from a normal start of 0.001.

    Attributes:
        beta: Weight of the divergence.
        eps: Radius.
        steps: Gradient steps.
        step: Length of a step as a share of the radius; published: 0.007 of 0.031.
    """

    name: ClassVar[str] = "trades"
    beta: float = 6.0
    eps: float = 8 / 255
    steps: int = 10
    step: float = 7 / 31

    def __post_init__(self) -> None:
        check_ball(self)
        check_range(self, "beta", 0.0, 1000.0, "6 is published.")

    def loss(
        self, forward: Network, images: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> Tensor:
        """Cross-entropy + beta KL(clean || attacked), both means over the images."""
        noise = normal(image_keys(images, rng), 0, images[0].numel()).view_as(images)
        x = (images + 0.001 * noise).clamp(0.0, 1.0)
        with evaluating(forward):
            with torch.no_grad():
                clean = forward(images).softmax(1)
            sizes = self.eps, self.step * self.eps, self.steps
            x = ascend(lambda z: divergence(clean, forward(z)), x, images, sizes)
        logits = forward(images)
        apart = divergence(logits.softmax(1), forward(x))
        return F.cross_entropy(logits, targets) + self.beta * apart


def divergence(p: Tensor, logits: Tensor) -> Tensor:
    """Mean over the images of KL(p || softmax(logits)), both (B, K)."""
    return F.kl_div(logits.log_softmax(1), p, reduction="batchmean")


def check_ball(objective: Any) -> None:
    """Refuse radii and steps that make no attack."""
    check_range(objective, "eps", 0.0, 1.0, "Pixels lie in [0, 1]; 8/255 is 0.0313725.")
    check_range(objective, "steps", 1, 10**4, "7 is usual.")
    check_range(objective, "step", 1e-6, 2.0, "A step is a share of the radius.")
