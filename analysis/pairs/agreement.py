"""pairs_regression.csv: matched pairs against what the regression says of the same factor."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.genes import read_genes
from analysis.importance.table import common_cells
from analysis.pairs.contrasts import MATCHED, Contrasts, find_contrasts
from analysis.pairs.crossed import Effect, crossed_ratio
from analysis.regressions import RegressionTables
from analysis.scores import Score
from analysis.study import Group, Study
from metrics import Floats

COLUMNS = [
    *("supernet", "outcome", "factor", "unit"),
    *("pairs_per_unit", "pairs_low", "pairs_high", "pairs", "units"),
    *("regression_per_unit", "regression_low", "regression_high", "n"),
    *("verdict", "conditional_on", "reason"),
]
AGREE, CONTRADICT = "agree", "contradict"


def agreement_table(study: Study, regressions: RegressionTables) -> pd.DataFrame:
    """One row per supernet, outcome and factor that both can speak of, or the reason why not.

    Both effects are in percentage points per unit of the whole network's factor, with 95 %
    intervals: of the pairs the mean difference of the outcome over the mean difference of the
    factor. `verdict` is "contradict" where the intervals do not overlap: then the effect depends on
    where in the network, or beside what, the gene is changed, or the linear model is wrong.
    """
    rows: list[dict[str, object]] = []
    for group in study.groups:
        genes = read_genes(study, group)
        if isinstance(genes, str):
            continue  # pairs.csv says why
        design = study.networks["design"].to_numpy(dtype=str)[group.rows].tolist()
        pairs = find_contrasts(genes, group.units, design)[MATCHED]
        factors = study.factors.iloc[group.rows]
        for score in study.scores:
            table = regressions.table
            own = (table["supernet"] == group.label) & (table["outcome"] == score.outcome.name)
            for told in table[own & (table["reason"] == "")].to_dict("records"):
                values = factors[str(told["factor"])].to_numpy(dtype=float)
                made = _of_pairs(group, score, pairs, str(told["factor"]), values)
                rows.append({**common_cells(group, score), **_cells(told, made)})
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_pairs(
    group: Group, score: Score, pairs: Contrasts, factor: str, values: Floats
) -> tuple[int, Effect | str]:
    """Number of pairs that change a factor through its own genes, and their effect per unit."""
    own = np.array([kind.replace(".", "_") == factor for kind in pairs.kind], bool)
    moved = values[pairs.high] - values[pairs.low]
    rows = np.flatnonzero(own & np.isfinite(moved) & (moved != 0))
    points = score.in_points[group.rows]
    difference = points[pairs.high[rows]] - points[pairs.low[rows]]
    return len(rows), crossed_ratio(difference, moved[rows], group.units[pairs.low[rows]])


def _cells(told: Mapping[Any, Any], made: tuple[int, Effect | str]) -> dict[str, object]:
    """Both effects and whether they contradict each other."""
    count, effect = made
    low, high = float(told["per_unit_low"]), float(told["per_unit_high"])
    cells = {
        "factor": told["factor"],
        "unit": told["unit"],
        "pairs": count,
        "regression_per_unit": told["per_unit"],
        "regression_low": low,
        "regression_high": high,
        "verdict": "",
    }
    if isinstance(effect, str):
        return {**cells, "reason": effect}
    apart = effect.low > high or effect.high < low
    return {
        **cells,
        "pairs_per_unit": effect.estimate,
        "pairs_low": effect.low,
        "pairs_high": effect.high,
        "units": effect.units,
        "verdict": CONTRADICT if apart else AGREE,
    }
