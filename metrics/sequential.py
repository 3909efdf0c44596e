"""Which networks need more images before the question is answered: sequential evaluation.

Every network sees the same images in the same random order, in rounds. After each, `decide` says
from the outcomes so far which networks go on. Three goals, any of them together:

- `half_width`: the interval of a network's accuracy is at most this wide to either side. Each
  network's interval holds at `level`.
- `best`: the set of the best k is known. Networks race: one is in when it is shown to be better
  than enough of the undecided, out when enough are shown to be better (Heidrich-Meisner and Igel,
  ICML 2009). With a true best set T, errors need a network of T to be "beaten" by one outside;
  these k (N - k) one-sided statements share the chance to err, so the set is right at `level`.
- `margin`: any two networks with no other between them are ordered or differ by less. The
  intervals of all N (N - 1) / 2 differences hold together at `level`, so all statements do.

Intervals and statements are valid at the ends of all rounds together, so stopping on them is, too.
They speak of the A images of the list, not of the source it was drawn from.
"""

import math
from dataclasses import dataclass

import numpy as np

from metrics.estimate import LEVEL, Bits
from metrics.hypergeometric import Counts
from metrics.rounds import Rounds
from metrics.sequential_accuracy import accuracy_sequence
from metrics.sequential_pairs import critical_counts


