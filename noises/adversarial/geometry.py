"""Balls of the three norms: lengths, steepest directions, projections, uniform points.

Images are (B, 3, s, s); a radius or length per image is (B, 1, 1, 1).
"""

import torch
from torch import Tensor

from noises.adversarial.draws import normal, uniform

NORMS = ("linf", "l2", "l1")
LINF, L2, L1 = range(3)
_TINY = 1e-12


def length(x: Tensor, norm: int) -> Tensor:
    """(B, 1, 1, 1) norms of a batch (B, C, H, W)."""
    order = (float("inf"), 2.0, 1.0)[norm]
    found: Tensor = torch.linalg.vector_norm(x.flatten(1), order, dim=1)
    return found[:, None, None, None]


def peak_one(gradient: Tensor) -> Tensor:
    """Gradients (B, C, H, W) with a largest absolute value of 1, zeros where they are zero."""
    peak = gradient.abs().amax((1, 2, 3), keepdim=True)
    return gradient / peak.clamp_min(torch.finfo(gradient.dtype).tiny)


def direction(gradient: Tensor, norm: int) -> Tensor:
    """Gradients (B, C, H, W) at unit length: signs for linf, else divided by their own norm.

    The gradient of a confident network may be 1e-30: its square underflows, and a norm bounded
    from below would shrink the step to nothing. So each is brought to a maximum of 1 first.
    """
    if norm == LINF:
        return gradient.sign()
    scaled = peak_one(gradient)
    return scaled / length(scaled, norm).clamp_min(_TINY)


def project(delta: Tensor, origin: Tensor, budget: Tensor, norm: int) -> Tensor:
    """Image origin + delta brought into the ball, then clipped to [0, 1].

    For linf the nearest point of the ball, for the others delta scaled back (for l1 as in foolbox,
    not the nearest point).
    """
    if norm == LINF:
        inside = torch.minimum(torch.maximum(delta, -budget), budget)
    else:
        inside = delta * (budget / length(delta, norm).clamp_min(_TINY)).clamp_max(1.0)
    return inside.add_(origin).clamp_(0.0, 1.0)


def uniform_ball(keys: Tensor, stream: int, shape: tuple[int, ...], norm: int) -> Tensor:
    """(B, *shape) points, uniform in the unit ball of the norm; streams as of one restart."""
    count = 1
    for side in shape:
        count *= side
    if norm == LINF:
        flat = 2.0 * uniform(keys, 4 * stream, count) - 1.0
    elif norm == L2:
        radius = uniform(keys, 4 * stream, 1) ** (1.0 / count)
        flat = normal(keys, 2 * stream + 1, count)
        flat *= radius / torch.linalg.vector_norm(flat, dim=1, keepdim=True)
    else:  # spacings of an exponential sample, signs at random
        drawn = uniform(keys, 4 * stream, count + 1).double().log().neg()
        signs = (uniform(keys, 4 * stream + 1, count) < 0.5) * 2.0 - 1.0
        flat = (drawn[:, :count] / drawn.sum(1, keepdim=True)).float() * signs
    return flat.view(-1, *shape)
