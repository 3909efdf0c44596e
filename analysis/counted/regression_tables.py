"""regressions.csv of a counted file: every coefficient of the main-effects models."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.correlations import false_discovery
from analysis.counted.models import Model
from analysis.counted.terms import Term
from analysis.regressions import COLUMNS, RegressionTables, standardise, variance_inflation
from analysis.study import Study
from metrics import Floats

FURTHER = ("term", "level", "reference", "term_p")


def counted_regressions(study: Study, models: Sequence[Model]) -> RegressionTables:
    """Coefficients with HC3 intervals, q over the whole table.

    Beyond the columns that regressions on supernets have: `term` is the factor, `level` and
    `reference` are those of a categorical one, whose `per_unit` is the difference between the two
    in points; `term_p` tests all levels of the factor at once. `effect_pp` is per standard
    deviation of a number, and that same difference for a level. `reliability` is the least it can
    be: outcomes of one image can only spread less than coins of the same accuracy do.
    """
    rows: list[dict[str, object]] = []
    for model in models:
        for name in model.outcomes:
            common = {
                "supernet": model.group.label,
                "outcome": name,
                "n": len(model.design),
                "clusters": len(np.unique(model.units)),
                "conditional_on": model.group.conditional_on,
            }
            why = model.reasons.get(name, "")
            reasons = dict(model.terms.dropped)
            if why:
                reasons = {**dict.fromkeys(model.terms.columns, why), **reasons}
            else:
                rows += [{**common, **cells} for cells in _coefficients(study, model, name)]
            rows += [{**common, "factor": f, "reason": text} for f, text in reasons.items()]
    table = pd.DataFrame(rows, columns=[*COLUMNS, *FURTHER])
    table["unit"] = table["factor"].map(lambda name: study.factor_units.get(name, ""))
    table.insert(COLUMNS.index("p") + 1, "q", false_discovery(table["p"].astype(float)))
    for name in FURTHER[:3]:
        table[name] = table[name].astype(object).fillna("")
    return RegressionTables(table, ())


def _coefficients(study: Study, model: Model, name: str) -> list[dict[str, object]]:
    """Cells of every coefficient of one fit."""
    fit, spread = model.fits[name], float(model.outcomes[name].std(ddof=1))
    deviations = model.design.std(0, ddof=1)
    vif, condition = variance_inflation(standardise(model.design))
    shared = {
        "r2": fit.r2,
        "reliability": least_reliability(study, model, name),
        "condition_number": condition,
        "reason": "",
    }
    rows: list[dict[str, object]] = []
    for term, level, k in _places(model.terms.terms):
        value, reach, deviation = fit.effects[k], fit.reach[k], float(deviations[k])
        limits = (value - reach, value, value + reach)
        rows.append(
            {
                **_scaled(("low", "coefficient", "high"), limits, deviation / spread),
                **_scaled(
                    ("effect_low", "effect_pp", "effect_high"), limits, 1 if level else deviation
                ),
                **_scaled(("per_unit_low", "per_unit", "per_unit_high"), limits, 1),
                "factor": model.terms.columns[k],
                "factor_sd": deviation,
                "se_networks": fit.error[k],
                "p": fit.p[k],
                "vif": vif[k],
                "term": term.name,
                "level": level,
                "reference": term.reference,
                "term_p": fit.joint_p(positions(model.terms.terms, term.name)),
                **shared,
            }
        )
    return rows


def positions(terms: Sequence[Term], name: str) -> list[int]:
    """Places of a term's columns among all."""
    return [k for term, _, k in _places(terms) if term.name == name]


def _places(terms: Sequence[Term]) -> list[tuple[Term, str, int]]:
    """(term, level, place) of every column."""
    pairs = [(t, level) for t in terms for level in (t.levels or ("",))]
    return [(term, level, k) for k, (term, level) in enumerate(pairs)]


def _scaled(names: Sequence[str], values: Sequence[float], by: float) -> dict[str, object]:
    return {name: float(value * by) for name, value in zip(names, values, strict=True)}


def least_reliability(study: Study, model: Model, name: str) -> float:
    """Share of the variance between networks that other images would show too, at the least.

    One minus the mean of p (1 - p) over images and over the variance between networks: outcomes of
    single images have unequal chances, and then spread less (as for the interval of a mean over
    conditions). NaN where the number of images is not known.
    """
    score = study.score(name)
    assert score is not None  # a model has outcomes that were scored
    if not np.isfinite(score.estimate.low).all():
        return float("nan")
    images = study.counts[0][:, list(score.outcome.columns)].min(1)[model.group.rows]
    shares: Floats = model.outcomes[name] / 100
    noise = float((shares * (1 - shares) / images[model.terms.rows]).mean())
    return float(max(0.0, 1 - noise / float(shares.var(ddof=1))))
