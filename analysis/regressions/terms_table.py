"""regression_terms.csv: which effects bend, and which depend on another factor."""

from itertools import combinations

import numpy as np
import pandas as pd

from analysis.correlations import false_discovery
from analysis.regressions.crossed import Crossed
from analysis.regressions.design import standardise
from analysis.regressions.models_table import MAIN
from analysis.regressions.table import chosen_factors, impossible
from analysis.regressions.terms import fit_curve, fit_product
from analysis.scores import Score
from analysis.study import Group, Study

CURVE, PRODUCT = "curve", "interaction"
ESTIMANDS = {
    CURVE: "prediction half-way between the factor's extremes less the mean of those at them",
    PRODUCT: "change of the one effect per SD of the other factor",
}
COLUMNS = [
    *("supernet", "outcome", "term", "factor", "other"),
    *("effect_pp", "effect_low", "effect_high", "p"),
    *("n", "clusters", "images", "estimand", "conditional_on", "reason"),
]
Row = dict[str, object]


def terms_table(study: Study) -> pd.DataFrame:
    """One row per supernet, main outcome, and factor (`curve`) or pair of factors (`interaction`).

    Each is added alone to the linear model of all factors. `p` of a curve is that of a joint test
    that the effect is a straight line; `q` is adjusted over the whole table.
    """
    rows: list[Row] = []
    for group in study.groups:
        kept, _, few = chosen_factors(study, group)
        for score in study.scores:
            if score.outcome.name in MAIN:
                rows += _outcome_rows(study, group, score, kept, few)
    table = pd.DataFrame(rows, columns=COLUMNS)
    q = false_discovery(table["p"].astype(float))
    table.insert(COLUMNS.index("p") + 1, "q", q)
    return table


def _outcome_rows(study: Study, group: Group, score: Score, kept: list[str], few: str) -> list[Row]:
    """Rows of one outcome of one supernet."""
    scores = score.in_points[group.rows]
    common: Row = {
        **{"supernet": group.label, "outcome": score.outcome.name, "n": len(group.rows)},
        **{"clusters": group.n_units, "images": len(score.images)},
        "conditional_on": group.conditional_on,
    }
    why = impossible(scores, kept, few)
    factors = study.factors.iloc[group.rows][kept].to_numpy(dtype=float)
    design = factors if why else standardise(factors)
    rows: list[Row] = []
    for i, name in enumerate(kept):
        curve = why or fit_curve(design, scores, group.units, i)
        cells = {"reason": curve} if isinstance(curve, str) else _cells(*curve)
        own = {"term": CURVE, "factor": name, "other": "", "estimand": ESTIMANDS[CURVE]}
        rows.append({**common, **own, **cells})
    for pair in combinations(range(len(kept)), 2):
        made = why or fit_product(design, scores, group.units, pair)
        cells = {"reason": made} if isinstance(made, str) else _cells(made, float(made.p[0]))
        own = {"term": PRODUCT, "factor": kept[pair[0]], "other": kept[pair[1]]}
        rows.append({**common, **own, "estimand": ESTIMANDS[PRODUCT], **cells})
    return rows


def _cells(made: Crossed, p: float) -> Row:
    """Effect, interval and p of one term."""
    effect, reach = float(made.estimate[0]), float(made.reach[0])
    low, high = effect - reach, effect + reach
    return {"effect_pp": effect, "effect_low": low, "effect_high": high, "p": p, "reason": ""}


def clear(table: pd.DataFrame) -> "pd.Series[bool]":
    """Which rows have q below 0.05; those without a number have not."""
    return table["q"].astype(float).lt(0.05) & np.isfinite(table["q"].astype(float))
