"""How often the intervals of accuracies, differences, ranks, best sets and fronts hold.

Networks share their images: network n is right on image i with a logit of a_n - d_i, where the
difficulty d_i is standard normal times `SPREAD` and drawn anew in each trial. The truth is the
accuracy over endless images, by quadrature.
"""

from collections.abc import Callable

import numpy as np
from scipy import special

from benchmarks.statistics_pairs import Row
from metrics import (
    LEVEL,
    Bits,
    Estimate,
    Floats,
    bootstrap_difference,
    clopper_pearson,
    compare,
    newcombe_difference,
    pareto_front,
    rank_interval_of,
    rank_intervals,
    rank_intervals_from_counts,
    surely_dominated,
    wilson,
)

TRIALS, QUICK = 4000, 300
SPREAD = 1.5
ABILITIES = {
    "tied": np.full(20, 1.5),
    "spaced": np.linspace(0.5, 2.5, 20),
    "one leads": np.r_[2.5, np.full(19, 1.5)],
    "high": np.linspace(4.0, 5.0, 20),
    "two": np.array([1.5, 1.5]),
    "many": np.full(150, 1.5),
}
"""Logits of the networks against an image of mean difficulty."""

IMAGES = 200
DRAWS = 400  # fewer than by default; the quantile of a further draw holds with any number


