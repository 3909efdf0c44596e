"""Ranks of networks with intervals, and the networks that may be the best.

The rank of a network is 1 + the number of networks that are better, were there no end of images;
tied networks share the lowest. Its interval follows from the pairs that are surely ordered, from
1 + those surely better to N - those surely worse (Mogstad, Romano, Shaikh and Wilhelm 2024).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from metrics.estimate import LEVEL, Bits, Floats
from metrics.pairs import (
    ROUNDING,
    Comparison,
    critical_value,
    greatest_over,
)

Counts = NDArray[np.int64]

MOST_PAIRED = 4000
"""Networks of which all pairs are compared; tables of pairs grow with their square."""


@dataclass(frozen=True)
class Ranks:
    """Ranks of N networks.

    Attributes:
        rank: (N,) 1 + number of networks with a higher score.
        low: (N,) lower limits; with the upper ones they hold for all networks at once.
        high: (N,) upper limits.
        best: (N,) set that holds the best network with the level's probability.
        tier: (N,) from 1: the leader of a tier is surely better than every network of the tiers
            below, and not surely better than any of its own. Holds at once with the intervals.
        critical: Statistic above which a pair is surely ordered.
    """

    rank: Counts
    low: Counts
    high: Counts
    best: Bits
    tier: Counts
    critical: float


def rank_intervals(comparison: Comparison, level: float = LEVEL) -> Ranks:
    """Ranks of networks judged on the same images.

    The best set needs less than the intervals: each network is tested against the best of the
    others at a critical value of its own (Hsu 1984, "constrained multiple comparisons with the
    best", by random signs), so it may leave out networks whose interval begins at 1.

    Args:
        comparison: Of all pairs, from `compare`.
        level: Confidence level in (0, 1).
    """
    critical = critical_value(comparison.greatest, level)
    worst = comparison.statistic.max(0)  # (N,) by how much the strongest rival leads
    best = worst <= critical
    open_ = np.flatnonzero(best & (worst > 0))
    greatest = greatest_over(comparison, open_, both_ways=False)
    own = np.array([critical_value(draws, level) for draws in greatest])
    best[open_] = worst[open_] <= own
    return _ranked(comparison.value, comparison.statistic > critical, best, critical)


def rank_interval_of(
    comparison: Comparison, network: int, level: float = LEVEL
) -> tuple[int, int, int]:
    """Rank of one network chosen beforehand, with lower and upper limit for it alone.

    Shorter than its interval among all networks. One chosen for its score needs that one instead.

    Args:
        comparison: Of all pairs.
        network: Its position.
        level: Confidence level in (0, 1).
    """
    greatest = greatest_over(comparison, np.array([network]), both_ways=True)
    critical = critical_value(greatest[0], level)
    above = comparison.statistic[:, network]
    rank = 1 + int((above > 0).sum())
    return rank, 1 + int((above > critical).sum()), len(above) - int((above < -critical).sum())


def rank_intervals_from_counts(right: Floats, tried: Counts, level: float = LEVEL) -> Ranks:
    """Ranks from published counts, without knowing which images were right.

    Arcsine differences (Anscombe 1948) with the critical value of the studentised range, the
    all-pairs comparison of Tukey and Kramer (Hayter 1984: conservative for unequal numbers of
    images). Networks count as judged on images of their own; on shared images their luck goes
    together, and the intervals and the best set err on the safe side, often far. More than
    `MOST_PAIRED` networks all count as judged on the fewest images of any.

    Args:
        right: (N,) images answered rightly; a fraction for a mean of shares, times its images.
        tried: (N,) images tried, at least 1.
        level: Confidence level in (0, 1).

    Raises:
        ValueError: Counts do not hold 0 <= right <= tried and tried >= 1.
    """
    wins, tries = _checked_counts(right, tried)
    n, value = len(wins), wins / tries
    if n > MOST_PAIRED:
        tries = np.full(n, tries.min())
        wins = value * tries
    angle = np.arcsin(np.sqrt((wins + 0.375) / (tries + 0.75)))
    variance = 0.25 / (tries + 0.5)
    critical = _studentised_range(n, level) / math.sqrt(2) * (1 + ROUNDING)
    if np.ptp(tries) == 0:
        return _ranked_by_gap(value, angle, critical * math.sqrt(2 * variance[0]), critical)
    statistic = (angle[:, None] - angle) / np.sqrt(variance[:, None] + variance)
    return _ranked(value, statistic > critical, statistic.max(0) <= critical, critical)


def unknown_ranks(value: Floats) -> Ranks:
    """Ranks of N scores of unknown precision: any network may have any rank."""
    n = len(value)
    ones = np.ones(n, np.int64)
    return Ranks(_places(value), ones, np.full(n, n), np.ones(n, np.bool_), ones, math.inf)


def _ranked_by_gap(value: Floats, place: Floats, gap: float, critical: float) -> Ranks:
    """Ranks where a network is surely better by more than one gap for all; no table of pairs."""
    ordered = np.sort(place)
    above = len(place) - np.searchsorted(ordered, place + gap, side="right")
    below = np.searchsorted(ordered, place - gap, side="left")
    tier = np.ones(len(place), np.int64)
    leader = ordered[-1]
    while (left := place < leader - gap).any():
        tier[left] += 1
        leader = place[left].max()
    return Ranks(_places(value), 1 + above, len(place) - below, above == 0, tier, critical)


@lru_cache
def _studentised_range(n: int, level: float) -> float:
    """Quantile of the range of n independent standard normal values; the integral takes 10 ms."""
    return float(stats.studentized_range.ppf(level, n, np.inf)) if n > 1 else 0.0


def _checked_counts(right: Floats, tried: Counts) -> tuple[Floats, Floats]:
    wins, tries = (np.atleast_1d(np.asarray(v, float)) for v in (right, tried))
    wins, tries = np.broadcast_arrays(wins, tries)
    fits = (tries >= 1) & (wins >= 0) & (wins <= tries)
    if wins.ndim != 1 or not fits.all() or not len(wins):
        raise ValueError(
            "rank_intervals_from_counts.right must be from 0 to tried, of at least one image each; "
            f" got {int((~fits).sum())} of {fits.size} networks that are not. Leave "
            "failed networks out."
        )
    return wins, tries


def _ranked(value: Floats, surely_better: Bits, best: Bits, critical: float) -> Ranks:
    """Ranks from (N, N) pairs in which the row is surely the better."""
    rank = _places(value)
    low = 1 + surely_better.sum(0)
    high = len(value) - surely_better.sum(1)
    tier = _tiers(np.argsort(rank, kind="stable"), surely_better)
    return Ranks(rank, low, high, best, tier, critical)


def _places(value: Floats) -> Counts:
    """(N,) 1 + number of higher values; sums of shares in another order tie."""
    rounded = np.round(value, 10)
    places: Counts = 1 + len(value) - np.searchsorted(np.sort(rounded), rounded, side="right")
    return places


def _tiers(order: NDArray[np.intp], surely_better: Bits) -> Counts:
    """(N,) tiers: the first network that is left leads all that it is not surely better than."""
    tier = np.zeros(len(order), np.int64)
    while len(order):
        below = surely_better[order[0], order]
        tier[order] += 1  # those below go on to the next
        order = order[below]
    return tier
