"""Correlations between factors and outcomes, and between outcomes, per supernet.

**Estimand.** The Pearson or Spearman correlation, over networks drawn as this study drew them
(all of its designs and the extremes together), between a factor and the accuracy a network
has with these supernet weights, as measured on this many images. The interval covers another draw
of networks (whole design units) and of images from the same source; it does not cover another
training of the supernet. Measurement noise pulls correlations towards 0; they are not corrected
for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from analysis.bootstrap import METHODS, MIN_UNITS, Correlations, Data, correlate
from analysis.study import Group, Study
from metrics import Floats

DRAWS = 1000
SEED = 2109  # of the bootstrap draws
NOT_A_FACTOR = "not a factor of this supernet"
TOO_FEW = f"fewer than {MIN_UNITS} independent design units"
UNSTABLE = "varies in too few networks: constant in more than one bootstrap draw in twenty"


@dataclass(frozen=True)
class CorrelationTables:
    """Long tables, one row per correlation.

    Attributes:
        factors: supernet, factor, outcome, method, estimate, low, high, p, q, n, units, images,
            conditional_on, reason. Without an estimate, `reason` says why. q is the
            Benjamini-Hochberg adjusted p over the whole table.
        outcomes: supernet, outcome, other, method, estimate, low, high, n, units, reason; both
            orders and the diagonal are there.
    """

    factors: pd.DataFrame
    outcomes: pd.DataFrame


def correlation_tables(study: Study, draws: int = DRAWS, seed: int = SEED) -> CorrelationTables:
    """Correlations of every factor with every outcome, and among outcomes, for every supernet."""
    factor_rows: list[dict[str, object]] = []
    outcome_rows: list[dict[str, object]] = []
    for position, group in enumerate(study.groups):
        rng = np.random.default_rng([seed, position])
        with_factors, between = _group_rows(study, group, draws, rng)
        factor_rows += with_factors
        outcome_rows += between
    factors = pd.DataFrame(factor_rows, columns=_COLUMNS)
    factors.insert(_COLUMNS.index("p") + 1, "q", false_discovery(factors["p"]))
    return CorrelationTables(factors, pd.DataFrame(outcome_rows, columns=_BETWEEN))


_COLUMNS = [
    *("supernet", "factor", "outcome", "method", "estimate", "low", "high", "p"),
    *("n", "units", "images", "conditional_on", "reason"),
]
_BETWEEN = [
    *("supernet", "outcome", "other", "method", "estimate", "low", "high"),
    *("n", "units", "reason"),
]


def false_discovery(p: "pd.Series[float]") -> Floats:
    """Benjamini-Hochberg (1995) adjusted p values; NaN stays NaN and does not count as a test."""
    values = p.to_numpy(dtype=float)
    known = np.isfinite(values)
    q = np.full(len(values), np.nan)
    if known.any():
        q[known] = stats.false_discovery_control(values[known], method="bh")
    return q


def unusable_factors(factors: pd.DataFrame) -> dict[str, str]:
    """Factor name to the reason why nothing can be related to it within these networks.

    Args:
        factors: (n, F) values of one group.
    """
    reasons = {}
    for name in map(str, factors.columns):
        values = factors[name].to_numpy(dtype=float)
        undefined = int(np.isnan(values).sum())
        whole, stage, _ = name.partition("_stage")
        if undefined == len(values):
            reasons[name] = NOT_A_FACTOR
        elif undefined:
            reasons[name] = f"undefined for {undefined} of {len(values)} networks"
        elif np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())):
            reasons[name] = f"constant: {values[0]:g} in every network"
        elif stage and whole in factors and np.array_equal(values, factors[whole]):
            reasons[name] = f"the same as {whole}, of the only stage"
    return reasons


def _group_rows(
    study: Study, group: Group, draws: int, rng: np.random.Generator
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Rows of both tables for one supernet."""
    factors = study.factors.iloc[group.rows]
    reasons = unusable_factors(factors)
    usable = [str(name) for name in factors.columns if name not in reasons]
    names = [outcome.name for outcome in study.outcomes]
    if not names:
        return [], []
    data = Data(
        factors[usable].to_numpy(dtype=float).T.reshape(len(usable), len(group.rows)),
        [score.per_image[group.rows] for score in study.scores],
        [score.images for score in study.scores],
        group.units,
    )
    enough = group.n_units >= MIN_UNITS
    found = correlate(data, draws, rng) if enough else {}
    own = {"supernet": group.label, "n": len(group.rows), "units": group.n_units}
    with_factors, between = [], []
    for o, score in enumerate(study.scores):
        constant = _constant(data.scores[o].mean(-1))
        shared = {**own, "images": len(score.images), "conditional_on": group.conditional_on}
        for factor in map(str, factors.columns):
            why = reasons.get(factor) or constant
            where = (o, usable.index(factor)) if factor in usable else None
            for cells in _cells(found, where, why):
                with_factors.append({**shared, "factor": factor, "outcome": names[o], **cells})
        for other, name in enumerate(names):
            why = constant or _constant(data.scores[other].mean(-1))
            for cells in _cells(found, (o, len(usable) + other), why):
                between.append({**own, "outcome": names[o], "other": name, **cells})
    return with_factors, between


def _constant(values: Floats) -> str:
    """Why an outcome cannot be correlated, "" if it can."""
    return "the outcome is the same for every network" if np.ptp(values) <= 1e-10 else ""


def _cells(
    found: dict[str, Correlations], where: tuple[int, int] | None, why: str
) -> Sequence[dict[str, object]]:
    """Per method: estimate, interval, p and the reason why there is none."""
    rows: list[dict[str, object]] = []
    for method in METHODS:
        reason = why or ("" if found else TOO_FEW)
        numbers: tuple[float, ...] = (np.nan,) * 4
        if not reason and where is not None:
            r = found[method]
            numbers = tuple(float(a[where]) for a in (r.estimate, r.low, r.high, r.p))
            if not np.isfinite(numbers).all():
                reason, numbers = UNSTABLE, (np.nan,) * 4
        keys = ("estimate", "low", "high", "p")
        rows.append({"method": method, **dict(zip(keys, numbers, strict=True)), "reason": reason})
    return rows
