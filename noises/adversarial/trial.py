"""One batch of images under attack: who is fooled at which budget, and the lanes that find out.

A lane is one (attack, budget, image). Lanes of one kind step together in full batches, and leave
when their image is fooled, so later batches are fewer. An image counts as fooled when any iterate
is misclassified, hence leaving early changes nothing but the time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from noises.adversarial.plan import Plan
from noises.adversarial.victim import UNTOUCHED, Victim, check_inputs, check_logits, check_network

State = dict[str, Tensor]
"""Name to (L, ...): what a method remembers of every lane."""

ROUNDING = 1e-6
"""Share by which a distance may exceed a budget and still count as equal to it."""

WINDOW = 1 << 28
"""Numbers that the state of the lanes of one run may hold; more lanes run one after the other."""


@dataclass(eq=False)
class Entry:
    """One attack's place in a trial.

    Attributes:
        rows: (E,) rows of the trial, one per budget.
        budgets: (E,) radii.
        keys: (B,) int64, the source of every draw.
        images: (A,) the images it attacks.
        memo: What is the same in every trial of these images, kept by whoever keeps the entry.
    """

    rows: range
    budgets: tuple[float, ...]
    keys: Tensor
    images: Tensor
    memo: dict[int, Tensor] = field(default_factory=dict)

    def budget_of(self, lanes: "Lanes") -> Tensor:
        """(L, 1, 1, 1) float32 radii of lanes of this attack, on the device of the keys."""
        radii = np.array(self.budgets, np.float32)[lanes.row - self.rows.start]
        return torch.from_numpy(radii).to(self.keys.device)[:, None, None, None]


class Trial:
    """The network, the images and the board of one run of several attacks.

    Args:
        victim: The network.
        images: (B, 3, s, s) float32 in [0, 1].
        labels: (B,) int64.
        budgets: One tuple of budgets per attack; R rows in all.
        plan: Batches and switches.

    Attributes:
        clean: (B, K) logits of the images.
        order: (B, K) classes by clean logits, the likeliest first.
        right: (B,) bool, whether the clean image is classified right; the others are not attacked.
        fooled: (R, B) bool.
        blind: (R, B) bool, the input gradient at the start is zero everywhere.
        flat: (R, B) bool, not fooled, and the loss at the end is not above that at the start.
        overtaken: (R, B) bool, fooled by a black box after the white boxes of an ensemble failed.
        broken: (R, B) bool, the network returned no finite numbers for an iterate.
        final: (R, B, 3, s, s) last iterates of gradient attacks, when a tensor is put here.
        distance: (R, B) float32, least norm at which a minimum-norm attack fooled, in its first
            row.
    """

    def __init__(
        self,
        victim: Victim,
        images: Tensor,
        labels: Tensor,
        budgets: Sequence[tuple[float, ...]],
        plan: Plan,
    ) -> None:
        check_network(victim.network)
        check_inputs(images, labels)
        self.victim, self.images, self.labels, self.plan = victim, images, labels, plan
        self.clean = victim.logits(images)
        check_logits(self.clean, labels)
        self.order = self.clean.argsort(dim=1, descending=True, stable=True)
        self.right = (self.clean.argmax(1) == labels).cpu().numpy()
        self.budget = np.array([b for attack in budgets for b in attack])
        self.stop = np.repeat(np.cumsum([len(b) for b in budgets]), [len(b) for b in budgets])
        shape = (len(self.budget), len(images))
        self.fooled: NDArray[np.bool_] = np.repeat(~self.right[None], shape[0], 0)
        self.blind, self.flat, self.broken, self.overtaken = np.zeros((4, *shape), np.bool_)
        self.final: Tensor | None = None
        self.distance = np.where(self.fooled, 0.0, UNTOUCHED).astype(np.float32)

    def tensor(self, values: NDArray[np.int64]) -> Tensor:
        """The values on the images' device."""
        return torch.from_numpy(values).to(self.images.device)

    def pictures(self, lanes: "Lanes") -> Tensor:
        """(L, 3, s, s) clean images of the lanes, as a tensor of their own."""
        return self.images[self.tensor(lanes.image)]

    def targets(self, lanes: "Lanes") -> Tensor:
        """(L,) class of each lane's rank by clean logits."""
        return self.order[self.tensor(lanes.image), self.tensor(lanes.rank)]

    def note_blind(self, view: "View", gradient: Tensor) -> None:
        """Write down at which images of a view the first gradient (n, 3, s, s) is zero."""
        self.blind[view.row, view.image] |= (gradient.flatten(1) == 0).all(1).cpu().numpy()

    def open(self, lanes: "Lanes", *, spans: bool) -> NDArray[np.bool_]:
        """(L,) whether the lanes still have something to find out, see `mark`."""
        found = ~self.fooled[lanes.row, lanes.image]
        if spans and not self.plan.nested:
            for e in range(1, int((self.stop[lanes.row] - lanes.row).max(initial=0))):
                row = np.minimum(lanes.row + e, self.stop[lanes.row] - 1)
                found |= ~self.fooled[row, lanes.image]
        return found

    def mark(self, lanes: "Lanes", reach: NDArray[np.float32], *, spans: bool) -> None:
        """Write down which lanes are fooled.

        Args:
            lanes: L of them.
            reach: (L,) least budget that the iterate shows to be enough; infinity where it fools
                nobody, NaN where the network failed.
            spans: Lanes answer for all budgets of their attack from their own row on, as those of
                minimum-norm attacks do, and all lanes when budgets are nested.
        """
        hit = np.flatnonzero(~np.isposinf(reach))
        row, image, found = lanes.row[hit], lanes.image[hit], reach[hit]
        failed = np.isnan(found)
        self.broken[row[failed], image[failed]] = True
        found[failed] = 0.0
        np.minimum.at(self.distance, (row, image), found)
        wide = spans or self.plan.nested
        for e in range(int((self.stop[row] - row).max()) if wide and len(hit) else 1):
            there = row + e < self.stop[row] if wide else np.ones(len(hit), np.bool_)
            at = row[there] + e
            enough = found[there] <= self.budget[at] * (1 + ROUNDING)
            self.fooled[at[enough], image[there][enough]] = True