@dataclass(frozen=True)
class Goal:
    """What is to be known; None leaves a part out.

    Attributes:
        half_width: Of every accuracy's interval, a share in (0, 0.5).
        best: How many networks are the best ones, at least 1.
        margin: Share in (0, 1) below which neighbours need no order.
        level: Confidence in (0, 1) that each part holds.

    Raises:
        ValueError: Nothing is asked for, or a number is out of range.
    """

    half_width: float | None = None
    best: int | None = None
    margin: float | None = None
    level: float = LEVEL

    def __post_init__(self) -> None:
        limits = {"half_width": (0, 0.5), "best": (0, math.inf), "margin": (0, 1), "level": (0, 1)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value is not None and not low < value < high:
                raise ValueError(
                    f"Goal.{name} must be above {low} and below {high}; got {value}. Change it."
                )
        if self.half_width is self.best is self.margin is None:
            raise ValueError(
                "Goal.half_width, best or margin must be given; got none. Say what is to be known."
            )


@dataclass(frozen=True)
class Pairs:
    """Discordant images of all pairs among the images that both networks have seen.

    Attributes:
        only: (N, N) images that the row's network alone has right.
        discordant: (N, N) images that one of them alone has right.
        which: (N, N) number of rounds that both have seen.
    """

    only: Counts
    discordant: Counts
    which: Counts

    def below(self, rounds: Rounds, error: float, gap: int) -> Bits:
        """(N, N) whether row minus column is shown to be below `gap` images."""
        table = critical_counts(rounds, error, gap)
        shown: Bits = self.only <= table[self.which, self.discordant]
        np.fill_diagonal(shown, False)
        return shown


def compare(tried: Counts, correct: Bits, rounds: Rounds) -> Pairs:
    """Counts of all pairs on what both have seen.

    Args:
        tried: (N,) images seen, 0 or the end of a round.
        correct: (N, I), False beyond them.
        rounds: The ends of the rounds.
    """
    index = rounds.index(tried)
    which = np.minimum(index[:, None], index[None])
    bits = correct.astype(np.float32)  # products of 0 and 1 are exact below 2^24 images
    both = np.rint(bits @ bits.T).astype(np.int64)
    ends = np.minimum((0, *rounds.ends), correct.shape[1])
    right = np.pad(correct.cumsum(1), ((0, 0), (1, 0)))[:, ends]
    only = np.take_along_axis(right, which, axis=1) - both
    return Pairs(only, only + only.T, which)


def decide(evaluated: Counts, correct: Bits, rounds: Rounds, goal: Goal) -> Bits:
    """Which networks need another block of images.

    A function of its arguments alone, whatever the order of networks and whoever stopped before. A
    network that stopped may be asked for again under `margin`, when its neighbours have changed.

    Args:
        evaluated: (N,) images each network has seen, from the first on; 0 or the end of a round.
            N is that of the beginning: leave no network out that was once compared.
        correct: (N, I) right or wrong, in the order of the images; False beyond `evaluated`.
        rounds: The ends of the rounds.
        goal: What is to be known.

    Returns:
        (N,) True where a network goes on; all False when nothing is open or no image is left.

    Raises:
        ValueError: Arrays that do not fit each other, the rounds, or the goal.
    """
    tried = _check(evaluated, correct, rounds)
    on = tried == 0
    if goal.half_width is not None:
        found = accuracy_sequence(tried, correct.sum(1), rounds, goal.level)
        on |= found.high - found.low > 2 * goal.half_width
    if goal.best is not None:
        inside, outside = best_networks(evaluated, correct, rounds, goal.best, goal.level)
        on |= ~(inside | outside)
    if goal.margin is not None:
        missing = open_neighbours(evaluated, correct, rounds, goal.margin, goal.level)
        # of an open pair, the one that lags behind comes first
        on |= (missing & (tried[:, None] <= tried[None])).any(1)
    going: Bits = on & (tried < rounds.ends[-1])
    return going


def best_networks(
    evaluated: Counts, correct: Bits, rounds: Rounds, best: int, level: float = LEVEL
) -> tuple[Bits, Bits]:
    """(N,) which networks are known to be among the best, and which not to be.

    Networks that tie for the last place on all images are neither.

    Args:
        evaluated: As of `decide`, like the others.
        correct: (N, I).
        rounds: The ends of the rounds.
        best: k, 1 to N - 1.
        level: Confidence that every network so named is named rightly.
    """
    tried = _check(evaluated, correct, rounds)
    n = len(tried)
    if not 1 <= best < n:
        raise ValueError(
            f"Goal.best must be 1 to {n - 1}, fewer than the networks; got {best}. Ask for fewer."
        )
    pairs = compare(tried, correct, rounds)
    return _race(pairs.below(rounds, (1 - level) / (best * (n - best)), 0).T, best)


def open_neighbours(
    evaluated: Counts, correct: Bits, rounds: Rounds, margin: float, level: float = LEVEL
) -> Bits:
    """(N, N) pairs with no network between them that are neither ordered nor within the margin.

    Args:
        evaluated: As of `decide`, like the others.
        correct: (N, I).
        rounds: The ends of the rounds.
        margin: Share of the images.
        level: Confidence that all statements on pairs are right.
    """
    tried = _check(evaluated, correct, rounds)
    n = len(tried)
    with np.errstate(invalid="ignore"):
        _, rank = np.unique(correct.sum(1) / tried, return_inverse=True)
    near = np.abs(rank[:, None] - rank[None]) <= 1
    np.fill_diagonal(near, False)
    pairs, error = compare(tried, correct, rounds), (1 - level) / max(n * (n - 1), 1)
    less = pairs.below(rounds, error, 0)
    # rounded first: 0.07 * 100 is above 7
    within = pairs.below(rounds, error, math.ceil(round(margin * rounds.images, 6)))
    missing: Bits = near & ~(less | less.T | (within & within.T))
    return missing


def _check(evaluated: Counts, correct: Bits, rounds: Rounds) -> Counts:
    """(N,) int64 images seen, found to fit."""
    tried = np.asarray(evaluated, np.int64)
    if correct.dtype != np.bool_ or correct.ndim != 2 or tried.shape != correct.shape[:1]:
        raise ValueError(
            "decide.correct must be bool of shape (N, I) with N as in evaluated; got "
            f"{correct.dtype} {correct.shape} and evaluated {tried.shape}. Give a row per network."
        )
    rounds.index(tried)
    _, i = correct.shape
    if tried.max(initial=0) > i or np.any(correct & (np.arange(i) >= tried[:, None])):
        raise ValueError(
            f"decide.correct must hold evaluated images and be False beyond; got {i} columns for "
            f"{tried.max()} images, or bits beyond. Put the images in the order they are drawn in."
        )
    return tried


def _race(beats: Bits, best: int) -> tuple[Bits, Bits]:
    """(N,) in and out, from (N, N) whether the row is shown to be better than the column."""
    inside, outside = np.zeros((2, len(beats)), bool)
    while True:
        undecided = ~(inside | outside)
        left, rest = best - int(inside.sum()), int(undecided.sum()) - best + int(inside.sum())
        enter = undecided & (beats[:, undecided].sum(1) >= rest)
        leave = undecided & (beats[undecided].sum(0) >= left)
        contradicted = enter.sum() > left or leave.sum() > rest or np.any(enter & leave)
        if contradicted or not np.any(enter | leave):
            return inside, outside
        inside, outside = inside | enter, outside | leave
