"""APGD: projected gradient ascent that chooses its own step lengths.

Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse
parameter-free attacks", ICML 2020, algorithm 1, with cross-entropy, DLR or targeted DLR. Two habits
of the authors' code are kept, because published numbers contain them: a random start for linf is
stretched to touch the ball, and at the first checkpoint the first loss counts as risen when it is
positive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from noises.adversarial.checks import check_attack, check_count
from noises.adversarial.draws import normal, uniform
from noises.adversarial.geometry import LINF, NORMS, direction, length, project
from noises.adversarial.losses import cross_entropy, dlr, dlr_targeted
from noises.adversarial.trial import Entry, Lanes, State, Trial, View, drive
from noises.adversarial.victim import reach

CLASSES = {"ce": 2, "dlr": 3, "dlr_targeted": 4}
"""Loss to the classes it needs."""


@dataclass(frozen=True)
class APGD:
    """Steps whose length halves when the loss stops rising.

    Attributes:
        name: Name of the attack.
        norm: "linf" or "l2".
        budgets: (E,) ascending radii.
        steps: Gradient steps.
        source: Publication.
        loss: "ce", "dlr" or "dlr_targeted".
        targets: Classes tried in turn by "dlr_targeted", from the second by clean logits on.
        restarts: Runs from fresh random starts.
        samples: Gradients averaged per step, for networks that are random.
        share: Share of steps between two checkpoints that must raise the loss.
    """

    name: str
    norm: str
    budgets: tuple[float, ...]
    steps: int
    source: str
    loss: str = "ce"
    targets: int = 9
    restarts: int = 1
    samples: int = 1
    share: float = 0.75

    kind: ClassVar[str] = "apgd"
    black_box: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_attack(self, ("linf", "l2"))
        check_count(self, "steps", "targets", "restarts", "samples")
        if self.loss not in CLASSES:
            raise ValueError(
                f"APGD.loss must be one of {', '.join(CLASSES)}; got {self.loss!r}. "
                "Choose one of them."
            )
        if not 0.0 < self.share <= 1.0:
            raise ValueError(f"APGD.share must lie in (0, 1]; got {self.share}. 0.75 is published.")


def checkpoints(steps: int) -> dict[int, int]:
    """Step after which the length is reconsidered -> steps since the checkpoint before."""
    span, least, shorter = (max(int(share * steps), 1) for share in (0.22, 0.06, 0.03))
    found, since = {}, 0
    for step in range(1, steps + 1):
        since += 1
        if since == span:
            found[step], since = span, 0
            span = max(span - shorter, least)
    return found


class _APGDMethod:
    """Lanes of one APGD at one restart."""

    spans = False
    images = 4

    def __init__(self, trial: Trial, attack: APGD, entry: Entry, restart: int) -> None:
        self.trial, self.attack, self.entry, self.restart = trial, attack, entry, restart
        self.norm = NORMS.index(attack.norm)
        self.spans_of = checkpoints(attack.steps)

    def begin(self, lanes: Lanes) -> State:
        """Iterates at their random starts."""
        budget = self.entry.budget_of(lanes)
        x = (self.trial.pictures(lanes) + budget * self._starts(lanes)).clamp_(0.0, 1.0)
        zeros = torch.zeros(len(lanes), device=x.device)
        state = {
            "x": x,
            "old": x.clone(),
            "best": x.clone(),
            "best_gradient": torch.zeros_like(x),
            "budget": budget,
            "step": 2.0 * budget,
            "reduced": torch.ones_like(zeros, dtype=torch.bool),
        }
        for name in ("loss", "best_loss", "checked_loss", "first", "rises"):
            state[name] = zeros.clone()
        if self.attack.loss == "dlr_targeted":
            state["target"] = self.trial.targets(lanes)
        return state

    def _starts(self, lanes: Lanes) -> Tensor:
        """(L, 3, s, s) random points on the unit sphere of the norm."""
        shape = self.trial.images.shape[1:]
        keys = self.entry.keys[self.trial.tensor(lanes.image)]
        start = torch.empty(len(lanes), *shape, device=self.trial.images.device)
        for rank in np.unique(lanes.rank):
            here = self.trial.tensor(np.flatnonzero(lanes.rank == rank))
            stream = int(rank) + 64 * self.restart
            if self.norm == LINF:
                drawn = 2.0 * uniform(keys[here], stream, shape.numel()) - 1.0
            else:
                drawn = normal(keys[here], stream, shape.numel())
            start[here] = drawn.view(-1, *shape)
        return start / length(start, self.norm)

    def _loss(self, view: View, logits: Tensor) -> Tensor:
        if self.attack.loss == "dlr_targeted":
            return dlr_targeted(logits, view.label, view.state["target"])
        return (cross_entropy if self.attack.loss == "ce" else dlr)(logits, view.label)

    def move(self, view: View, step: int) -> Tensor:
        """Remember the best iterate, reconsider the step length, take the step."""
        state = view.state
        x = state["x"]
        answer = self.trial.victim.gradient(x, lambda z: self._loss(view, z), self.attack.samples)
        gradient = answer.gradient
        if step == 0:
            self._first(view, answer.loss, gradient)
        else:
            better = answer.loss > state["best_loss"]
            _replace(state["best"], better, x)
            _replace(state["best_gradient"], better, gradient)
            _replace(state["best_loss"], better, answer.loss)
            state["rises"].add_(answer.loss > state["loss"])
            state["loss"].copy_(answer.loss)
            if step in self.spans_of:
                reduced = self._reconsider(state, self.spans_of[step])
                _replace(x, reduced, state["best"])
                gradient = _chosen(reduced, state["best_gradient"], gradient)
        inertia = 0.25 if step else 0.0
        before, radius = x - state["old"], state["budget"]
        state["old"].copy_(x)
        full = x + state["step"] * direction(gradient, self.norm)
        full = project(full - view.origin, view.origin, radius, self.norm)
        blend = x + (full - x) * (1.0 - inertia) + before * inertia
        x.copy_(project(blend - view.origin, view.origin, radius, self.norm))
        return reach(answer.logits, view.label)

    def _first(self, view: View, loss: Tensor, gradient: Tensor) -> None:
        state = view.state
        for name in ("best_loss", "checked_loss", "first"):
            state[name].copy_(loss)
        state["best_gradient"].copy_(gradient)
        if self.restart == 0:
            self.trial.note_blind(view, gradient)

    def _reconsider(self, state: Mapping[str, Tensor], since: int) -> Tensor:
        """(n,) whether the step is halved; the state is brought up to date."""
        stalled = state["best_loss"] <= state["checked_loss"]
        reduced = (state["rises"] <= self.attack.share * since) | (stalled & ~state["reduced"])
        state["reduced"].copy_(reduced)
        state["checked_loss"].copy_(state["best_loss"])
        state["rises"].zero_()
        state["step"].copy_(_chosen(reduced, state["step"] / 2, state["step"]))
        return reduced

    def judge(self, view: View) -> Tensor:
        """The last iterates, and whether the loss ever rose above the first."""
        logits = self.trial.victim.logits(view.state["x"])
        highest = torch.maximum(self._loss(view, logits), view.state["best_loss"])
        stuck = highest <= view.state["first"]
        self.trial.flat[view.row, view.image] = stuck.cpu().numpy()
        return reach(logits, view.label)


def _chosen(condition: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Per lane one or the other, both (n, ...)."""
    return torch.where(condition.view(-1, *[1] * (one.ndim - 1)), one, other)


def _replace(old: Tensor, condition: Tensor, new: Tensor) -> None:
    """Put the new values where the condition (n,) holds."""
    old.copy_(_chosen(condition, new, old))


def run_apgd(trial: Trial, attacks: Sequence[tuple[APGD, Entry]]) -> None:
    """Run APGD attacks one after the other.

    Raises:
        ValueError: The network has too few classes for the loss.
    """
    classes = trial.clean.shape[1]
    for attack, entry in attacks:
        if classes < CLASSES[attack.loss]:
            raise ValueError(
                f"APGD.loss must suit the network; got {attack.loss!r} for {classes} classes. "
                "Use 'ce', or 'dlr' from three classes on."
            )
        ranks = min(attack.targets, classes - 1) if attack.loss == "dlr_targeted" else 0
        for restart in range(attack.restarts):
            lanes = Lanes.product(entry, attack.steps, ranks)
            drive(trial, _APGDMethod(trial, attack, entry, restart), lanes)
