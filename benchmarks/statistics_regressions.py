"""Do intervals of regressions hold what they promise? Simulation with the truth known.

Each trial draws networks in units of one to four that resemble one another, three factors of which
the last does nothing, and what every network does on images that all share: images differ in how
hard they are and in how much each factor matters on them, and every outcome has luck of its own.
The truth is the effect over all networks and all images.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.regressions.beta_binomial import fit_overdispersed
from analysis.regressions.counts import fit_counts, fit_logistic
from analysis.regressions.error_prone import Measured, fit_corrected, fit_split
from analysis.regressions.linear import (
    fit_ordinary,
    fit_weighted,
    precision_weights,
    with_constant,
)
from analysis.regressions.ordinary import fit_outcome
from analysis.regressions.pooled import Pool, fit_pooled
from analysis.regressions.quantiles import fit_quantile
from analysis.regressions.terms import fit_curve, fit_product
from benchmarks.statistics_table import Coverage
from metrics import LEVEL, Floats

TRIALS, QUICK = 4000, 200
EFFECTS = np.array([2.0, -3.0, 0.0])
LOGITS, DIFFICULTY, TWIST, OWN, START = np.array([0.3, -0.2, 0.0]), 1.0, 0.3, 0.25, 1.2
ON_CLEAN = np.array([0.5, 0.0, 2.0])

Units = NDArray[np.intp]
Hits = list[bool]


@dataclass(frozen=True)
class Size:
    """How much is drawn: design units, images, and whether every unit is one network."""

    units: int = 100
    images: int = 80
    single: bool = False


def networks(size: Size, rng: np.random.Generator) -> tuple[Floats, Units]:
    """(n, 3) factors, half of whose variance is their unit's, and (n,) units."""
    count = np.ones(size.units, int) if size.single else rng.choice((1, 1, 4), size.units)
    units = np.repeat(np.arange(size.units), count)
    own, shared = rng.normal(size=(len(units), 3)), rng.normal(size=(size.units, 3))
    x: Floats = (own + shared[units]) / np.sqrt(2)
    return x, units


def points(size: Size, rng: np.random.Generator) -> tuple[Floats, Floats, Units]:
    """Factors, (n, J) points linear in them with `EFFECTS`, and units."""
    x, units = networks(size, rng)
    n, j = len(x), size.images
    slopes = EFFECTS[:, None] + 6 * rng.normal(size=(3, j))
    rest = rng.normal(0, 2, size.units)[units] + rng.normal(0, 2, n)
    luck = rng.normal(0, 25, (n, j))
    scores: Floats = 50 + x @ slopes + rest[:, None] + rng.normal(0, 20, j) + luck
    return x, scores, units


def answers(size: Size, rng: np.random.Generator) -> tuple[Floats, Floats, Units]:
    """Factors, (n, J) 100 where a normal latent variable is positive and 0 elsewhere, units."""
    x, units = networks(size, rng)
    n, j = len(x), size.images
    slopes = LOGITS[:, None] + TWIST * rng.normal(size=(3, j))
    able = START + rng.normal(0, OWN, size.units)[units] + rng.normal(0, OWN, n)
    latent = able[:, None] + x @ slopes - rng.normal(0, DIFFICULTY, j) + rng.normal(size=(n, j))
    right: Floats = np.where(latent > 0, 100.0, 0.0)
    return x, right, units


@cache
def slopes_of_answers() -> tuple[float, ...]:
    """(3,) average marginal effects of the logistic curve nearest to the truth, in points."""
    x = np.random.default_rng(5).normal(size=(400_000, 3))
    spread = np.sqrt(1 + 2 * OWN**2 + DIFFICULTY**2 + TWIST**2 * (x**2).sum(1))
    right = stats.norm.cdf((START + x @ LOGITS) / spread)
    fit = fit_logistic(with_constant(x), right, 1000)
    assert not isinstance(fit, str)
    weight = float((fit.share * (1 - fit.share)).mean())
    first, second = (100 * weight * fit.coefficients[1:3]).tolist()
    return first, second, 0.0


def measured(size: Size, rng: np.random.Generator, luck: float) -> tuple[Measured, Units]:
    """Networks whose clean accuracy and outcome share the luck of their images."""
    x, units = networks(size, rng)
    z, (n, j) = x[:, :2], (len(x), size.images)
    own = rng.normal(0, 1.4, size.units)[units] + rng.normal(0, 1.4, n)
    clean = z[:, 0] + own
    rest = rng.normal(0, 1, size.units)[units] + rng.normal(0, 1, n)
    robust = ON_CLEAN[0] * clean + z @ ON_CLEAN[1:] + rest
    shared = rng.normal(0, luck, (n, j))
    alone = 0.9 * shared + rng.normal(0, 0.6 * luck, (n, j))
    hard = rng.normal(0, 20, j)
    on_clean = z @ (4 * rng.normal(size=(2, j)))
    on_robust = z @ (4 * rng.normal(size=(2, j))) + clean[:, None] * rng.normal(0, 2, j)
    scores: Floats = 60 + robust[:, None] + hard + on_robust + alone
    return Measured(z, 90 + clean[:, None] + hard + on_clean + shared, scores), units


