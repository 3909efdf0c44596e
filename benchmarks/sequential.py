"""Sequential evaluation: how often its statements are wrong, how wide its intervals, what is saved.

`python -m benchmarks.sequential` takes eight minutes of CPU time, with `--quick` half of one. Every
trial draws a random order of a finite list of images. Coverage and errors count *any* round at
which a statement is false, whether or not one would have stopped there. Networks share their
images: an image's difficulty is common to all, and each has exactly as many right as planted.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy import stats

from benchmarks.table import Cell, publish
from metrics.estimate import LEVEL, Bits, Estimate
from metrics.hypergeometric import Counts
from metrics.rounds import Rounds
from metrics.sequential import Goal, best_networks, compare, decide
from metrics.sequential_accuracy import accuracy_sequence
from metrics.sequential_pairs import difference_sequence

SHARES = (0.1, 0.3, 0.5, 0.7, 0.9, 0.99)
LISTS = ((128, 16), (1000, 50), (10_000, 500))
"""Images in all and per round: 8 to 20 rounds."""

DIFFICULTY = 0.5
"""Correlation that images give to the latent scores of two networks."""

CHEAP = 40
"""Times as many trials where only counts are drawn: there the promise is met without slack."""


@dataclass(frozen=True)
class Rate:
    """One simulated case.

    Attributes:
        case: What was drawn and judged.
        nominal: What is promised: least coverage, or greatest chance of error.
        coverage: Share of trials in which the interval held at all rounds.
        error: Share of trials with any wrong statement.
        trials: How many.
        conservative: How much better than promised, in the same unit as `nominal`.
        saved: Share of evaluations that were not needed.
    """

    case: str
    nominal: float | None
    coverage: float | None
    error: float | None
    trials: int
    saved: float | None = None

    @property
    def conservative(self) -> float | None:
        """Distance from the promise on the safe side; negative when it is broken."""
        if self.nominal is None:
            return None
        if self.coverage is not None:
            return self.coverage - self.nominal
        return None if self.error is None else self.nominal - self.error

    def as_json(self) -> dict[str, Cell]:
        """Plain data in the documented order."""
        data: dict[str, Cell] = asdict(self)
        saved = data.pop("saved")
        return data | {"conservative": self.conservative, "saved": saved}


@dataclass(frozen=True)
class Width:
    """Half widths of the intervals of an accuracy, in points, averaged over trials.

    Attributes:
        case: Images and share right.
        seen: Share of the images seen.
        ours: Of `accuracy_sequence`.
        martingale: Prior-posterior ratio with a uniform prior (Waudby-Smith and Ramdas 2020).
        union: Exact intervals at level 1 - 0.05 / R at each of R rounds.
        single: Exact interval at this round alone, valid only if one look was planned.
        trials: How many.
    """

    case: str
    seen: float
    ours: float
    martingale: float
    union: float
    single: float
    trials: int

    def as_json(self) -> dict[str, Cell]:
        """Plain data in the documented order."""
        return asdict(self)


def counts_of(share: float, rounds: Rounds, trials: int, rng: np.random.Generator) -> Counts:
    """(trials, R) right ones among the first images, in random orders."""
    a, before = rounds.images, 0
    left = np.full(trials, round(share * a))
    seen = []
    for end in rounds.ends:
        others = a - before - left
        left = left - rng.hypergeometric(left, others, end - before, trials)
        seen.append(round(share * a) - left)
        before = end
    return np.stack(seen, axis=1)


def accuracy_coverage(share: float, rounds: Rounds, trials: int, rng: np.random.Generator) -> Rate:
    """How often an accuracy is within its limits at all rounds, in many cheap trials."""
    trials *= CHEAP
    right = counts_of(share, rounds, trials, rng)
    found = accuracy_sequence(np.broadcast_to(rounds.ends, right.shape), right, rounds)
    name = f"accuracy {share:g}, {rounds.images} images, {len(rounds.ends)} rounds"
    truth = round(share * rounds.images) / rounds.images
    return Rate(name, LEVEL, _within(found, truth), None, trials)


def difference_coverage(
    only: tuple[int, int], rounds: Rounds, trials: int, rng: np.random.Generator
) -> Rate:
    """The same of a difference, with that many images right for one network alone."""
    a, blocks = rounds.images, np.diff((0, *rounds.ends)).tolist()
    left = np.broadcast_to(np.array([*only, a - sum(only)]), (trials, 3))
    seen: list[Counts] = []
    for block in blocks:
        left = np.stack([row - rng.multivariate_hypergeometric(row, block) for row in left])
        seen.append(np.array(only) - left[:, :2])
    n10, n01 = np.stack(seen, axis=1).transpose(2, 0, 1)
    found = difference_sequence((n10, n01), np.broadcast_to(rounds.ends, n10.shape), rounds)
    name = f"difference {only[0]}:{only[1]}, {a} images, {len(rounds.ends)} rounds"
    return Rate(name, LEVEL, _within(found, (only[0] - only[1]) / a), None, trials)


def _within(found: Estimate, truth: float) -> float:
    inside = (found.low <= truth + 1e-12) & (truth - 1e-12 <= found.high)
    return float(inside.all(1).mean())


def networks(right: Counts, images: int, rng: np.random.Generator) -> Bits:
    """(N, A) outcomes of networks with exactly so many right, on images of shared difficulty."""
    shared = np.sqrt(DIFFICULTY) * rng.normal(size=images)
    own = np.sqrt(1 - DIFFICULTY) * rng.normal(size=(len(right), images))
    ranks = (shared + own).argsort(1).argsort(1)
    chosen: Bits = ranks < right[:, None]
    return chosen


def set_error(case: str, right: Counts, best: int, rounds: Rounds, trials: int) -> Rate:
    """How often a network is ever called one of the best, or not, and is not so."""
    rng, wrong = np.random.default_rng(1), 0
    ordered = np.sort(right)[::-1]
    for _ in range(trials):
        bits, any_wrong = networks(right, rounds.images, rng), False
        for end in rounds.ends:
            seen = np.full(len(right), end)
            inside, outside = best_networks(seen, bits[:, :end], rounds, best)
            any_wrong |= bool(np.any(right[inside] < ordered[best - 1]))
            any_wrong |= bool(np.any(right[outside] > ordered[best]))
        wrong += any_wrong
    return Rate(f"best {best} of {case}", 1 - LEVEL, None, wrong / trials, trials)


def order_error(case: str, right: Counts, margin: int, rounds: Rounds, trials: int) -> Rate:
    """How often any pair is ever ordered wrongly, ties included, or called close and is not."""
    rng, wrong = np.random.default_rng(2), 0
    n = len(right)
    error = (1 - LEVEL) / (n * (n - 1))
    apart = right[:, None] - right[None]
    for _ in range(trials):
        bits, any_wrong = networks(right, rounds.images, rng), False
        for end in rounds.ends:
            pairs = compare(np.full(n, end), bits[:, :end], rounds)
            for gap in (0, margin):
                any_wrong |= bool(np.any(pairs.below(rounds, error, gap) & (apart >= gap)))
        wrong += any_wrong
    return Rate(f"order of {case}", 1 - LEVEL, None, wrong / trials, trials)


def run(bits: Bits, rounds: Rounds, goal: Goal) -> tuple[Counts, Bits]:
    """Images seen per network when nothing is open any more, and what was seen."""
    n, a = bits.shape
    ends, done = np.array((0, *rounds.ends)), np.zeros(n, int)
    on = np.ones(n, bool)
    while on.any():
        done += on
        seen = ends[done]
        known = bits[:, : seen.max()] & (np.arange(seen.max()) < seen[:, None])
        on = decide(seen, known, rounds, goal)
    return ends[done], bits & (np.arange(a) < ends[done][:, None])


def savings(case: str, goal: Goal, rounds: Rounds, trials: int) -> Rate:
    """Evaluations saved among 100 networks with accuracies normal(0.45, 0.08)."""
    rng, saved, wrong = np.random.default_rng(3), 0.0, 0
    a = rounds.images
    for _ in range(trials):
        right = np.rint(a * np.clip(rng.normal(0.45, 0.08, 100), 0.02, 0.98)).astype(int)
        seen, bits = run(networks(right, a, rng), rounds, goal)
        saved += 1 - seen.mean() / a
        if goal.best is not None:
            inside, _ = best_networks(seen, bits[:, : seen.max()], rounds, goal.best)
            ordered = np.sort(right)[::-1]
            wrong += bool(np.any(right[inside] < ordered[goal.best - 1]))
    only_best = goal.best is not None
    return Rate(
        f"{case}, 100 networks, {a} images, {len(rounds.ends)} rounds",
        1 - LEVEL if only_best else None,
        None,
        wrong / trials if only_best else None,
        trials,
        float(saved / trials),
    )


def widths(share: float, rounds: Rounds, trials: int, rng: np.random.Generator) -> list[Width]:
    """Half widths at a quarter, half and three quarters of the images."""
    a, ends = rounds.images, np.array(rounds.ends)
    right = counts_of(share, rounds, trials, rng)
    ours = accuracy_sequence(np.broadcast_to(ends, right.shape), right, rounds)
    looks = len(ends) - 1
    rows = []
    for part in (0.25, 0.5, 0.75):
        r = int(np.searchsorted(ends, part * a))
        found = (
            (ours.high - ours.low)[:, r],
            [martingale(row, ends, a) for row in right[:, : r + 1]],
            [exact(x, int(ends[r]), a, (1 - LEVEL) / looks) for x in right[:, r]],
            [exact(x, int(ends[r]), a, 1 - LEVEL) for x in right[:, r]],
        )
        mine, peer, union, single = (50 * float(np.mean(each)) for each in found)
        name = f"accuracy {share:g}, {a} images"
        rows.append(Width(name, float(ends[r] / a), mine, peer, union, single, trials))
    return rows


def martingale(right: Counts, ends: Counts, images: int) -> float:
    """Width of the prior-posterior-ratio sequence, the intersection over its rounds."""
    kept = np.ones(images + 1, bool)
    for x, t in zip(right, ends, strict=False):
        rest = np.arange(images + 1) - x
        posterior = stats.betabinom.logpmf(rest, images - t, 1 + x, 1 + t - x)
        kept &= posterior > np.log(1 - LEVEL) - np.log(images + 1)
    return float(np.ptp(np.flatnonzero(kept)) / images)


def exact(right: int, seen: int, images: int, error: float) -> float:
    """Width of the hypergeometric interval with error / 2 on either side."""
    could = np.arange(right, images - seen + right + 1)
    low = stats.hypergeom.sf(right - 1, images, could, seen) > error / 2
    high = stats.hypergeom.cdf(right, images, could, seen) > error / 2
    return float(np.ptp(could[low & high]) / images)


def rates(trials: int, lists: Sequence[tuple[int, int]]) -> list[Rate]:
    """Coverage and error of every case."""
    rng, rows = np.random.default_rng(0), []
    for images, block in lists:
        rounds = Rounds.of(images, block)
        rows += [accuracy_coverage(share, rounds, trials, rng) for share in SHARES]
    small, large = Rounds.of(128, 16), Rounds.of(1000, 100)
    for only, rounds in (
        *(((20, 20), small), ((30, 10), small), ((2, 1), small)),
        *(((150, 150), large), ((180, 120), large), ((15, 5), large)),
    ):
        rows.append(difference_coverage(only, rounds, trials, rng))
    spread = np.linspace(0.1, 0.99, 12)
    close = np.array([70] * 4 + [69] * 8)
    for case, right, best in (
        ("2 nearly tied", np.array([65, 64]), 1),
        ("12 nearly tied", close, 4),
        ("12 tied but for one", np.array([64] * 11 + [66]), 3),
        ("12 from 0.1 to 0.99", np.rint(128 * spread).astype(int), 4),
    ):
        rows.append(set_error(case, right, best, small, trials))
    for case, right, margin in (
        ("2 tied", np.array([64, 64]), 6),
        ("2 apart by the margin", np.array([67, 61]), 6),
        ("8 nearly tied", np.array([70] * 4 + [64] * 4), 6),
        ("12 from 0.1 to 0.99", np.rint(128 * spread).astype(int), 6),
    ):
        rows.append(order_error(case, right, margin, small, trials))
    return rows


def main() -> None:
    """Simulate every case and publish the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sequential", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer trials, no list of 10,000")
    quick = parser.parse_args().quick
    lists = LISTS[:2] if quick else LISTS
    rows = rates(500 if quick else 5000, lists)
    rounds = Rounds.of(1000, 50)
    for case, goal in (
        ("the best 10", Goal(best=10)),
        ("half width 2 points", Goal(half_width=0.02)),
        ("half width 5 points", Goal(half_width=0.05)),
        ("both, 5 points", Goal(best=10, half_width=0.05)),
        ("order within 5 points", Goal(margin=0.05)),
    ):
        rows.append(savings(case, goal, rounds, 10 if quick else 200))
    publish("sequential", rows)
    rng, found = np.random.default_rng(4), []
    for images, block in lists:
        for share in (0.1, 0.45):
            found += widths(share, Rounds.of(images, block), 5 if quick else 20, rng)
    publish("sequential_widths", found)


if __name__ == "__main__":
    main()