def truth(ability: Floats) -> Floats:
    """Accuracy over endless images of networks of these abilities."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    right = special.expit(ability[..., None] - SPREAD * nodes)
    shares: Floats = right @ (weights / weights.sum())
    return shares


def judge(ability: Floats, images: int, rng: np.random.Generator) -> Bits:
    """(..., I) which images networks of these abilities are right on; all share the images."""
    difficulty = rng.normal(0, SPREAD, images)
    bits: Bits = rng.random((*ability.shape, images)) < special.expit(
        ability[..., None] - difficulty
    )
    return bits


def wilson_coverage(trials: int, rng: np.random.Generator) -> list[Row]:
    """The Wilson interval, averaged over the accuracies that are observed."""
    return [_of_shares("wilson", wilson, trials, False, rng)]


def clopper_pearson_coverage(trials: int, rng: np.random.Generator) -> list[Row]:
    """The interval of Clopper and Pearson."""
    return [_of_shares("clopper_pearson", clopper_pearson, trials, True, rng)]


def _of_shares(
    name: str,
    interval: Callable[[Floats, Floats], Estimate],
    trials: int,
    conservative: bool,
    rng: np.random.Generator,
) -> Row:
    """One network per trial, its ability drawn from those that give accuracies of 8 to 99 %."""
    ability = rng.uniform(-3, 6, trials)
    right = rng.binomial(IMAGES, truth(ability)).astype(float)
    found = interval(right, np.asarray(float(IMAGES)))
    held = (found.low <= truth(ability)) & (truth(ability) <= found.high)
    return _row(f"{name}, {IMAGES} images", float(held.mean()), trials, conservative)


def difference_coverage(trials: int, rng: np.random.Generator) -> list[Row]:
    """Both intervals of a paired difference, for bits, and the bootstrap for shares."""
    held = {"newcombe_difference": 0, "bootstrap_difference": 0, "bootstrap_difference, shares": 0}
    for _ in range(trials):
        ability = rng.uniform(0, 3, (2, 1)) + rng.normal(0, 0.5, 3)  # three conditions
        true = truth(ability)
        first, second = judge(ability, IMAGES, rng)
        found = {
            "newcombe_difference": newcombe_difference(first[0], second[0]),
            "bootstrap_difference": bootstrap_difference(first[0], second[0], rng, 1000),
            "bootstrap_difference, shares": bootstrap_difference(
                first.mean(0), second.mean(0), rng, 1000
            ),
        }
        for name, estimate in found.items():
            gap = true[0] - true[1]
            value = gap.mean() if name.endswith("shares") else gap[0]
            held[name] += bool(estimate.low <= value <= estimate.high)
    return [
        _row(f"{name}, {IMAGES} images", count / trials, trials, False)
        for name, count in held.items()
    ]


def rank_coverage(trials: int, rng: np.random.Generator) -> list[Row]:
    """Rank intervals of all networks at once, of one alone, and the set that holds the best."""
    found = []
    for name, ability in ABILITIES.items():
        true = truth(ability)
        low, high = _true_ranks(true)
        best = np.flatnonzero(true == true.max())[0]
        middle = len(ability) // 2
        all_at_once, alone, in_set = 0, 0, 0
        for _ in range(trials):
            comparison = compare(judge(ability, IMAGES, rng).astype(float), rng, DRAWS)
            ranks = rank_intervals(comparison)
            all_at_once += bool(((ranks.low <= low) & (high <= ranks.high)).all())
            in_set += bool(ranks.best[best])
            _, least, most = rank_interval_of(comparison, middle)
            alone += bool(least <= low[middle] and high[middle] <= most)
        size = f"{len(ability)} networks {name}, {IMAGES} images"
        found += [
            _row(f"rank_intervals, {size}", all_at_once / trials, trials, True),
            _row(f"best set, {size}", in_set / trials, trials, True),
            _row(f"rank_interval_of, {size}", alone / trials, trials, True),
        ]
    return found


def _true_ranks(true: Floats) -> tuple[Floats, Floats]:
    """Ranks of networks from the least to the greatest that their ties leave open."""
    above = (true[:, None] > true).sum(0)
    return 1 + above, above + (true[:, None] == true).sum(0)


def counts_coverage(trials: int, rng: np.random.Generator) -> list[Row]:
    """Rank intervals from counts, with images of their own and with shared ones."""
    found = []
    for name, ability in ABILITIES.items():
        true = truth(ability)
        low, high = _true_ranks(true)
        held = {"own": 0, "shared": 0}
        for _ in range(trials):
            counts = {
                "own": rng.binomial(IMAGES, true),
                "shared": judge(ability, IMAGES, rng).sum(1),
            }
            for images, right in counts.items():
                ranks = rank_intervals_from_counts(right, np.full(len(right), IMAGES))
                held[images] += bool(((ranks.low <= low) & (high <= ranks.high)).all())
        found += [
            _row(
                f"rank_intervals_from_counts, {len(ability)} networks {name}, {IMAGES} {images} "
                "images",
                count / trials,
                trials,
                True,
            )
            for images, count in held.items()
        ]
    return found


def front_coverage(trials: int, rng: np.random.Generator) -> list[Row]:
    """No network of the true front is called dominated, two accuracies against a cost."""
    cost = np.arange(20.0)
    # most of them tied with one that is cheaper in all but a little of one accuracy
    ability = np.stack([1.0 + 0.1 * cost, 2.0 - 0.02 * cost])  # (outcomes, networks)
    ability[:, 10:] -= 0.5
    true = pareto_front(np.column_stack([*truth(ability), -cost]))
    held = 0
    for _ in range(trials):
        bits = judge(ability, IMAGES, rng).astype(float)
        called = surely_dominated([compare(b, rng, DRAWS) for b in bits], -cost)
        held += not (called & true).any()
    name = f"surely_dominated, 20 networks, {int(true.sum())} on the front, {IMAGES} images"
    return [_row(name, held / trials, trials, True)]


def _row(case: str, coverage: float, trials: int, conservative: bool) -> Row:
    return {
        "case": case,
        "nominal": LEVEL,
        "coverage": coverage,
        "trials": trials,
        "conservative": conservative,
    }


def rows(quick: bool = False) -> list[Row]:
    """All cases of accuracies, differences, ranks and fronts."""
    trials = QUICK if quick else TRIALS
    return [
        row
        for seed, case in enumerate((*SIMPLE, *OVER_ABILITIES))
        for row in case(trials, np.random.default_rng([2109, seed]))
    ]


SIMPLE = (wilson_coverage, clopper_pearson_coverage, difference_coverage, front_coverage)
OVER_ABILITIES = (rank_coverage, counts_coverage)
"""What is simulated: in one setting, and in those of `ABILITIES`."""
