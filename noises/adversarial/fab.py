"""FAB: the nearest misclassified image, by steps onto linearised decision boundaries.

Croce and Hein, "Minimally distorted adversarial examples with a fast adaptive boundary attack",
ICML 2020, algorithm 1 in its targeted form (FAB-T), from the image itself. A lane looks for the
least distance, so one run answers for all budgets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from noises.adversarial.checks import check_attack, check_count
from noises.adversarial.geometry import LINF, NORMS, length
from noises.adversarial.losses import picked
from noises.adversarial.trial import Entry, Lanes, State, Trial, View, drive
from noises.adversarial.victim import reach

NEWTON = 50
"""Steps at most towards the distance of a hyperplane; about six are usual."""


@dataclass(frozen=True)
class FAB:
    """Projections on the boundary to each target class, the closest find kept.

    Attributes:
        name: Name of the attack.
        norm: "linf" or "l2".
        budgets: (E,) ascending radii at which the distances are read.
        steps: Projections per target class.
        source: Publication.
        targets: Classes tried in turn, from the second by clean logits on.
        bias: Largest weight of the projection of the image itself, alpha_max.
        overshoot: Length of a projection as a share of the way to the hyperplane, eta.
        back: Share of the distance kept after a find, beta.
    """

    name: str
    norm: str
    budgets: tuple[float, ...]
    steps: int
    source: str
    targets: int = 9
    bias: float = 0.1
    overshoot: float = 1.05
    back: float = 0.9

    kind: ClassVar[str] = "fab"
    black_box: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_attack(self, ("linf", "l2"))
        check_count(self, "steps", "targets")
        if not (0.0 <= self.bias <= 1.0 <= self.overshoot and 0.0 < self.back < 1.0):
            raise ValueError(
                "FAB.bias must lie in [0, 1], overshoot be at least 1 and back lie in (0, 1); got "
                f"{self.bias}, {self.overshoot}, {self.back}. 0.1, 1.05 and 0.9 are published."
            )


def onto_hyperplane(x: Tensor, normal: Tensor, gap: Tensor, norm: int) -> Tensor:
    """Least move inside [0, 1] that changes normal . x by `gap`, or as much as the box allows.

    Every value moves towards its side of the box by min(t, room) for linf, min(t |normal|, room)
    for l2. The change grows with t along a concave broken line, so Newton's method from zero rises
    to the root without passing it and ends on it.

    Args:
        x: (B, D) points in [0, 1].
        normal: (B, D) of the hyperplanes.
        gap: (B,) wanted change of normal . x.
        norm: Index in `NORMS`.

    Returns:
        (B, D) moves.
    """
    weight = normal.abs()
    sign = normal.sign() * gap.sign()[:, None]
    room = torch.where(sign > 0, 1.0 - x, x)
    rate = torch.ones_like(weight) if norm == LINF else weight
    wanted = gap.abs()[:, None]
    t = torch.zeros_like(wanted)
    for _ in range(NEWTON):
        free = rate * t < room
        moved = torch.where(free, rate * t, room)
        missing = wanted - (weight * moved).sum(1, keepdim=True)
        slope = (weight * rate * free).sum(1, keepdim=True)
        # no value is free where all that can move has reached its side
        rise = torch.where(slope > 0, missing / slope.clamp_min(1e-38), 0.0)
        rise = torch.where(rise > 1e-6 * t, rise, 0.0)
        if not bool((rise > 0).any()):
            break
        t = t + rise
    return sign * torch.minimum(rate * t, room)


class _FABMethod:
    """Lanes of one FAB-T, one per (target, image)."""

    spans = True
    images = 1

    def __init__(self, trial: Trial, attack: FAB) -> None:
        self.trial, self.attack = trial, attack
        self.norm = NORMS.index(attack.norm)

    def begin(self, lanes: Lanes) -> State:
        """The images themselves, and the classes to reach."""
        return {"x": self.trial.pictures(lanes), "target": self.trial.targets(lanes)}

    def move(self, view: View, step: int) -> Tensor:
        """Take finds back towards the image, then project on the boundary ahead."""
        x, target = view.state["x"], view.state["target"]

        # most iterates are finds: asking first, then once for the gradient, costs least
        found = self.judge(view)
        won = torch.isfinite(found)[:, None, None, None]
        x.copy_(torch.where(won, view.origin + (x - view.origin) * self.attack.back, x))
        answer = self.trial.victim.gradient(x, lambda z: picked(z, target) - picked(z, view.label))
        if step == 0:
            self.trial.note_blind(view, answer.gradient)
        x.copy_(self._ahead(x, view.origin, answer.loss, answer.gradient))
        return found

    def _ahead(self, x: Tensor, origin: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
        """Next iterates: overshot projections of iterate and image, mixed by their lengths."""
        normal = gradient.flatten(1)
        # plane: loss + gradient . (z - x) = 0, seen from the iterate and from the image
        from_image = -loss - (normal * (origin - x).flatten(1)).sum(1)
        starts = torch.cat((x, origin)).flatten(1)
        moves = onto_hyperplane(
            starts, torch.cat((normal, normal)), torch.cat((-loss, from_image)), self.norm
        )
        near, far = moves.view(2, *x.shape)
        a, b = (length(move, self.norm).clamp_min(1e-8) for move in (near, far))
        weight = (a / (a + b)).clamp_max(self.attack.bias)
        eta = self.attack.overshoot
        mixed: Tensor = (x + eta * near) * (1.0 - weight) + (origin + eta * far) * weight
        return mixed.clamp_(0.0, 1.0)

    def judge(self, view: View) -> Tensor:
        """Distances of the iterates that are misclassified."""
        x = view.state["x"]
        found = reach(self.trial.victim.logits(x), view.label)
        return found + length(x - view.origin, self.norm).flatten()


def run_fab(trial: Trial, attacks: Sequence[tuple[FAB, Entry]]) -> None:
    """Run FAB attacks one after the other."""
    for attack, entry in attacks:
        ranks = min(attack.targets, trial.clean.shape[1] - 1)
        # nested, a lane may leave with the first budget it beats; alone, it answers for all
        lanes = Lanes.product(entry, attack.steps, ranks, rows=1)
        drive(trial, _FABMethod(trial, attack), lanes)
