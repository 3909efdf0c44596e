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
from noises.adversarial.victim import UNTOUCHED, reach

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
        origin = self.trial.pictures(lanes)
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
        if step == 0:
            self.trial.note_blind(view, answer.gradient)
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
    norm: str = "l2"

    kind: ClassVar[str] = "cw"
    black_box: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_attack(self, ("l2",))
        check_count(self, "steps", "searches")
        if not (self.weight > 0 and 0 < self.rate <= 1 and self.confidence >= 0):
            raise ValueError(
                "CarliniWagner.weight must be positive, rate in (0, 1], confidence at least 0; got "
                f"{self.weight}, {self.rate}, {self.confidence}. 1, 0.01 and 0 are usual."
            )


class _CWMethod:
    spans = True
    images = 3

    def __init__(self, trial: Trial, attack: CarliniWagner) -> None:
        self.trial, self.attack = trial, attack

    def begin(self, lanes: Lanes) -> State:
        x = self.trial.pictures(lanes)
        one = torch.ones(len(lanes), device=x.device)
        return {
            "w": torch.atanh((2.0 * x - 1.0) * INSIDE),
            "mean": torch.zeros_like(x),
            "square": torch.zeros_like(x),
            "weight": self.attack.weight * one,
            "low": 0.0 * one,
            "high": math.inf * one,
            "won": torch.zeros_like(one, dtype=torch.bool),
        }

    def move(self, view: View, step: int) -> Tensor:
        """One step of Adam, from the image anew whenever the weight changes."""
        state, attack = view.state, self.attack
        since = step % attack.steps
        if step and not since:
            self._next_weight(state, view.origin)
        tanh = torch.tanh(state["w"])
        x = (tanh + 1.0) / 2.0

        def objective(logits: Tensor) -> Tensor:
            missing = (-margin(logits, view.label)).clamp_min(-attack.confidence)
            return state["weight"] * missing

        answer = self.trial.victim.gradient(x, objective)
        if step == 0:
            self.trial.note_blind(view, answer.gradient)
        found = self._reach(answer.logits, x, view)
        state["won"].logical_or_(found.isfinite())
        gradient = 2.0 * (x - view.origin) + answer.gradient
        self._adam(state, gradient * (1.0 - tanh * tanh) / 2.0, since + 1)
        return found

    def _reach(self, logits: Tensor, x: Tensor, view: View) -> Tensor:
        """Distances of the images whose label is beaten by the confidence."""
        verdict = reach(logits, view.label)
        short = margin(logits, view.label) < self.attack.confidence
        return verdict.masked_fill(short, UNTOUCHED) + length(x - view.origin, L2).flatten()

    def _adam(self, state: Mapping[str, Tensor], gradient: Tensor, count: int) -> None:
        """Kingma and Ba, ICLR 2015, algorithm 1, for each lane by itself."""
        mean, square = state["mean"], state["square"]
        mean.mul_(0.9).add_(gradient, alpha=0.1)
        square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        scale = (square / (1.0 - 0.999**count)).sqrt_().add_(1e-8)
        state["w"].addcdiv_(mean, scale, value=-self.attack.rate / (1.0 - 0.9**count))

    def _next_weight(self, state: Mapping[str, Tensor], origin: Tensor) -> None:
        """Begin anew with a weight between the largest that failed and the smallest that won."""
        won, weight, low, high = (state[name] for name in ("won", "weight", "low", "high"))
        high.copy_(torch.where(won, torch.minimum(high, weight), high))
        low.copy_(torch.where(won, low, torch.maximum(low, weight)))
        weight.copy_(torch.where(high.isfinite(), (low + high) / 2.0, weight * 10.0))
        state["w"].copy_(torch.atanh((2.0 * origin - 1.0) * INSIDE))
        for name in ("mean", "square", "won"):
            state[name].zero_()

    def judge(self, view: View) -> Tensor:
        """Distances of the last iterates."""
        x = (torch.tanh(view.state["w"]) + 1.0) / 2.0
        return self._reach(self.trial.victim.logits(x), x, view)


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