class Lanes:
    """L lanes and their state, which shrinks as they leave.

    Attributes:
        row: (L,) row of the trial.
        image: (L,) index of the image.
        steps: (L,) steps the lane takes, in descending order.
        rank: (L,) rank of the target class by clean logits, 0 without a target.
        state: What the method remembers.
    """

    def __init__(
        self,
        row: NDArray[np.int64],
        image: NDArray[np.int64],
        steps: NDArray[np.int64],
        rank: NDArray[np.int64] | None = None,
    ) -> None:
        self.row, self.image, self.steps = row, image, steps
        self.rank = np.zeros_like(row) if rank is None else rank
        self.state: State = {}

    @classmethod
    def product(cls, entry: Entry, steps: int, ranks: int = 0, *, rows: int = 0) -> "Lanes":
        """Every (target rank, row, image) of one attack, the ranks outermost.

        Args:
            entry: Gives rows and images.
            steps: Of all lanes.
            ranks: Target classes, 1 to this; 0 for none.
            rows: How many of the entry's rows; 0 for all.
        """
        targets = np.arange(1, ranks + 1) if ranks else np.zeros(1, np.int64)
        chosen = np.array(entry.rows)[: rows or None]
        rank, row, image = np.meshgrid(targets, chosen, entry.images.numpy(), indexing="ij")
        return cls(row.ravel(), image.ravel(), np.full(row.size, steps), rank.ravel())

    def __len__(self) -> int:
        return len(self.row)

    def keep(self, chosen: NDArray[np.bool_]) -> None:
        """Drop all other lanes."""
        if chosen.all():
            return
        self.row, self.image = self.row[chosen], self.image[chosen]
        self.steps, self.rank = self.steps[chosen], self.rank[chosen]
        for name, values in self.state.items():
            self.state[name] = values[torch.from_numpy(np.flatnonzero(chosen)).to(values.device)]

    def take(self, chosen: NDArray[np.int64]) -> "Lanes":
        """Some of the lanes, without their state."""
        return Lanes(self.row[chosen], self.image[chosen], self.steps[chosen], self.rank[chosen])


@dataclass(frozen=True, eq=False)
class View:
    """Consecutive lanes that step together; writing to the state changes it in place.

    Attributes:
        row: (n,) rows.
        image: (n,) images.
        origin: (n, 3, s, s) clean images.
        label: (n,) classes.
        state: (n, ...) parts of the lanes' state.
    """

    row: NDArray[np.int64]
    image: NDArray[np.int64]
    origin: Tensor
    label: Tensor
    state: Mapping[str, Tensor]


class Method(Protocol):
    """How the lanes of one kind of attack step. All lanes of a run are at the same step."""

    spans: bool
    """Whether a lane answers for all budgets of its attack from its row on."""

    images: int
    """Image-sized tensors in the state of a lane."""

    def begin(self, lanes: Lanes) -> State:
        """The state of new lanes."""
        ...

    def move(self, view: View, step: int) -> Tensor:
        """Judge the iterates, then replace them by the next; (n,) reach, see `Trial.mark`."""
        ...

    def judge(self, view: View) -> Tensor:
        """Judge the last iterates; (n,) reach."""
        ...


def drive(trial: Trial, method: Method, lanes: Lanes) -> None:
    """Run lanes to their ends, at most as many at once as memory allows.

    Args:
        trial: Whose board is written.
        method: How lanes step.
        lanes: Without a state, steps in descending order; lanes that are not open are passed over.
    """
    per_lane = trial.images[0].numel() * max(method.images, 1)
    window = max(trial.plan.batch, WINDOW // per_lane // trial.plan.batch * trial.plan.batch)
    lanes = lanes.take(np.flatnonzero(trial.open(lanes, spans=method.spans)))
    while len(lanes):
        every = np.arange(len(lanes))
        part, lanes = lanes.take(every[:window]), lanes.take(every[window:])
        part.state = method.begin(part)
        _run(trial, method, part)
        lanes = lanes.take(np.flatnonzero(trial.open(lanes, spans=method.spans)))


def _run(trial: Trial, method: Method, lanes: Lanes) -> None:
    step = 0
    while len(lanes):
        moving = int((lanes.steps > step).sum())
        reach = [
            *(method.move(view, step) for view in _views(trial, lanes, 0, moving)),
            *(method.judge(view) for view in _views(trial, lanes, moving, len(lanes))),
        ]
        trial.mark(lanes, torch.cat(reach).cpu().numpy(), spans=method.spans)
        keep = lanes.steps > step
        if trial.plan.leave:
            keep &= trial.open(lanes, spans=method.spans)
        lanes.keep(keep)
        step += 1


def _views(trial: Trial, lanes: Lanes, start: int, stop: int) -> Iterator[View]:
    for first in range(start, stop, trial.plan.batch):
        part = slice(first, min(first + trial.plan.batch, stop))
        image = trial.tensor(lanes.image[part])
        yield View(
            lanes.row[part],
            lanes.image[part],
            trial.images[image],
            trial.labels[image],
            {name: values[part] for name, values in lanes.state.items()},
        )
