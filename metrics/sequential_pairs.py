"""Anytime-valid statements on the difference of two networks judged on the same images.

Of A images, a are right for the first network alone and c for the second alone, M = a + c in all;
the accuracies differ by (a - c) / A. Of the first t images drawn without replacement m are among
the M, n10 and n01 of either kind. Given where they are, which of them are of the first kind is a
draw of m from M without replacement: McNemar's test with a finite population, exact. M is not
known, so some of the chance to err goes into limits for it (Berger and Boos, JASA 1994), and a
statement holds when it holds for every M within them. The error is summed over rounds (Bonferroni),
which at levels corrected for thousands of pairs is close to an exact group sequential design.

For "a - c is below g" the largest M is the least favourable one: from M to M + 2 with a - c = g,
the ratio of the chances of n10 is concave with its mode at (g + m) / 2, so lower tails grow.
"""

from functools import lru_cache

import numpy as np

from metrics.estimate import LEVEL, Estimate, Floats
from metrics.hypergeometric import Counts, critical_of_round, greatest_difference, log_factorials
from metrics.rounds import Rounds


@lru_cache(maxsize=16)
def critical_counts(rounds: Rounds, error: float, gap: int) -> Counts:
    """Greatest n10 that shows a - c to be below `gap`, by round and number of discordant images.

    Args:
        rounds: The ends of the rounds.
        error: Chance in (0, 1) that such a statement on one pair is ever wrong.
        gap: In images; 0 shows that the second network is the better one.

    Returns:
        (R + 1, A + 1), -1 where no count shows it.
    """
    a = rounds.images
    table, logs = np.full((len(rounds.ends) + 1, a + 1), -1), log_factorials(a)
    shares = np.diff(rounds.spending, prepend=0.0) * error
    for r, (end, share) in enumerate(zip(rounds.ends, shares, strict=True), 1):
        table[r, : end + 1] = critical_of_round(a, end, gap, share, logs)
    return table


def difference_sequence(
    counts: tuple[Counts, Counts], evaluated: Counts, rounds: Rounds, level: float = LEVEL
) -> Estimate:
    """Difference in accuracy of pairs of networks, with time-uniform intervals.

    The chance that the interval of a pair at the end of *any* round misses the difference over all
    A images is at most 1 - `level`.

    Args:
        counts: n10 and n01, each (...): images that the first, or the second, alone has right.
        evaluated: (...) images that both have seen, each 0 or the end of a round.
        rounds: The ends of the rounds.
        level: Confidence level in (0, 1); for all of p pairs, 1 - (1 - level) / p.

    Returns:
        (...) in [-1, 1], first minus second; before the first round NaN with limits -1 and 1.

    Raises:
        ValueError: `evaluated` is another number, or counts are below 0 or add up to more.
    """
    tried, n10, n01 = np.broadcast_arrays(np.asarray(evaluated, np.int64), *map(np.asarray, counts))
    which = rounds.index(tried)
    if np.any((n10 < 0) | (n01 < 0) | (n10 + n01 > tried)):
        raise ValueError(
            "difference_sequence.counts must be at least 0 and add up to at most evaluated; got "
            "others. Count discordant images among those that both networks have seen."
        )
    shares = np.concatenate([[0.0], np.diff(rounds.spending, prepend=0.0)]) * (1 - level) / 2
    logs = log_factorials(rounds.images)
    high, low = np.ones(tried.shape), -np.ones(tried.shape)
    for place in zip(*np.nonzero(np.atleast_1d(tried)), strict=True):
        at = place if tried.ndim else ()
        sizes = (rounds.images, int(tried[at]))
        first, second, share = int(n10[at]), int(n01[at]), float(shares[which[at]])
        high[at] = greatest_difference(first, second, sizes, share, logs) / rounds.images
        low[at] = -greatest_difference(second, first, sizes, share, logs) / rounds.images
    with np.errstate(invalid="ignore"):
        value: Floats = (n10 - n01) / tried
    return Estimate(value, np.fmin(low, value), np.fmax(high, value))
