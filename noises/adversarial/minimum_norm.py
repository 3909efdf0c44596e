"""Minimum-norm attacks in the Euclidean norm: DDN and Carlini-Wagner.

Both look for the least distance, read at every budget of the curve: one run answers for all. An
image leaves when it is fooled within the smallest budget; its distance is then an upper bound.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from noises.adversarial.checks import check_attack, check_count
from noises.adversarial.geometry import L2, direction, length
from noises.adversarial.losses import cross_entropy, margin
from noises.adversarial.trial import Entry, Lanes, Method, State, Trial, View, drive
from noises.adversarial.victim import reach

INSIDE = 1.0 - 1e-6
"""Share of the range that tanh variables start in, so that black and white can move."""


@dataclass(frozen=True)
class DDN:
    """Gradient steps on a sphere that shrinks when its point is adversarial, and grows when not.

    Rony et al., "Decoupling direction and norm for efficient gradient-based L2 adversarial attacks
    and defenses", CVPR 2019, algorithm 1, without the rounding to grey levels.

    Attributes:
        name: Name of the attack.
        budgets: (E,) ascending radii at which the distances are read.
        steps: Gradient steps.
        source: Publication.
        radius: Of the first sphere.
        change: Share by which the radius changes per step, gamma.
        norm: "l2".
    """

    name: str
    budgets: tuple[float, ...]
    steps: int
    source: str
    radius: float = 1.0
    change: float = 0.05
    norm: str = "l2"

    kind: ClassVar[str] = "ddn"
    black_box: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_attack(self, ("l2",))
        check_count(self, "steps")
        if not (self.radius > 0.0 and 0.0 < self.change < 1.0):
            raise ValueError(
                "DDN.radius must be positive and change lie in (0, 1); got "
                f"{self.radius}, {self.change}. 1 and 0.05 are published."
            )


class _DDNMethod:
    spans = True
    images = 1

    def __init__(self, trial: Trial, attack: DDN) -> None:
        self.trial, self.attack = trial, attack

    def begin(self, lanes: Lanes) -> State:
        origin = self.trial.images[torch.from_numpy(lanes.image).to(self.trial.images.device)]
        corner = length(torch.maximum(origin, 1.0 - origin), L2)
        return {
            "x": origin.clone(),
            "radius": torch.full_like(corner, self.attack.radius),
            "corner": corner,
        }

    def move(self, view: View, step: int) -> Tensor:
        """Step, set the length of the perturbation, clip."""
        state, attack = view.state, self.attack
        x, radius = state["x"], state["radius"]
        answer = self.trial.victim.gradient(x, lambda z: cross_entropy(z, view.label))
        found = reach(answer.logits, view.label)
        _note_blind(self.trial, view, answer.gradient, step)
        pace = 0.01 + 0.99 * (1.0 + math.cos(math.pi * step / attack.steps)) / 2.0
        delta = x - view.origin
        found = found + length(delta, L2).flatten()
        delta = delta + pace * direction(answer.gradient, L2)
        shrinks = torch.isfinite(found)[:, None, None, None]
        factor = torch.where(shrinks, 1.0 - attack.change, 1.0 + attack.change)
        radius.copy_(torch.minimum(radius * factor, state["corner"]))
        delta = delta * (radius / length(delta, L2).clamp_min(1e-12))
        x.copy_((view.origin + delta).clamp_(0.0, 1.0))
        return found

    def judge(self, view: View) -> Tensor:
        """Distances of the last iterates."""
        x = view.state["x"]
        found = reach(self.trial.victim.logits(x), view.label)
        return found + length(x - view.origin, L2).flatten()


@dataclass(frozen=True)
class CarliniWagner:
    """Adam on the squared distance plus `weight` times the margin that is left.

    Carlini and Wagner, "Towards evaluating the robustness of neural networks", S&P 2017, section
    VI.A, in the tanh variables, with a binary search over the weight.

    Attributes:
        name: Name of the attack.
        budgets: (E,) ascending radii at which the distances are read.
        steps: Of Adam, per weight.
        source: Publication.
        weight: First weight of the margin, c.
        searches: Weights tried; each next is halved after a find, else tenfold until there is one.
        rate: Learning rate.
        confidence: Margin by which the label is to be beaten, kappa.
        patience: Share of the steps after which an image whose objective has not fallen gives this
            weight up; 0 never gives up.
        norm: "l2".
    """

    name: str
    budgets: tuple[float, ...]
    steps: int
    source: str
    weight: float = 1.0
    searches: int = 1
    rate: float = 0.01
    confidence: float = 0.0
    patience: float = 0.1
    norm: str = "l2"

    kind: ClassVar[str] = "cw"
    black_box: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_attack(self, ("l2",))
        check_count(self, "steps", "searches")
        positive = self.weight > 0 and self.rate > 0
        if not (positive and self.confidence >= 0 and 0.0 <= self.patience <= 1.0):
            raise ValueError(
                "CarliniWagner.weight and rate must be positive, confidence at least 0 and "
                f"patience lie in [0, 1]; got {self.weight}, {self.rate}, {self.confidence}, "
                f"{self.patience}. 1, 0.01, 0 and 0.1 are usual."
            )


class _CWMethod:
    spans = True
    images = 3

    def __init__(self, trial: Trial, attack: CarliniWagner) -> None:
        self.trial, self.attack = trial, attack
        self.check = max(int(attack.steps * attack.patience), 1)

    def begin(self, lanes: Lanes) -> State:
        device = self.trial.images.device
        x = self.trial.images[torch.from_numpy(lanes.image).to(device)]
        one = torch.ones(len(lanes), device=device)
        return {
            "w": torch.atanh((2.0 * x - 1.0) * INSIDE),
            "mean": torch.zeros_like(x),
            "square": torch.zeros_like(x),
            "weight": self.attack.weight * one,
            "low": 0.0 * one,
            "high": math.inf * one,
            "won": torch.zeros_like(one, dtype=torch.bool),
            "cost": math.inf * one,
            "idle": torch.zeros_like(one, dtype=torch.bool),
            "done": torch.zeros_like(one, dtype=torch.bool),
        }

    def move(self, view: View, step: int) -> Tensor:
        """One step of Adam on the lanes that have not given up their weight."""
        state, attack = view.state, self.attack
        since = step % attack.steps
        if step and not since:
            self._next_weight(state, view)
        found = torch.full_like(state["cost"], math.inf)
        busy = (~state["idle"]).nonzero().flatten()
        if not len(busy):
            return found
        w, label, origin = state["w"][busy], view.label[busy], view.origin[busy]
        tanh = torch.tanh(w)
        x = (tanh + 1.0) / 2.0
        weight = state["weight"][busy]

        def objective(logits: Tensor) -> Tensor:
            return weight * (-margin(logits, label)).clamp_min(-attack.confidence)

        answer = self.trial.victim.gradient(x, objective)
        if step == 0:
            _note_blind(self.trial, view, answer.gradient, step)
        delta = x - origin
        distance = length(delta, L2).flatten()
        beaten = margin(answer.logits, label) >= attack.confidence
        verdict = reach(answer.logits, label)
        verdict = torch.where(beaten | verdict.isnan(), verdict, math.inf)
        found[busy] = verdict + distance
        state["won"][busy] |= torch.isfinite(verdict)
        gradient = (2.0 * delta + answer.gradient) * (1.0 - tanh * tanh) / 2.0
        self._adam(state, busy, w, gradient, since + 1)
        if attack.patience and since % self.check == 0:
            cost = answer.loss + distance**2
            state["idle"][busy] = cost > state["cost"][busy]
            state["cost"][busy] = cost
            if step >= attack.steps * (attack.searches - 1):
                state["done"].copy_(state["idle"])
        return found

    def _adam(
        self, state: Mapping[str, Tensor], busy: Tensor, w: Tensor, gradient: Tensor, count: int
    ) -> None:
        """Kingma and Ba, ICLR 2015, algorithm 1, for each lane by itself."""
        mean = 0.9 * state["mean"][busy] + 0.1 * gradient
        square = 0.999 * state["square"][busy] + 0.001 * gradient * gradient
        state["mean"][busy], state["square"][busy] = mean, square
        scale = (square / (1.0 - 0.999**count)).sqrt_().add_(1e-8)
        state["w"][busy] = w - self.attack.rate / (1.0 - 0.9**count) * mean / scale

    def _next_weight(self, state: Mapping[str, Tensor], view: View) -> None:
        """Begin anew with a weight between the largest that failed and the smallest that won."""
        won, weight = state["won"], state["weight"]
        state["high"].copy_(torch.where(won, torch.minimum(state["high"], weight), state["high"]))
        state["low"].copy_(torch.where(won, state["low"], torch.maximum(state["low"], weight)))
        between = (state["low"] + state["high"]) / 2.0
        weight.copy_(torch.where(state["high"].isfinite(), between, weight * 10.0))
        state["w"].copy_(torch.atanh((2.0 * view.origin - 1.0) * INSIDE))
        for name in ("mean", "square", "won", "idle"):
            state[name].zero_()
        state["cost"].fill_(math.inf)

    def judge(self, view: View) -> Tensor:
        """Distances of the last iterates."""
        x = (torch.tanh(view.state["w"]) + 1.0) / 2.0
        logits = self.trial.victim.logits(x)
        beaten = margin(logits, view.label) >= self.attack.confidence
        verdict = reach(logits, view.label)
        verdict = torch.where(beaten | verdict.isnan(), verdict, math.inf)
        return verdict + length(x - view.origin, L2).flatten()


def _note_blind(trial: Trial, view: View, gradient: Tensor, step: int) -> None:
    if step == 0:
        blind = (gradient.flatten(1) == 0).all(1).cpu().numpy()
        trial.blind[view.row, view.image] |= blind


def _run(trial: Trial, entry: Entry, method: Method, steps: int) -> None:
    drive(trial, method, Lanes.product(entry, steps, rows=1))


def run_ddn(trial: Trial, attacks: Sequence[tuple[DDN, Entry]]) -> None:
    """Run DDN attacks one after the other."""
    for attack, entry in attacks:
        _run(trial, entry, _DDNMethod(trial, attack), attack.steps)


def run_cw(trial: Trial, attacks: Sequence[tuple[CarliniWagner, Entry]]) -> None:
    """Run Carlini-Wagner attacks one after the other."""
    for attack, entry in attacks:
        method = _CWMethod(trial, attack)
        _run(trial, entry, method, attack.steps * attack.searches)
