"""Do intervals of LMG shares hold what they promise? Simulation with the truth known.

Each trial draws networks in units of one to eight, six correlated columns in four groups, and
scores on shared images: a linear effect that differs between images, a residual of the network
that units share in part, and noise of every single outcome. The truth is the share over infinitely
many networks, averaged over sets of as many images.
"""

from dataclasses import dataclass

import numpy as np

from analysis.bootstrap import Data
from analysis.importance.share_intervals import share_intervals
from analysis.importance.shares import Moments, lmg
from benchmarks.statistics_pairs import Row
from metrics import LEVEL, Floats

TRIALS, QUICK = 4000, 200
DRAWS = 200  # of the bootstrap in each trial
SIZES = (2, 2, 1, 1)
NAMES = ("two_columns", "mixed_up", "strong", "null")
SLOPES = np.array([0.5, 0.3, 0.6, 0.2, 1.0, 0.0])
BY_IMAGE = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])  # spread of the slopes over images
RESIDUAL, SHARED, LUCK = 0.8, 0.4, 6.0


@dataclass(frozen=True)
class Setting:
    """How much is drawn: units of one to eight networks, and images."""

    units: int
    images: int


CASES = {"lmg_150_units_100_images": Setting(150, 100), "lmg_60_units_200_images": Setting(60, 200)}


def correlation() -> Floats:
    """(6, 6) correlation of the columns: within the first two groups and between them."""
    made = np.eye(6)
    for a, b, r in ((0, 1, 0.3), (2, 3, 0.3), (1, 2, 0.6)):
        made[a, b] = made[b, a] = r
    return made


def simulate(setting: Setting, rng: np.random.Generator) -> Data:
    """One campaign."""
    units = np.repeat(np.arange(setting.units), rng.choice((1, 1, 8), setting.units))
    n, j = len(units), setting.images
    root = np.linalg.cholesky(correlation())
    # half of the variance of every column is its unit's, so networks of a unit resemble each other
    own, unit = rng.normal(size=(n, 6)), rng.normal(size=(setting.units, 6))[units]
    x = (own + unit) / np.sqrt(2) @ root.T
    slopes = SLOPES[:, None] + BY_IMAGE[:, None] * rng.normal(size=(6, j))
    rest = rng.normal(0, RESIDUAL, (n, 1)) + rng.normal(0, SHARED, (setting.units, 1))[units]
    scores = x @ slopes + rest + rng.normal(0, LUCK, (n, j)) + rng.normal(0, 2, j)
    return Data(x.T, [scores], [np.arange(j)], units)


def truth(setting: Setting, sets: int = 20_000) -> tuple[Floats, float]:
    """(4,) shares and R2 over all networks, mean over sets of images."""
    rng = np.random.default_rng(0)
    j = setting.images
    slopes = SLOPES + BY_IMAGE * rng.normal(size=(sets, 6)) / np.sqrt(j)
    cross = slopes @ correlation()
    explained = np.einsum("sp,sp->s", cross, slopes)
    total = explained + RESIDUAL**2 + SHARED**2 + LUCK**2 / j
    made = lmg(Moments(correlation()[None], cross[:, :, None], total[:, None]), SIZES)
    return np.maximum(made.share.mean(0)[:, 0].round(12), 0.0), float(made.r2.mean())


def coverage_of_shares(trials: int, seed: int = 0) -> list[Row]:
    """Share of trials in which the 95 % interval holds the truth, per case and group."""
    rows: list[Row] = []
    for number, (case, setting) in enumerate(CASES.items()):
        rng = np.random.default_rng([seed, number])
        shares, r2 = truth(setting)
        true = np.append(shares, r2)
        hits = np.zeros(len(true))
        for _ in range(trials):
            made = share_intervals(simulate(setting, rng), SIZES, rng, DRAWS)
            low, high = (
                np.append(getattr(made.share, side)[:, 0], getattr(made.r2, side)[0])
                for side in ("low", "high")
            )
            hits += (low <= true) & (true <= high)
        for name, count in zip((*NAMES, "r2"), hits.tolist(), strict=True):
            # a share of 0 cannot be undershot, and its interval starts there
            rows.append(
                {
                    "case": f"{case}_{name}",
                    "nominal": LEVEL,
                    "coverage": count / trials,
                    "trials": trials,
                    "conservative": name == "null",
                }
            )
    return rows


def rows(quick: bool = False) -> list[Row]:
    """All cases of importance."""
    return coverage_of_shares(QUICK if quick else TRIALS)
