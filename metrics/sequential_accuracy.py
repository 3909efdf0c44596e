"""Anytime-valid intervals of one network's accuracy over a finite list of images.

Images are drawn without replacement in rounds whose ends are known beforehand. Of S images that
are right among A, the number right among the first t is hypergeometric, and the counts at the ends
of rounds are a Markov chain. For every S, limits are set at every end so that the chance that the
count has *ever* left them is, up to discreteness, what may be spent so far: a group sequential test
with a spending function (Lan and DeMets, Biometrika 1983). The S that are not rejected are the
interval: repeated confidence intervals (Jennison and Turnbull, JRSS B 1989). Chances are summed
exactly, without a normal approximation. With all images seen, the interval is the share itself.

The sums use a property of sampling without replacement: given the count at the end of a round, the
counts before do not depend on S, so the chance of having stayed within limits is carried backward.
"""

from functools import lru_cache

import numpy as np

from metrics.estimate import LEVEL, Estimate, Floats
from metrics.hypergeometric import Counts, advance, invert, last_block, log_factorials
from metrics.rounds import Rounds


def accuracy_sequence(
    evaluated: Counts, correct: Counts, rounds: Rounds, level: float = LEVEL
) -> Estimate:
    """Share of images right so far, with time-uniform intervals for the share of all A images.

    The chance that the interval at the end of *any* round misses the share of all A images is at
    most 1 - `level`, whenever and for whatever reason one stops.

    Args:
        evaluated: (...) images seen, each 0 or the end of a round.
        correct: (...) how many of them were right.
        rounds: The ends of the rounds.
        level: Confidence level in (0, 1).

    Returns:
        (...) shares in [0, 1]; before the first round NaN with limits 0 and 1.

    Raises:
        ValueError: `evaluated` is another number, or `correct` is not 0 to `evaluated`.
    """
    tried, right = np.asarray(evaluated, np.int64), np.asarray(correct, np.int64)
    which = rounds.index(tried)
    if np.any((right < 0) | (right > tried)):
        raise ValueError(
            "accuracy_sequence.correct must be 0 to evaluated; got counts beyond. "
            "Count the right ones among the images evaluated."
        )
    low, high = _limits(rounds, level)
    with np.errstate(invalid="ignore"):
        value: Floats = right / tried
    a = float(rounds.images)
    # an integer out of A may lie beside the share right so far
    return Estimate(
        value, np.fmin(low[which, right] / a, value), np.fmax(high[which, right] / a, value)
    )


@lru_cache(maxsize=8)
def _limits(rounds: Rounds, level: float) -> tuple[Counts, Counts]:
    """(R + 1, A + 1) least and greatest number right among all images, by round and count."""
    a = rounds.images
    logs = log_factorials(a)
    half = a // 2 + 1  # the other half mirrors it
    stayed, limits = np.ones((half, 1)), np.zeros((half, 2), np.int64)
    spent = np.zeros((half, 2))
    low = np.full((len(rounds.ends) + 1, a + 1), a)
    high = np.zeros_like(low)
    low[0], high[0] = 0, a
    before = 0
    for r, (end, share) in enumerate(zip(rounds.ends, rounds.spending, strict=True), 1):
        steps = last_block(end, before, logs)
        budget = (1 - level) / 2 * share
        stayed, limits = advance((a, end, before), steps, stayed, limits, (spent, budget, logs))
        both = np.concatenate([limits, end - limits[a - half :: -1, ::-1]])
        invert(both, low[r], high[r])
        before = end
    return low, high
