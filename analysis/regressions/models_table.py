"""regression_models.csv: the main outcomes by every model, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.correlations import false_discovery
from analysis.regressions.design import partial_r2, standardise, variance_inflation
from analysis.regressions.models import MODELS, Answer, Material, Model
from analysis.regressions.pooled_rows import POOLED, pooled_rows
from analysis.regressions.table import chosen_factors, impossible
from analysis.scores import Score
from analysis.study import Group, Study
from metrics import Floats

MAIN = ("clean", "adversarial", "natural", "system")
CLEAN = "clean"
SEED = 2309
COLUMNS = [
    *("supernet", "outcome", "question", "model", "factor", "unit"),
    *("effect_pp", "effect_low", "effect_high", "factor_sd", "per_unit", "coefficient"),
    *("p", "partial_r2", "vif", "condition_number", "dispersion", "reliability"),
    *("n", "clusters", "images", "estimand", "conditional_on", "reason"),
]
Row = dict[str, object]


def models_table(study: Study) -> pd.DataFrame:
    """One row per supernet, main outcome, model and factor, or the reason why there is no number.

    `effect_pp` is in points per standard deviation of the factor, `per_unit` per unit of it,
    `coefficient` per standard deviation on both sides. `q` is adjusted within each model.
    `partial_r2`, `vif` and `condition_number` stand with least squares, whose they are.
    """
    rows: list[Row] = []
    for g, group in enumerate(study.groups):
        kept, _, few = chosen_factors(study, group)
        for o, score in enumerate(_main(study)):
            case = _case(study, group, score, (kept, few), (SEED, g, o))
            rows += _outcome_rows(study, group, score, case)
    for score in _main(study):
        rows += pooled_rows(study, score)
    table = pd.DataFrame(rows, columns=COLUMNS)
    units = {**study.factor_units, CLEAN: "percentage points"}
    table["unit"] = [units.get(name, "") for name in table["factor"]]
    q = np.full(len(table), np.nan)
    for name in [*MODELS, *POOLED]:
        own = (table["model"] == name).to_numpy()
        q[own] = false_discovery(table.loc[own, "p"].astype(float))
    table.insert(COLUMNS.index("p") + 1, "q", q)
    return table


def _main(study: Study) -> list[Score]:
    return [score for score in study.scores if score.outcome.name in MAIN]


@dataclass(frozen=True)
class _Case:
    """One outcome of one supernet, as the models get it.

    Attributes:
        factors: (n, F) factors as they are, of the names `kept`.
        why: Why no model can be fitted, "" if some can.
        own: Material for what needs no clean accuracy.
        held: Material of the images that clean accuracy has too.
        spread: Standard deviation of clean accuracy over the networks, in points.
    """

    factors: Floats
    kept: list[str]
    why: str
    own: Material
    held: Material
    spread: float


def _case(
    study: Study, group: Group, score: Score, chosen: tuple[list[str], str], seed: tuple[int, ...]
) -> _Case:
    kept, few = chosen
    scores = score.in_points[group.rows]
    why = impossible(scores, kept, few)
    factors = study.factors.iloc[group.rows][kept].to_numpy(dtype=float)
    own = Material(factors if why else standardise(factors), scores, group.units, None, seed)
    both = None if why else _clean(study, group, score)
    if both is None:
        return _Case(factors, kept, why, own, own, 1.0)
    held = replace(own, scores=both[0], clean=both[1])
    return _Case(factors, kept, why, own, held, both[2])


def _outcome_rows(study: Study, group: Group, score: Score, case: _Case) -> list[Row]:
    """Rows of one outcome of one supernet by all models of a single supernet."""
    rows: list[Row] = []
    for name, model in MODELS.items():
        if model.question != "all" and score.outcome.name == CLEAN:
            continue
        material = case.own if model.question == "all" else case.held
        common: Row = {
            **{"supernet": group.label, "outcome": score.outcome.name, "model": name},
            **{"question": model.question, "estimand": model.estimand},
            **{"n": len(group.rows), "clusters": group.n_units},
            **{"images": material.scores.shape[1], "conditional_on": group.conditional_on},
        }
        made = _model_rows(model, material, case)
        if name == "ols" and not case.why:
            facts = _collinearity(case.own.design, case.own.scores.mean(-1))
            made = [{**row, **fact} for row, fact in zip(made, facts, strict=True)]
        rows += [{**common, **row} for row in made]
    return rows


def _model_rows(model: Model, material: Material, case: _Case) -> list[Row]:
    """Cells of every factor of one model, or the reason why there is no number."""
    names, deviations = [], []
    if model.question != "all":
        names, deviations = [CLEAN], [case.spread]
    if model.question != "clean_alone":
        names = [*names, *case.kept]
        deviations += case.factors.std(0, ddof=1).tolist() if not case.why else []
    answer = case.why or model.fit(material)
    if isinstance(answer, str):
        return [{"factor": factor, "reason": answer} for factor in names]
    return _numbers(answer, names, deviations, float(material.scores.mean(-1).std(ddof=1)))


def _clean(study: Study, group: Group, score: Score) -> tuple[Floats, Floats, float] | None:
    """Outcome and clean contributions of the images both have, the latter in its spread."""
    clean = study.score(CLEAN)
    if clean is None:
        return None
    _, here, there = np.intersect1d(score.images, clean.images, return_indices=True)
    if len(here) < 4:
        return None
    measured = clean.in_points[group.rows][:, there]
    spread = float(measured.mean(-1).std(ddof=1))
    if spread <= 1e-8:
        return None
    return score.in_points[group.rows][:, here], measured / spread, spread


def _collinearity(design: Floats, outcome: Floats) -> list[Row]:
    """Per factor: partial R2, variance inflation, and the condition number of all."""
    vif, condition = variance_inflation(design)
    return [
        {"partial_r2": share, "vif": inflation, "condition_number": condition}
        for share, inflation in zip(partial_r2(design, outcome), vif, strict=True)
    ]


def _numbers(
    answer: Answer, names: Sequence[str], deviations: Sequence[float], spread: float
) -> list[Row]:
    """Cells of every factor of an answer."""
    return [
        {
            "factor": name,
            "effect_pp": answer.effects[i],
            "effect_low": answer.effects[i] - answer.reach[i],
            "effect_high": answer.effects[i] + answer.reach[i],
            "factor_sd": deviations[i],
            "per_unit": answer.effects[i] / deviations[i],
            "coefficient": answer.effects[i] / spread,
            "p": answer.p[i],
            "dispersion": answer.dispersion,
            "reliability": answer.reliability,
            "reason": "",
        }
        for i, name in enumerate(names)
    ]
