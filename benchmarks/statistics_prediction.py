"""Do intervals of predicted networks hold what they promise? Simulation with the truth known.

Each trial makes a campaign of design units, singles and cubes of eight that share an effect of
their own, fits ridge to some units, calibrates on the others and asks whether the measured outcome
of a random member of a new unit lies within.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from analysis.prediction.conformal import half_width, one_per_unit
from benchmarks.statistics_pairs import Row
from metrics import LEVEL, Floats

TRIALS, QUICK = 4000, 300
NEW = 200  # new units tried per campaign, one member of each


@dataclass(frozen=True)
class Setting:
    """What is simulated.

    Attributes:
        fitted: Units that the model learns from.
        calibration: Units of the interval.
        cubes: Share of the units that are cubes.
        shared: Standard deviation of what a unit has in common; that of luck is 1.
        heavy: Whether luck has the heavy tails of Student's t with 3 degrees of freedom.
        curved: Whether the outcome bends, which the model does not know.
    """

    fitted: int
    calibration: int
    cubes: float = 0.2
    shared: float = 1.0
    heavy: bool = False
    curved: bool = False


CASES = {
    "19_units": (Setting(40, 19), False),
    "84_units": (Setting(168, 84), False),
    "only_cubes": (Setting(40, 39, cubes=1.0), False),
    "heavy_tails": (Setting(80, 59, heavy=True), False),
    "wrong_model": (Setting(80, 59, curved=True), False),
    # the rank is rounded up: 0.95 * 31 = 29.45 makes 30 of 31, 96.8 %
    "30_units": (Setting(40, 30), True),
}
"""Case to what is simulated, and whether the interval is known to err on the safe side there."""

SLOPES = np.array([2.0, -1.0, 0.5, 0.0])


def simulate(
    setting: Setting, units: int, rng: np.random.Generator
) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """(n, 4) features, (n,) outcomes and (n,) units of one draw of units."""
    sizes = np.where(rng.random(units) < setting.cubes, 8, 1)
    of = np.repeat(np.arange(units, dtype=np.intp), sizes)
    x = (rng.normal(size=(units, 4))[of] + rng.normal(size=(len(of), 4))) / np.sqrt(2)
    luck = rng.standard_t(3, len(of)) if setting.heavy else rng.normal(size=len(of))
    y = x @ SLOPES + setting.shared * rng.normal(size=units)[of] + luck
    return x, y + setting.curved * x[:, 0] ** 2, of


def covered(setting: Setting, rng: np.random.Generator) -> float:
    """Share of new units covered by the interval of one campaign."""
    x, y, _ = simulate(setting, setting.fitted, rng)
    model = Ridge(1.0).fit(x, y)
    missed = []
    for units in (setting.calibration, NEW):
        x, y, of = simulate(setting, units, rng)
        kept = one_per_unit(of, rng)
        missed.append(np.abs(y[kept] - model.predict(x[kept])))
    return float((missed[1] <= half_width(missed[0])).mean())


def coverage_of_predictions(trials: int, seed: int = 0) -> list[Row]:
    """Share of new networks within their 95 % interval over campaigns, for every case."""
    rows: list[Row] = []
    for number, (case, (setting, conservative)) in enumerate(CASES.items()):
        rng = np.random.default_rng([seed, number])
        share = float(np.mean([covered(setting, rng) for _ in range(trials)]))
        rows.append(
            {
                "case": case,
                "nominal": LEVEL,
                "coverage": share,
                "trials": trials,
                "conservative": conservative,
            }
        )
    return rows


def rows(quick: bool = False) -> list[Row]:
    """All cases of predicted networks."""
    return coverage_of_predictions(QUICK if quick else TRIALS)
