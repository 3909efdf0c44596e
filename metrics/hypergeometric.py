"""Chances of counts drawn without replacement, and the compiled loops that make tables of them.

SciPy has the chances too, at some microseconds each; the tables take many millions. All is in one
file as Numba's cache of a function sees changes of its own file alone, not of what it calls.
"""

import math

import numpy as np
from numpy.typing import NDArray

from metrics.compiled import compiled
from metrics.estimate import Floats

Counts = NDArray[np.int64]

DEVIATIONS = 8.0
"""With `EXTRA` counts: how far from the mean chances are summed; below 1e-13 lies beyond."""

EXTRA = 10.0

ON_DISCORDANTS = 0.05
"""Share of the chance to err that goes into either limit of the discordant images."""


def log_factorials(largest: int) -> Floats:
    """(largest + 1,) log n! of 0 to `largest`."""
    return np.array([math.lgamma(n + 1.0) for n in range(largest + 1)])


@compiled
def chance(x: int, total: int, marked: int, drawn: int, logs: Floats) -> float:
    """Chance that exactly x of `drawn` from `total` are among the `marked`.

    Args:
        x: Within `possible`.
        total: Size of the population.
        marked: How many of it count.
        drawn: How many are drawn without replacement.
        logs: `log_factorials` of at least `total`.
    """
    other, left = drawn - x, total - marked
    ways = logs[marked] - logs[x] - logs[marked - x]
    ways += logs[left] - logs[other] - logs[left - other]
    return math.exp(ways - logs[total] + logs[drawn] + logs[total - drawn])


@compiled
def possible(total: int, marked: int, drawn: int) -> tuple[int, int]:
    """First and last count worth summing."""
    share = marked / max(total, 1)
    mean = drawn * share
    spread = mean * (1 - share) * (total - drawn) / max(total - 1, 1)
    reach = DEVIATIONS * math.sqrt(spread) + EXTRA
    first = max(0, drawn + marked - total, math.floor(mean - reach))
    return first, min(drawn, marked, math.ceil(mean + reach))


@compiled
def at_most(x: int, total: int, marked: int, drawn: int, logs: Floats) -> float:
    """Chance of x or fewer."""
    first, last = possible(total, marked, drawn)
    if x >= last:
        return 1.0
    chances = 0.0
    for count in range(first, x + 1):
        chances += chance(count, total, marked, drawn, logs)
    return chances


@compiled
def below(error: float, total: int, marked: int, drawn: int, logs: Floats) -> int:
    """Greatest count x of which x or fewer have a chance of at most `error`; -1 where none has."""
    x, last = possible(total, marked, drawn)
    chances = chance(x, total, marked, drawn, logs)
    while x <= last and chances <= error:
        x += 1
        if x <= last:
            chances += chance(x, total, marked, drawn, logs)
    return x - 1


@compiled
def last_block(end: int, before: int, logs: Floats) -> Floats:
    """(end + 1, W) chance that j of x right ones are in the last block, by x and `possible` j."""
    block = end - before
    first, last = possible(end, (end + 1) // 2, block)
    steps = np.zeros((end + 1, last - first + 2))  # the widest at the middle, but for rounding
    for x in range(end + 1):
        first, last = possible(end, x, block)
        for j in range(first, last + 1):
            steps[x, j - first] = chance(j, end, x, block, logs)
    return steps


@compiled
def advance(
    sizes: tuple[int, int, int],
    steps: Floats,
    stayed: Floats,
    limits: Counts,
    spending: tuple[Floats, float, Floats],
) -> tuple[Floats, Counts]:
    """Limits at the end of a round, by number right S, and what the next round needs.

    Args:
        sizes: A; the end of the round; the end before.
        steps: From `last_block`.
        stayed: (S, W) chance of having stayed within limits up to the end before, given the count
            there, which is the lower limit plus the column.
        limits: (S, 2) limits at the end before, inclusive.
        spending: (S, 2) chance of having left below and above, updated in place; how much that may
            be at the end of this round, each; log factorials.
    """
    a, t, before = sizes
    spent, budget, logs = spending
    widest = possible(a, len(limits) - 1, t)
    kept = np.zeros((len(limits), widest[1] - widest[0] + 1))
    found = np.zeros_like(limits)
    for s in range(len(limits)):
        first, last = possible(a, s, t)
        stay = np.zeros(last - first + 1)
        mass = np.zeros(last - first + 1)
        for x in range(first, last + 1):
            early, late = possible(t, x, t - before)
            for j in range(max(early, x - limits[s, 1]), min(late, x - limits[s, 0]) + 1):
                stay[x - first] += steps[x, j - early] * stayed[s, x - j - limits[s, 0]]
            mass[x - first] = stay[x - first] * chance(x, a, s, t, logs)
        low, high = 0, last - first
        while low < high and spent[s, 0] + mass[low] <= budget:
            spent[s, 0] += mass[low]
            low += 1
        while high > low and spent[s, 1] + mass[high] <= budget:
            spent[s, 1] += mass[high]
            high -= 1
        found[s, 0], found[s, 1] = first + low, first + high
        kept[s, : high - low + 1] = stay[low : high + 1]
    return kept, found


@compiled
def invert(limits: Counts, low: Counts, high: Counts) -> None:
    """Fill (A + 1,) least and greatest S whose limits have the count between them."""
    for s in range(len(limits)):
        for x in range(limits[s, 0], limits[s, 1] + 1):
            low[x] = min(low[x], s)
            high[x] = max(high[x], s)


@compiled
def _most(m: int, least: int, sizes: tuple[int, int], error: float, logs: Floats) -> int:
    """Greatest M, from `least` on, that m discordant images of t speak against with no `error`."""
    a, t = sizes
    most = max(m, least)
    while most < a - t + m and at_most(m, a, most + 1, t, logs) > error:
        most += 1
    return most


@compiled
def _fewest(m: int, sizes: tuple[int, int], error: float, logs: Floats) -> int:
    """Least M likewise: the greatest number of the other images, seen from there."""
    a, t = sizes
    return a - _most(t - m, 0, sizes, error, logs)


@compiled
def critical_of_round(a: int, t: int, gap: int, error: float, logs: Floats) -> Counts:
    """(t + 1,) one round of `critical_counts`."""
    found = np.full(t + 1, -1)
    most = 0
    for m in range(t + 1):
        most = _most(m, most, (a, t), error * ON_DISCORDANTS, logs)
        known = error * (1 - 2 * ON_DISCORDANTS)
        found[m] = m
        for whole in range(max(m, most - 1), most + 1):  # either parity of a - c
            first = (gap + whole + 1) // 2
            if first <= whole:
                found[m] = min(found[m], below(known, whole, first, m, logs))
    return found


@compiled
def greatest_difference(
    n10: int, n01: int, sizes: tuple[int, int], error: float, logs: Floats
) -> int:
    """Greatest a - c that is not shown to be too large."""
    m = n10 + n01
    on_discordants, known = error * ON_DISCORDANTS, error * (1 - 2 * ON_DISCORDANTS)
    most = _most(m, 0, sizes, on_discordants, logs)
    greatest, first = -most, n10
    for whole in range(max(m, _fewest(m, sizes, on_discordants, logs)), most + 1):
        while first < whole - n01 and at_most(n10, whole, first + 1, m, logs) > known:
            first += 1
        greatest = max(greatest, 2 * first - whole)
    return greatest
