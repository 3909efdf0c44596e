"""White-box attacks of fixed steps along the input gradient: FGSM, PGD, MIM.

FGSM is one full step from the image (Goodfellow et al., "Explaining and harnessing adversarial
examples", ICLR 2015). PGD repeats smaller steps from a random start inside the ball and projects
back (Madry et al., "Towards deep learning models resistant to adversarial attacks", ICLR 2018). MIM
steps along the gradients gathered so far (Dong et al., "Boosting adversarial attacks with
momentum", CVPR 2018). Every step is a share of the budget, so strengths scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from noises.adversarial.checks import check_attack, check_count
from noises.adversarial.geometry import NORMS, direction, peak_one, project, uniform_ball
from noises.adversarial.losses import cross_entropy
from noises.adversarial.trial import Entry, Lanes, State, Trial, View, drive
from noises.adversarial.victim import UNTOUCHED, reach

TARGETS = {"": 0, "runner_up": 1, "least_likely": -1}
"""Target to its rank among the classes by clean logits, the first rank 0."""


@dataclass(frozen=True)
class GradientAttack:
    """Steps that raise the cross-entropy, or lower that of a target class.

    Attributes:
        name: For instance "pgd_linf": letters, digits, "_" and "-", as it also names conditions.
        norm: "linf", "l2" or "l1", of the perturbation in [0, 1] pixels.
        budgets: (E,) ascending radii of the ball, at most 1 in the maximum norm.
        steps: Gradient steps.
        step: Length of a step as a share of the budget.
        random_start: Start from a random point of the ball, not from the image.
        source: Publication.
        decay: Share of the gathered gradients, each at unit mean size, kept from step to step; 0
            steps along the last gradient alone.
        restarts: Runs from fresh random starts; an image is fooled when one of them fools it.
        target: "" to leave the label, "runner_up" or "least_likely" (Kurakin et al., ICLR 2017) to
            reach that class; an image is fooled when misclassified, whatever the class.
        samples: Gradients averaged per step, for networks that are random.
    """

    name: str
    norm: str
    budgets: tuple[float, ...]
    steps: int
    step: float
    random_start: bool
    source: str
    decay: float = 0.0
    restarts: int = 1
    target: str = ""
    samples: int = 1

    kind: ClassVar[str] = "gradient"
    black_box: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_attack(self, NORMS)
        check_count(self, "steps", "restarts", "samples")
        if not 0.0 < self.step <= 2.0:
            raise ValueError(
                f"GradientAttack.step must lie in (0, 2]; got {self.step}. "
                "A step is a share of the budget."
            )
        if not 0.0 <= self.decay <= 1.0:
            raise ValueError(
                f"GradientAttack.decay must lie in [0, 1]; got {self.decay}. 1 is usual for MIM."
            )
        if self.target not in TARGETS:
            raise ValueError(
                "GradientAttack.target must be one of "
                f"{', '.join(map(repr, TARGETS))}; got {self.target!r}. Choose one of them."
            )
        if self.restarts > 1 and not self.random_start:
            raise ValueError(
                "GradientAttack.restarts must be 1 without a random start; got "
                f"{self.restarts}. Set random_start."
            )

    def starts(self, keys: Tensor, shape: tuple[int, ...], restart: int = 0) -> Tensor:
        """(B, *shape) points of the unit ball to start from, times the budget.

        Uniform in the ball of the norm; zeros without a random start.
        """
        if not self.random_start:
            return torch.zeros(len(keys), *shape, device=keys.device)
        return uniform_ball(keys, restart, shape, NORMS.index(self.norm))


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
    x: Tensor,
    origin: Tensor,
    gradient: Tensor,
    step: Tensor,
    budget: Tensor,
    norm: NDArray[np.int64],
) -> Tensor:
    """One projected step for a batch in which every image has a ball of its own.

    Args:
        x: (B, 3, s, s) iterates.
        origin: (B, 3, s, s) images the balls are centred on.
        gradient: (B, 3, s, s) of the loss to increase.
        step: (B, 1, 1, 1) step lengths.
        budget: (B, 1, 1, 1) radii.
        norm: (B,) indices in `NORMS`; equal ones side by side are moved together.

    Returns:
        (B, 3, s, s) next iterates, inside their balls and [0, 1].
    """
    parts, first = [], 0
    for kind, members in groupby(norm.tolist()):
        here = slice(first, first := first + len(list(members)))
        moved = x[here] + step[here] * direction(gradient[here], kind) - origin[here]
        parts.append(project(moved, origin[here], budget[here], kind))
    return torch.cat(parts) if len(parts) > 1 else parts[0]


@dataclass(frozen=True)
class _Row:
    """What the lanes of one row have in common."""

    attack: GradientAttack
    entry: Entry
    budget: float


class _GradientMethod:
    """Lanes of any gradient attacks that average the same number of samples, at one restart."""

    spans = False

    def __init__(self, trial: Trial, rows: dict[int, _Row], restart: int) -> None:
        self.trial, self.rows, self.restart = trial, rows, restart
        attacks = [r.attack for r in rows.values()]
        self.samples = attacks[0].samples
        self.gathers = any(a.decay > 0 for a in attacks)
        self.targeted = any(a.target for a in attacks)
        self.images = 2 if self.gathers else 1
        size = 1 + max(rows)
        self.norm = np.zeros(size, np.int64)
        self.step, self.budget, self.decay = np.zeros((3, size), np.float32)
        for r, row in rows.items():
            self.norm[r] = NORMS.index(row.attack.norm)
            self.budget[r], self.decay[r] = row.budget, row.attack.decay
            self.step[r] = row.attack.step * row.budget

    def begin(self, lanes: Lanes) -> State:
        """Iterates at their starts, and the constants of each lane's row."""
        device, x = self.trial.images.device, self.trial.pictures(lanes)
        for r in np.unique(lanes.row):
            here = self.trial.tensor(np.flatnonzero(lanes.row == r))
            image = self.trial.tensor(lanes.image[lanes.row == r])
            row = self.rows[r]
            if row.attack.random_start:
                start = self._starts(row)[image] * row.budget
                x[here] = (x[here] + start).clamp_(0.0, 1.0)
        state = {"x": x, "first": torch.zeros(len(lanes), device=device)}
        for name in ("step", "budget", "decay"):
            values = torch.from_numpy(getattr(self, name)[lanes.row]).to(device)
            state[name] = values[:, None, None, None]
        if self.gathers:
            state["gathered"] = torch.zeros_like(x)
        if self.targeted:
            state |= self._aims(lanes)
        return state

    def _starts(self, row: _Row) -> Tensor:
        """Starts of all images, kept for the next budget and the next network."""
        memo = row.entry.memo
        if self.restart not in memo:
            shape = tuple(self.trial.images.shape[1:])
            memo[self.restart] = row.attack.starts(row.entry.keys, shape, self.restart)
        return memo[self.restart]

    def _aims(self, lanes: Lanes) -> State:
        """The class each lane's loss is about, and whether it is to rise or to fall."""
        order = self.trial.order.cpu().numpy()
        labels = self.trial.labels.cpu().numpy()
        aim, sign = labels[lanes.image], np.ones(len(lanes), np.float32)
        for r in np.unique(lanes.row):
            target = self.rows[r].attack.target
            if target:
                here = lanes.row == r
                aim[here] = order[lanes.image[here], TARGETS[target]]
                sign[here] = -1.0
        return {
            "aim": self.trial.tensor(aim),
            "sign": torch.from_numpy(sign).to(self.trial.images.device),
        }

    def _loss(self, view: View, logits: Tensor) -> Tensor:
        if not self.targeted:
            return cross_entropy(logits, view.label)
        return view.state["sign"] * cross_entropy(logits, view.state["aim"])

    def move(self, view: View, step: int) -> Tensor:
        """One step along the gradient."""
        state = view.state
        x = state["x"]
        answer = self.trial.victim.gradient(x, lambda z: self._loss(view, z), self.samples)
        if step == 0:
            state["first"].copy_(answer.loss)
            if self.restart == 0:
                self.trial.note_blind(view, answer.gradient)
        gradient = answer.gradient
        if self.gathers:
            gradient = gather(gradient, state["gathered"], state["decay"])
            state["gathered"].copy_(gradient)
        norm = self.norm[view.row]
        x.copy_(advance(x, view.origin, gradient, state["step"], state["budget"], norm))
        found = reach(answer.logits, view.label)
        # judged by the last iterate alone, only a failure of the network counts before it
        return found.where(found.isnan(), UNTOUCHED) if self.trial.plan.last else found

    def judge(self, view: View) -> Tensor:
        """The last iterates, and whether the loss rose on the way to them."""
        if self.trial.final is not None:
            self.trial.final[view.row, view.image] = view.state["x"]
        logits = self.trial.victim.logits(view.state["x"])
        stuck = self._loss(view, logits) <= view.state["first"]
        self.trial.flat[view.row, view.image] = stuck.cpu().numpy()
        return reach(logits, view.label)


def run_gradient(trial: Trial, attacks: Sequence[tuple[GradientAttack, Entry]]) -> None:
    """Run any number of gradient attacks as one stream of lanes."""
    for samples in sorted({a.samples for a, _ in attacks}):
        for restart in range(max(a.restarts for a, _ in attacks)):
            pool = [(a, e) for a, e in attacks if a.samples == samples and a.restarts > restart]
            rows = {
                row: _Row(attack, entry, budget)
                for attack, entry in pool
                for row, budget in zip(entry.rows, entry.budgets, strict=True)
            }
            if rows:
                drive(trial, _GradientMethod(trial, rows, restart), _lanes(rows))


def _lanes(rows: dict[int, _Row]) -> Lanes:
    """Lanes of all rows and their images: longest attacks first, norms side by side."""
    order = sorted(rows, key=lambda r: (-rows[r].attack.steps, rows[r].attack.norm, r))
    counts = [len(rows[r].entry.images) for r in order]
    image = np.concatenate([rows[r].entry.images.numpy() for r in order])
    steps = np.repeat([rows[r].attack.steps for r in order], counts)
    return Lanes(np.repeat(order, counts), image, steps)
