"""regressions.csv: least squares of every outcome on the design factors of every supernet."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.correlations import false_discovery
from analysis.regressions.design import (
    DESIGN_FACTORS,
    independent_factors,
    standardise,
    unusable,
    variance_inflation,
)
from analysis.regressions.ordinary import Fit, fit_outcome, reliability
from analysis.study import Group, Study
from metrics import Floats

COLUMNS = [
    *("supernet", "outcome", "factor", "unit", "coefficient", "low", "high"),
    *("effect_pp", "effect_low", "effect_high", "factor_sd", "per_unit", "per_unit_low"),
    *("per_unit_high", "se_networks", "se_images", "p", "vif", "r2", "reliability", "n"),
    *("clusters", "images", "condition_number", "conditional_on", "reason"),
]


@dataclass(frozen=True)
class Regression:
    """The fit of one outcome over the networks of one supernet."""

    supernet: str
    outcome: str
    factors: tuple[str, ...]
    fit: Fit


@dataclass(frozen=True)
class RegressionTables:
    """All regressions, as a table and as fits.

    Attributes:
        table: One row per supernet, outcome and factor: `coefficient` is standardised on both
            sides, `effect_pp` is in percentage points per standard deviation of the factor,
            `per_unit` per unit of it. Without numbers, `reason` says why. `reliability` is empty
            for a deviation, which is no mean over images.
        fits: The fits that could be made.
    """

    table: pd.DataFrame
    fits: tuple[Regression, ...]


def regression_tables(study: Study) -> RegressionTables:
    """Regressions of every outcome for every supernet, with q values over the whole table."""
    rows: list[dict[str, object]] = []
    fits: list[Regression] = []
    for group in study.groups:
        kept, dropped, few = chosen_factors(study, group)
        for score in study.scores:
            name = score.outcome.name
            scores = score.in_points[group.rows]
            why = impossible(scores, kept, few)
            common = {
                "supernet": group.label,
                "outcome": name,
                "n": len(group.rows),
                "clusters": group.n_units,
                "images": len(score.images),
                "conditional_on": group.conditional_on,
            }
            if not why:
                design = standardise(study.factors.iloc[group.rows][kept].to_numpy(dtype=float))
                fit = fit_outcome(design, scores, group.units)
                fits.append(Regression(group.label, name, tuple(kept), fit))
                rows += _fit_rows(study, group, fits[-1], design, common)
            reasons = dropped if not why else {**dict.fromkeys(kept, why), **dropped}
            rows += [{**common, "factor": f, "reason": text} for f, text in reasons.items()]
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["unit"] = table["factor"].map(lambda name: study.factor_units.get(name, ""))
    table.insert(COLUMNS.index("p") + 1, "q", false_discovery(table["p"].astype(float)))
    return RegressionTables(table, tuple(fits))


def chosen_factors(study: Study, group: Group) -> tuple[list[str], dict[str, str], str]:
    """Factors to regress on, those dropped with the reason, and whether networks are too few."""
    factors = study.factors.iloc[group.rows]
    present = [name for name in DESIGN_FACTORS if name in factors.columns]
    reasons = unusable(factors[present])
    varied = [name for name in present if name not in reasons]
    needed = 3 * (len(varied) + 1)
    if group.n_units < needed:
        # too few networks would also make factors look like combinations of each other
        few = f"needs {needed} independent design units; has {group.n_units}"
        return varied, reasons, few
    return *independent_factors(factors), ""


def impossible(scores: Floats, kept: list[str], few: str) -> str:
    """Why the regression cannot be made, "" if it can."""
    if few or not kept:
        return few or "no design factor varies"
    if float(np.ptp(scores.mean(-1))) <= 1e-8:
        return "the outcome is the same for every network"
    return ""


def _fit_rows(
    study: Study, group: Group, made: Regression, design: Floats, common: dict[str, object]
) -> list[dict[str, object]]:
    """One table row per factor of a fit."""
    fit = made.fit
    score = study.score(made.outcome)
    assert score is not None  # a fit comes from a score
    spread = float(score.in_points[group.rows].mean(-1).std(ddof=1))
    vif, condition = variance_inflation(design)
    rows: list[dict[str, object]] = []
    share = (
        np.nan if score.outcome.kind == "deviation" else reliability(score.in_points[group.rows])
    )
    for i, name in enumerate(made.factors):
        deviation = float(study.factors.iloc[group.rows][name].std(ddof=1))
        effect, reach = fit.effects[i], fit.reach[i]
        low, high = effect - reach, effect + reach
        row: dict[str, object] = {
            "factor": name,
            "coefficient": effect / spread,
            "low": low / spread,
            "high": high / spread,
            "effect_pp": effect,
            "effect_low": low,
            "effect_high": high,
            "factor_sd": deviation,
            "per_unit": effect / deviation,
            "per_unit_low": low / deviation,
            "per_unit_high": high / deviation,
            "se_networks": float(np.sqrt(fit.networks[i, i])),
            "se_images": float(np.sqrt(fit.images[i, i])),
            "p": fit.p[i],
            "vif": vif[i],
            "r2": fit.r2,
            "reliability": share,
            "condition_number": condition,
            "reason": "",
        }
        rows.append({**common, **row})
    return rows
