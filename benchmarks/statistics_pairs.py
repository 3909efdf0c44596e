"""Do intervals of matched-pair effects hold what they promise? Simulation with the truth known.

Each trial makes a campaign: cubes of eight networks, judged on the same images. An image is right
when a normal latent variable is positive, made of the cube's ability, the effect of the gene in
question (which differs between cubes and between images), the difficulty of the image and luck;
the mean effect over all cubes and images is then a difference of two normal probabilities.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from analysis.correlations import false_discovery
from analysis.pairs.crossed import crossed_mean
from metrics import LEVEL, Floats

TRIALS, QUICK = 4000, 300
Row = dict[str, str | float | int | bool]


@dataclass(frozen=True)
class Setting:
    """What is simulated; latent standard deviations, of which luck has 1.

    Attributes:
        cubes: Design units, of four pairs each.
        images: Shared by all networks.
        effect: Mean of the gene's effect.
        by_cube: Spread of the effect over cubes.
        by_image: Spread of the effect over images.
        ragged: Cubes keep one to four of their pairs.
    """

    cubes: int
    images: int
    effect: float = 0.3
    by_cube: float = 0.3
    by_image: float = 0.3
    ragged: bool = False


ABILITY, DIFFICULTY, LEVEL_OF_ALL = 0.3, 1.0, 0.8
CASES = {
    "pairs_30_cubes_200_images": (Setting(30, 200), False),
    "pairs_30_cubes_30_images": (Setting(30, 30), False),
    "pairs_10_cubes_200_images": (Setting(10, 200), False),
    "pairs_images_disagree": (Setting(30, 60, by_cube=0.05, by_image=1.0), False),
    "pairs_cubes_disagree": (Setting(30, 200, by_cube=1.0, by_image=0.05), False),
    "pairs_ragged_cubes": (Setting(30, 200, ragged=True), False),
    # nothing but luck: both variances hold all of it, and one is taken off
    "pairs_all_agree": (Setting(30, 200, by_cube=0.0, by_image=0.0), False),
}
"""Case to what is simulated, and whether the interval is known to err on the safe side there."""


def truth(setting: Setting) -> float:
    """Mean effect over all cubes and images, in percentage points."""
    base = 1 + ABILITY**2 + DIFFICULTY**2
    more = base + setting.by_cube**2 + setting.by_image**2
    high = stats.norm.cdf((LEVEL_OF_ALL + setting.effect) / np.sqrt(more))
    return float(100 * (high - stats.norm.cdf(LEVEL_OF_ALL / np.sqrt(base))))


def null_effect(setting: Setting) -> float:
    """Latent effect that makes no difference on average, though cubes and images differ in it."""
    base = 1 + ABILITY**2 + DIFFICULTY**2
    more = base + setting.by_cube**2 + setting.by_image**2
    return float(LEVEL_OF_ALL * (np.sqrt(more / base) - 1))


def simulate(setting: Setting, rng: np.random.Generator) -> tuple[Floats, np.ndarray]:
    """(P, J) differences in points and (P,) cubes of one campaign."""
    u, j = setting.cubes, setting.images
    kept = rng.integers(1, 5, u) if setting.ragged else np.full(u, 4)
    units = np.repeat(np.arange(u), kept)
    ability = LEVEL_OF_ALL + rng.normal(0, ABILITY, (u, 1)) - rng.normal(0, DIFFICULTY, j)
    effect = setting.effect + rng.normal(0, setting.by_cube, (u, 1))
    effect = effect + rng.normal(0, setting.by_image, j)
    low, high = (rng.normal(size=(len(units), j)) + ability[units] for _ in "ab")
    right = (high + effect[units] > 0).astype(float) - (low > 0)
    return 100 * right, units


def coverage_of_pairs(trials: int, seed: int = 0) -> list[Row]:
    """Share of trials in which the 95 % interval holds the truth, for every case."""
    rows: list[Row] = []
    for case, (setting, conservative) in CASES.items():
        rng = np.random.default_rng([seed, len(rows)])
        true, hits = truth(setting), 0
        for _ in range(trials):
            made = crossed_mean(*simulate(setting, rng))
            hits += not isinstance(made, str) and made.low <= true <= made.high
        rows.append(_row(case, LEVEL, hits / trials, trials, conservative))
    return rows


def false_discoveries(trials: int, seed: int = 1) -> list[Row]:
    """One less the false-discovery rate over tables of 40 genes, and the planted genes found.

    A gene in four has an effect, about ten points; the others have one that differs between cubes
    and between images but is 0 on average. The nominal rate is 5 %.
    """
    rng = np.random.default_rng(seed)
    planted = np.arange(40) % 4 == 0
    null = null_effect(Setting(15, 60))
    false, found = np.zeros(trials), np.zeros(trials)
    for t in range(trials):
        p = []
        for effect in np.where(planted, null + 0.5, null):
            made = crossed_mean(*simulate(Setting(15, 60, effect), rng))
            p.append(1.0 if isinstance(made, str) else made.p)
        clear = false_discovery(pd.Series(p)) < 0.05
        false[t] = (clear & ~planted).sum() / max(1, clear.sum())
        found[t] = clear[planted].mean()
    return [
        _row("pairs_true_discoveries", 0.95, 1 - float(false.mean()), trials, True),
        _row("pairs_planted_found", 0.8, float(found.mean()), trials, True),
    ]


def _row(case: str, nominal: float, coverage: float, trials: int, conservative: bool) -> Row:
    return {
        "case": case,
        "nominal": nominal,
        "coverage": coverage,
        "trials": trials,
        "conservative": conservative,
    }


def rows(quick: bool = False) -> list[Row]:
    """All cases of matched pairs."""
    trials = QUICK if quick else TRIALS
    return coverage_of_pairs(trials) + false_discoveries(trials)