def supernets(count: int, rng: np.random.Generator) -> Pool:
    """Several supernets; slopes differ between them where they are enough to be drawn."""
    each, images = 30, 60
    member = np.repeat(np.arange(count), each)
    n, units = len(member), np.arange(len(member)) // 2
    x = rng.normal(size=(n, 3))
    x -= np.array([x[member == g].mean(0) for g in range(count)])[member]
    slopes = EFFECTS + (rng.normal(0, 0.7, (count, 3)) if count >= 6 else np.zeros((count, 3)))
    level = rng.normal(0, 5, count)[member] + (x * slopes[member]).sum(1)
    rest = rng.normal(0, 1.5, n // 2)[units] + rng.normal(0, 1.5, n)
    by_image = x @ rng.normal(0, 4, (3, images)) + rng.normal(0, 10, images)
    scores = (level + rest)[:, None] + by_image + rng.normal(0, 15, (n, images))
    return Pool(x, scores, units, member)


def of_points(fit: Callable[..., object], size: Size) -> Callable[[np.random.Generator], object]:
    """One trial of a method on `points`: its answer."""
    return lambda rng: fit(*points(size, rng))


def _weighted(x: Floats, scores: Floats, units: Units) -> object:
    return fit_weighted(x, scores, units, precision_weights(x, scores))


def _median(rng: np.random.Generator) -> object:
    return fit_quantile(*points(Size(60, 60), rng), rng)


def _counted(fit: Callable[..., object]) -> Callable[[np.random.Generator], object]:
    return lambda rng: fit(*answers(Size(100, 100), rng))


def _measured(fit: Callable[..., object], luck: float) -> Callable[[np.random.Generator], object]:
    return lambda rng: fit(*measured(Size(120, 100), rng, luck))


def _product(rng: np.random.Generator) -> object:
    return fit_product(*points(Size(), rng), (0, 1))


def _line(rng: np.random.Generator) -> bool | None:
    """Whether a true line passes for one at the 5 % level."""
    made = fit_curve(*points(Size(), rng), 0)
    return None if isinstance(made, str) else made[1] >= 1 - LEVEL


Case = tuple[Callable[[np.random.Generator], object], Callable[[], object], bool]
CASES: dict[str, Case] = {
    "table_clustered_100_units": (of_points(fit_outcome, Size()), lambda: EFFECTS, True),
    "ols_clustered_100_units": (of_points(fit_ordinary, Size()), lambda: EFFECTS, False),
    "ols_clustered_30_units": (of_points(fit_ordinary, Size(30, 60)), lambda: EFFECTS, False),
    "ols_hc3_150_networks": (
        of_points(fit_ordinary, Size(150, 80, True)),
        lambda: EFFECTS,
        False,
    ),
    "weighted_100_units": (of_points(_weighted, Size()), lambda: EFFECTS, False),
    "quasi_binomial_100_units": (_counted(fit_counts), slopes_of_answers, False),
    "beta_binomial_100_units": (_counted(fit_overdispersed), slopes_of_answers, False),
    "corrected_reliability_0.5": (_measured(fit_corrected, 18.0), lambda: ON_CLEAN, False),
    "corrected_reliability_0.75": (_measured(fit_corrected, 10.0), lambda: ON_CLEAN, False),
    "split_reliability_0.75": (_measured(fit_split, 10.0), lambda: ON_CLEAN, False),
    "fixed_2_supernets": (lambda r: fit_pooled(supernets(2, r)), lambda: EFFECTS, False),
    "mixed_8_supernets": (lambda r: fit_pooled(supernets(8, r)), lambda: EFFECTS, False),
    "interaction_100_units": (_product, lambda: np.zeros(1), False),
    "line_100_units": (_line, lambda: np.zeros(1), False),
    "median_60_units": (_median, lambda: EFFECTS, False),
}
"""Case to what one trial gives, the truth, and whether the method may be on the safe side."""


def coverage(case: str, trials: int, seed: int = 0) -> list[Coverage]:
    """A row per effect of one case."""
    trial, truth, conservative = CASES[case]
    rng = np.random.default_rng([seed, list(CASES).index(case)])
    true = np.asarray(truth(), dtype=np.float64)
    found = [hit for _ in range(trials) if (hit := held(trial(rng), true)) is not None]
    shares = np.mean(found, axis=0) if found else np.full(len(true), np.nan)
    names = [""] if len(true) == 1 else [f"_effect_{k + 1}" for k in range(len(true))]
    return [
        Coverage(f"{case}{name}", LEVEL, float(share), len(found), conservative)
        for name, share in zip(names, shares, strict=True)
    ]


def held(made: Any, true: Floats) -> Hits | None:
    """Which truths an answer's intervals hold; None where it gives none."""
    made = made[0] if isinstance(made, tuple) else made
    if isinstance(made, bool):
        return [made]
    if made is None or isinstance(made, str):
        return None
    effects = getattr(made, "estimate", None)
    effects = made.effects if effects is None else effects
    hits: Hits = (np.abs(effects - true) <= made.reach).tolist()
    return hits


def rows(quick: bool = False) -> list[Coverage]:
    """All cases of regressions."""
    return [row for case in CASES for row in coverage(case, QUICK if quick else TRIALS)]
