"""Runs several attacks at several budgets on one network as one stream of lanes.

A lane is one (attack, budget, image). All lanes step together in full batches, whatever attack
they belong to; a lane whose image is fooled leaves, so later batches are fewer. An image counts as
fooled when any iterate is misclassified, hence leaving early changes nothing but the time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from noises.adversarial.attack import GradientAttack, advance, gather

QUANTUM = 32
"""Batches are filled up to a multiple of this with repeated lanes, so that few shapes occur."""


@dataclass(frozen=True)
class AttackOutcome:
    """What one attack did to B images at E budgets.

    Attributes:
        fooled: (E, B) bool; True also where the clean image is misclassified.
        zero_gradient: (E,) share of attacked images whose first input gradient was all zero; a
            large share means that the attack was blind (gradient masking), not that the network
            is robust. NaN when no image was attacked.
    """

    fooled: NDArray[np.bool_]
    zero_gradient: NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """How lanes are run; part of the protocol, as rounding depends on the batch.

    Attributes:
        batch: Lanes that step together, a multiple of 32.
        nested: Robust at a budget means not fooled at any listed budget up to it.
        leave: Fooled lanes leave; False runs every lane to the end (same outcome, slower).
    """

    batch: int = 640
    nested: bool = True
    leave: bool = True

    def __post_init__(self) -> None:
        if type(self.batch) is not int or self.batch < 1 or self.batch % QUANTUM:
            raise ValueError(
                f"Plan.batch must be a positive multiple of {QUANTUM}; got {self.batch}. Round it."
            )


def check_inputs(network: nn.Module, images: Tensor, labels: Tensor) -> None:
    """Refuse what would make an attack's number wrong.

    Raises:
        ValueError: Train mode, images that are not float32 (B, 3, H, W) in [0, 1], no images, or
            labels that are not (B,) class indices.
    """
    if network.training:
        raise ValueError("Attack.network must be in eval mode; got train mode. Call .eval() first.")
    if images.ndim != 4 or images.shape[1] != 3 or images.dtype != torch.float32 or not len(images):
        raise ValueError(
            "Attack.images must be float32 (B, 3, H, W) with B > 0; "
            f"got {images.dtype} {tuple(images.shape)}. Convert them first."
        )
    low, high = float(images.min()), float(images.max())
    if not (low >= 0.0 and high <= 1.0):
        raise ValueError(
            f"Attack.images must lie in [0, 1]; got [{low:g}, {high:g}]. "
            "Give unnormalised pixels; the network normalises."
        )
    if labels.shape != images.shape[:1] or labels.dtype != torch.int64 or labels.min() < 0:
        raise ValueError(
            f"Attack.labels must be int64 ({len(images)},) and not negative; got {labels.dtype} "
            f"{tuple(labels.shape)}. Give one class index per image."
        )


def check_starts(images: Tensor, attacks: Sequence[tuple[GradientAttack, Tensor]]) -> None:
    """Refuse starts that do not belong to the images: they would broadcast unnoticed.

    Raises:
        ValueError: No attack, or starts of another shape than the images.
    """
    if not attacks:
        raise ValueError("Attack.attacks must be at least one; got none. Name one.")
    for attack, starts in attacks:
        if starts.shape != images.shape:
            raise ValueError(
                f"Attack.starts must be of the images' shape {tuple(images.shape)}; got "
                f"{tuple(starts.shape)} for {attack.name}. Make them with GradientAttack.starts."
            )


class Lanes:
    """The state of all (attack, budget, image) triples, indexed by lane."""

    def __init__(
        self,
        attacks: Sequence[GradientAttack],
        images: Tensor,
        starts: Sequence[Tensor],
    ) -> None:
        b = len(images)
        groups = [(a, e) for a in range(len(attacks)) for e in range(len(attacks[a].budgets))]
        device = images.device
        self.group = torch.arange(len(groups)).repeat_interleave(b)
        self.image = torch.arange(b).repeat(len(groups))
        per_group = [(attacks[a], attacks[a].budgets[e]) for a, e in groups]
        self.steps = torch.tensor([a.steps for a, _ in per_group])[self.group]
        budgets = torch.tensor([budget for _, budget in per_group], dtype=torch.float32)
        lengths = torch.tensor([a.step * budget for a, budget in per_group], dtype=torch.float32)
        self.budget = budgets[self.group].to(device)[:, None, None, None]
        self.length = lengths[self.group].to(device)[:, None, None, None]
        self.linf = torch.tensor([a.norm == "linf" for a, _ in per_group])[self.group].to(device)
        self.x = torch.cat(
            [(images + starts[a] * attacks[a].budgets[e]).clamp_(0.0, 1.0) for a, e in groups]
        )
        decay = torch.tensor([a.decay for a, _ in per_group], dtype=torch.float32)
        self.decay = decay[self.group].to(device)[:, None, None, None]
        self.gathered = torch.zeros_like(self.x) if bool((decay > 0).any()) else None
        self.fooled = torch.zeros(len(self.group), dtype=torch.bool)
        self.blind = torch.zeros(len(self.group), dtype=torch.bool)


def run_attacks(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    attacks: Sequence[tuple[GradientAttack, Tensor]],
    plan: Plan,
) -> dict[str, AttackOutcome]:
    """Attack every image with every attack at every budget.

    Args:
        network: (B, 3, s, s) in [0, 1] to logits (B, K), in eval mode, parameters frozen.
        images: (B, 3, s, s) float32 in [0, 1].
        labels: (B,) int64.
        attacks: Each with its starts (B, 3, s, s), in units of the budget.
        plan: Batches and switches.

    Returns:
        Attack name to outcome. Images that are misclassified clean are fooled and not attacked.

    Raises:
        ValueError: See `check_inputs` and `check_starts`; or the network's outputs are not finite,
            or do not depend on the images in a way that can be differentiated.
    """
    check_inputs(network, images, labels)
    check_starts(images, attacks)
    lanes = Lanes([a for a, _ in attacks], images, [s.to(images.device) for _, s in attacks])
    clean = torch.cat([_predict(network, part) for part in torch.split(images, plan.batch)]).cpu()
    lanes.fooled = (clean != labels.cpu())[lanes.image]
    attacked = ~lanes.fooled
    for taken in range(int(lanes.steps.max()) + 1):
        active = attacked & (lanes.steps >= taken)
        if plan.leave:
            active &= ~lanes.fooled
        for part in _batches(active & (lanes.steps > taken), plan.batch):
            _step(network, lanes, part, images, labels, first=taken == 0)
        for part in _batches(active & (lanes.steps == taken), plan.batch):
            filled = _filled(part)
            wrong = _predict(network, lanes.x[filled]) != labels[lanes.image[filled]]
            lanes.fooled[part] |= wrong[: len(part)].cpu()
    return _collect(lanes, attacked, [a for a, _ in attacks], plan.nested)


def _batches(chosen: Tensor, size: int) -> list[Tensor]:
    """Indices of the chosen lanes, cut into batches; none when there are none."""
    lanes = chosen.nonzero().flatten()
    return list(torch.split(lanes, size)) if len(lanes) else []


def _filled(part: Tensor) -> Tensor:
    """The lanes of a batch, the last one repeated up to a multiple of `QUANTUM`."""
    missing = -len(part) % QUANTUM
    return torch.cat((part, part[-1:].expand(missing))) if missing else part


def _predict(network: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return _finite(network(x)).argmax(1)


def _finite(logits: Tensor) -> Tensor:
    if not bool(logits.isfinite().all()):
        raise ValueError(
            "Attack.network must return finite logits; got NaN or infinity. "
            "Check its weights, and that its input gradient is finite."
        )
    return logits


def _step(
    network: nn.Module, lanes: Lanes, part: Tensor, images: Tensor, labels: Tensor, *, first: bool
) -> None:
    """Judge the iterates of a batch of lanes and move them one step."""
    filled = _filled(part)
    picture = lanes.image[filled].to(images.device)
    x = lanes.x[filled.to(images.device)].requires_grad_()
    target = labels[picture]
    logits = _finite(network(x))
    if not logits.requires_grad:
        raise ValueError(
            "Attack.network must be differentiable; got logits without a gradient. "
            "Remove detach() and no_grad() from its forward pass."
        )
    (gradient,) = torch.autograd.grad(F.cross_entropy(logits, target, reduction="sum"), x)
    with torch.no_grad():
        lanes.fooled[part] |= (logits.argmax(1) != target)[: len(part)].cpu()
        if first:
            blind = (gradient.flatten(1) == 0).all(1)[: len(part)]
            lanes.blind[part] = blind.cpu()
        n = len(part)
        here = part.to(images.device)
        gradient = gradient[:n]
        if lanes.gathered is not None:
            gradient = gather(gradient, lanes.gathered[here], lanes.decay[here])
            lanes.gathered[here] = gradient
        lanes.x[here] = advance(
            x.detach()[:n],
            images[picture[:n]],
            gradient,
            lanes.length[here],
            lanes.budget[here],
            lanes.linf[here],
        )


def _collect(
    lanes: Lanes, attacked: Tensor, attacks: Sequence[GradientAttack], nested: bool
) -> dict[str, AttackOutcome]:
    b = int(lanes.image.max()) + 1
    fooled = lanes.fooled.view(-1, b).numpy()
    tried = attacked.view(-1, b).numpy()
    blind = lanes.blind.view(-1, b).numpy()
    result, row = {}, 0
    for attack in attacks:
        rows = slice(row, row + len(attack.budgets))
        row = rows.stop
        total = tried[rows].sum(1)
        share = np.divide(
            blind[rows].sum(1), total, out=np.full(len(total), np.nan), where=total > 0
        )
        wrong = np.logical_or.accumulate(fooled[rows], 0) if nested else fooled[rows]
        result[attack.name] = AttackOutcome(wrong, share)
    return result
