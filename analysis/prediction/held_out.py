"""How well predictions do on design units that neither the model nor the interval has seen."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupKFold

from analysis.bootstrap import MIN_UNITS
from analysis.prediction.conformal import half_width, least_units, one_per_unit
from analysis.prediction.models import Fitted, Ints, Sample, fit
from metrics import LEVEL, Floats

FOLDS = 5
SHARE = 1 / 3  # of the units, for calibration


@dataclass(frozen=True)
class Calibrated:
    """A model and how far its predictions of unseen networks may be off.

    Attributes:
        model: Fitted to some of the units.
        half_width: (K,) percentage points, infinite where too few units are left to calibrate on.
        units: Calibration units.
    """

    model: Fitted
    half_width: Floats
    units: int


@dataclass(frozen=True)
class HeldOut:
    """Performance on unseen units, K outcomes; every unit counts once.

    Attributes:
        r2: (K,) R2 against the mean of the held-out networks; below 0 where that predicts better.
        error: (K,) mean absolute error in percentage points.
        half_width: (K,) mean over folds, in percentage points.
        hits: (K,) units whose random member lies within its interval.
        units: Units tried.
        calibration: Fewest calibration units of a fold.
        models: (K,) names of the chosen models, the most frequent first.
    """

    r2: Floats
    error: Floats
    half_width: Floats
    hits: Ints
    units: int
    calibration: int
    models: tuple[str, ...]


def needed(folds: bool) -> int:
    """Design units that an interval needs, or with `folds` that showing its coverage needs."""
    whole = least_units() + MIN_UNITS
    return -(-whole * FOLDS // (FOLDS - 1)) if folds else whole


def calibrate(
    sample: Sample, drawn: np.ndarray, rng: np.random.Generator, level: float = LEVEL
) -> Calibrated:
    """A model of some units, and the conformal half width from one member of each of the others.

    Args:
        sample: Networks.
        drawn: (n,) whether a network was drawn at random: the extremes of a space teach the model
            but are no example of networks to come.
        rng: Splits the units and chooses members.
        level: Of the intervals.
    """
    units = rng.permutation(np.unique(sample.units[drawn]))
    room = len(units) - MIN_UNITS
    wanted = max(least_units(level), int(SHARE * len(units)))
    kept = units[:wanted] if wanted <= room else units[:0]
    aside = np.isin(sample.units, kept)
    model = fit(sample.take(~aside), int(rng.integers(2**31)))
    if not len(kept):
        return Calibrated(model, np.full(sample.y.shape[1], np.inf), 0)
    rest = sample.take(aside & drawn)
    rest = rest.take(one_per_unit(rest.units, rng))
    missed = np.abs(model.predict(rest.x) - rest.y)
    return Calibrated(model, np.array([half_width(m, level) for m in missed.T]), len(rest.units))


def held_out(
    sample: Sample, drawn: np.ndarray, rng: np.random.Generator, level: float = LEVEL
) -> HeldOut:
    """Predictions of all units, left out a fifth at a time; model and interval from the others.

    Args:
        sample: At least `needed(folds=True)` units among the drawn networks.
        drawn: (n,) as in `calibrate`.
        rng: Of folds, splits and members.
        level: Of the intervals.
    """
    said, reach = np.zeros_like(sample.y), np.zeros_like(sample.y)
    folds = GroupKFold(FOLDS, shuffle=True, random_state=int(rng.integers(2**31)))
    made = []
    for train, test in folds.split(sample.x, groups=sample.units):
        made.append(calibrate(sample.take(train), drawn[train], rng, level))
        said[test] = made[-1].model.predict(sample.x[test])
        reach[test] = made[-1].half_width
    names = [[m.model.names[k] for m in made] for k in range(sample.y.shape[1])]
    tried = sample.take(drawn)
    one = one_per_unit(tried.units, rng)
    missed, weights = np.abs(said - sample.y)[drawn], tried.weights[:, None]
    centre = np.average(tried.y, axis=0, weights=weights[:, 0])
    return HeldOut(
        r2=1 - (weights * missed**2).sum(0) / (weights * (tried.y - centre) ** 2).sum(0),
        error=np.average(missed, axis=0, weights=weights[:, 0]),
        half_width=np.mean([m.half_width for m in made], axis=0),
        hits=(missed[one] <= reach[drawn][one]).sum(0).astype(np.intp),
        units=len(one),
        calibration=min(m.units for m in made),
        models=tuple(" ".join(sorted(set(n), key=lambda x: (-n.count(x), x))) for n in names),
    )
