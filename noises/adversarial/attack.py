"""White-box gradient attacks: what they are. `engine` runs them.

FGSM is one full step from the image (Goodfellow et al., "Explaining and harnessing adversarial
examples", ICLR 2015). PGD repeats smaller steps from a random start inside the ball and projects
back (Madry et al., "Towards deep learning models resistant to adversarial attacks", ICLR 2018). MIM
steps along the gradients gathered so far (Dong et al., "Boosting adversarial attacks with
momentum", CVPR 2018). Every step is a share of the budget, so strengths scale.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from noises.draws import generators

NORMS = ("linf", "l2")


@dataclass(frozen=True)
class GradientAttack:
    """An untargeted attack by steps along the input gradient of the cross-entropy.

    Attributes:
        name: For instance "pgd_linf": letters, digits, "_" and "-", as it also names files.
        norm: "linf" or "l2", of the perturbation in [0, 1] pixels.
        budgets: (E,) ascending radii of the ball, at most 1 in the maximum norm.
        steps: Gradient steps.
        step: Length of a step as a share of the budget.
        random_start: Start from a random point of the ball, not from the image.
        source: Publication.
        decay: Share of the gathered gradients, each at unit mean size, kept from step to step; 0
            steps along the last gradient alone.
        family: "adversarial".
    """

    name: str
    norm: str
    budgets: tuple[float, ...]
    steps: int
    step: float
    random_start: bool
    source: str
    decay: float = 0.0
    family: str = "adversarial"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w-]+", self.name, re.ASCII):
            raise ValueError(
                "GradientAttack.name must be of letters, digits, _ and -; "
                f"got {self.name!r}. Rename it."
            )
        if self.norm not in NORMS:
            raise ValueError(
                f"GradientAttack.norm must be one of {', '.join(NORMS)}; got {self.norm!r}. "
                "Choose one of them."
            )
        limit = 1.0 if self.norm == "linf" else sys.float_info.max
        ascending = all(a < b for a, b in pairwise((0.0, *self.budgets)))  # false with NaN
        if not self.budgets or not ascending or self.budgets[-1] > limit:
            raise ValueError(
                "GradientAttack.budgets must be positive, ascending and, for linf, at most 1; "
                f"got {self.budgets}. Give them in units of [0, 1] pixels, 8 grey levels as 8/255."
            )
        if type(self.steps) is not int or self.steps < 1 or not 0.0 < self.step <= 2.0:
            raise ValueError(
                "GradientAttack.steps must be an integer of at least 1 and step in (0, 2]; "
                f"got {self.steps}, {self.step}. A step is a share of the budget."
            )
        if not 0.0 <= self.decay <= 1.0:
            raise ValueError(
                f"GradientAttack.decay must lie in [0, 1]; got {self.decay}. 1 is usual for MIM."
            )

    def describe(self) -> dict[str, Any]:
        """Plain data from which an equal attack can be made."""
        return asdict(self)

    def starts(self, ids: Sequence[str], size: int, seed: int) -> NDArray[np.float32]:
        """(B, 3, size, size) points of the unit ball to start from, times the budget.

        Uniform in the ball of the norm; draws belong to the image, not to batch or network. Zeros
        without a random start.
        """
        shape = (len(ids), 3, size, size)
        if not self.random_start:
            return np.zeros(shape, np.float32)
        streams = generators(seed, self.name, 0, ids)
        if self.norm == "linf":
            uniform = np.stack([g.uniform(-1.0, 1.0, shape[1:]) for g in streams])
            return uniform.astype(np.float32)
        directions = np.stack([g.standard_normal(shape[1:]) for g in streams])
        radii = np.array([g.random() for g in streams]) ** (1.0 / directions[0].size)
        lengths = np.sqrt((directions**2).sum((1, 2, 3)))
        points: NDArray[np.float64] = directions * (radii / lengths)[:, None, None, None]
        return points.astype(np.float32)


def length(x: Tensor) -> Tensor:
    """(B, 1, 1, 1) Euclidean norms of a batch (B, C, H, W), at least a tiny positive number."""
    norms: Tensor = torch.linalg.vector_norm(x.flatten(1), dim=1)
    return norms.clamp_min(1e-12)[:, None, None, None]


def direction(gradient: Tensor) -> Tensor:
    """Gradients (B, C, H, W) at unit Euclidean length, zeros where they are zero.

    The gradient of a confident network may be 1e-30: its square underflows, and a norm bounded
    from below would shrink the step to nothing. So each is brought to a maximum of 1 first.
    """
    scaled = peak_one(gradient)
    return scaled / length(scaled)


def peak_one(gradient: Tensor) -> Tensor:
    """Gradients (B, C, H, W) with a largest absolute value of 1, zeros where they are zero."""
    peak = gradient.abs().amax((1, 2, 3), keepdim=True)
    return gradient / peak.clamp_min(torch.finfo(gradient.dtype).tiny)


def gather(gradient: Tensor, gathered: Tensor, decay: Tensor) -> Tensor:
    """Gradients added to those of earlier steps, all (B, 3, s, s); unchanged where decay is 0.

    Args:
        gradient: At this step; its mean absolute value is brought to 1, zeros stay zeros.
        gathered: Result of the step before, zeros at the first.
        decay: (B, 1, 1, 1) share of it that is kept.
    """
    scaled = peak_one(gradient)  # a mean may underflow, too
    unit = scaled / scaled.abs().mean((1, 2, 3), keepdim=True).clamp_min(1e-12)
    return torch.where(decay > 0, decay * gathered + unit, gradient)


def advance(
    x: Tensor, origin: Tensor, gradient: Tensor, step: Tensor, budget: Tensor, linf: Tensor
) -> Tensor:
    """One projected step for a batch in which every image has a ball of its own.

    Args:
        x: (B, 3, s, s) iterates.
        origin: (B, 3, s, s) images the balls are centred on.
        gradient: (B, 3, s, s) of the loss to increase.
        step: (B, 1, 1, 1) step lengths.
        budget: (B, 1, 1, 1) radii.
        linf: (B,) bool, True for the maximum norm, False for the Euclidean norm.

    Returns:
        (B, 3, s, s) next iterates, inside their balls and [0, 1].
    """
    if bool(linf.all()):
        moved = x + step * gradient.sign() - origin
        return project_linf(moved, origin, budget)
    if not bool(linf.any()):
        moved = x + step * direction(gradient) - origin
        return project_l2(moved, origin, budget)
    result = torch.empty_like(x)
    first = int(linf.sum())
    # slices when all of the maximum norm come first, as they do in one batch of several attacks
    sorted_norms: list[slice | Tensor] = [slice(0, first), slice(first, None)]
    for lanes in sorted_norms if bool(linf[:first].all()) else [linf, ~linf]:
        chosen = [t[lanes] for t in (x, origin, gradient, step, budget, linf)]
        result[lanes] = advance(*chosen)
    return result


def project_linf(delta: Tensor, origin: Tensor, budget: Tensor) -> Tensor:
    """Image nearest to origin + delta within the maximum-norm ball and [0, 1]."""
    return (origin + torch.minimum(torch.maximum(delta, -budget), budget)).clamp_(0.0, 1.0)


def project_l2(delta: Tensor, origin: Tensor, budget: Tensor) -> Tensor:
    """Image origin + delta scaled back to the Euclidean ball, then clipped to [0, 1]."""
    return (origin + delta * (budget / length(delta)).clamp_max(1.0)).clamp_(0.0, 1.0)
