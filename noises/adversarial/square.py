"""Square attack: random search with squares, a black box that sees logits only.

Andriushchenko, Croce, Flammarion and Hein, "Square attack: a query-efficient black-box adversarial
attack via random search", ECCV 2020, algorithms 1 and 2 for linf, on the margin. Every image has
places and signs of its own; the authors' code gives all images of a batch the same places, and
never the last row and column of them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from noises.adversarial.checks import check_attack, check_count
from noises.adversarial.draws import shifted, words
from noises.adversarial.losses import margin
from noises.adversarial.trial import Entry, Lanes, State, Trial, View, drive
from noises.adversarial.victim import reach

HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Queries after which the share of pixels is halved."""
STRIPES, SQUARES = range(2)  # streams


@dataclass(frozen=True)
class Square:
    """Random squares, kept when they lower the margin.

    Attributes:
        name: Name of the attack.
        budgets: (E,) ascending radii in the maximum norm.
        queries: Forward passes per image.
        source: Publication.
        share: Share of the pixels that the first squares cover.
        rescaled: Squares shrink as they would in 10,000 queries; False shrinks them after the
            published numbers of queries whatever `queries` is, as AutoAttack does.
        norm: "linf".
    """

    name: str
    budgets: tuple[float, ...]
    queries: int
    source: str
    share: float = 0.8
    rescaled: bool = False
    norm: str = "linf"

    kind: ClassVar[str] = "square"
    black_box: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_attack(self, ("linf",))
        check_count(self, "queries")
        if not 0.0 < self.share <= 1.0:
            raise ValueError(f"Square.share must lie in (0, 1]; got {self.share}. 0.8 is usual.")

    def side(self, query: int, size: int) -> int:
        """Side in pixels of the square of one query, images of `size` x `size` pixels."""
        place = query * 10000 // self.queries if self.rescaled else query
        share = self.share / 2 ** sum(place > after for after in HALVINGS)
        return min(max(round(math.sqrt(share * size * size)), 1), size)


class _SquareMethod:
    """Lanes of one Square attack."""

    spans = False
    images = 2

    def __init__(self, trial: Trial, attack: Square, entry: Entry) -> None:
        self.trial, self.attack, self.entry = trial, attack, entry
        self.size = trial.images.shape[-1]
        self.places = torch.arange(self.size, device=trial.images.device)

    def begin(self, lanes: Lanes) -> State:
        """Vertical stripes of the full budget, a sign per column and channel."""
        keys = self.entry.keys[self.trial.tensor(lanes.image)]
        budget = self.entry.budget_of(lanes)
        drawn = words(keys, STRIPES, 3 * self.size).view(-1, 3, 1, self.size)
        tried = (self.trial.pictures(lanes) + budget * _sign(drawn)).clamp_(0.0, 1.0)
        nothing = torch.full((len(lanes),), -float("inf"), device=keys.device)
        return {
            "x": tried.clone(),
            "tried": tried,
            "margin": nothing,
            "budget": budget,
            "key": keys,
        }

    def move(self, view: View, step: int) -> Tensor:
        """Keep the tried image if it is better, then try a square on the kept one."""
        state, size = view.state, self.size
        found = self.judge(view)
        side = self.attack.side(step + 1, size)
        # one word per lane: two places of 24 bits, three signs
        word = words(state["key"], SQUARES + step, 1)[:, 0]
        top = _place(shifted(word, 40), size - side + 1)
        left = _place(shifted(word, 16) & 0xFFFFFF, size - side + 1)
        rows = (self.places >= top) & (self.places < top + side)
        columns = (self.places >= left) & (self.places < left + side)
        inside = rows[:, None, :, None] & columns[:, None, None, :]
        signs = torch.stack([_sign(word << bit) for bit in (48, 49, 50)], 1)[:, :, None, None]
        # twice the budget on top of anything in the ball, cut back to the ball, is its border
        square = (view.origin + state["budget"] * signs).clamp_(0.0, 1.0)
        state["tried"].copy_(torch.where(inside, square, state["x"]))
        return found

    def judge(self, view: View) -> Tensor:
        """Ask the network about the tried images and keep those that are better."""
        state = view.state
        logits = self.trial.victim.logits(state["tried"])
        value = margin(logits, view.label)
        better = value > state["margin"]
        kept = torch.where(better[:, None, None, None], state["tried"], state["x"])
        state["x"].copy_(kept)
        state["margin"].copy_(torch.where(better, value, state["margin"]))
        return reach(logits, view.label)


def _sign(word: Tensor) -> Tensor:
    """+1 or -1 by the topmost bit."""
    return torch.where(word < 0, -1.0, 1.0)


def _place(bits: Tensor, choices: int) -> Tensor:
    """(n, 1) integer from 0 to choices - 1 out of 24 bits."""
    return (bits * choices >> 24)[:, None]


def run_square(trial: Trial, attacks: Sequence[tuple[Square, Entry]]) -> None:
    """Run Square attacks one after the other."""
    for attack, entry in attacks:
        lanes = Lanes.product(entry, attack.queries - 1)
        drive(trial, _SquareMethod(trial, attack, entry), lanes)
