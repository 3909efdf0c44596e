"""importance.csv: how much of every outcome's variance each kind of choice accounts for."""

import numpy as np
import pandas as pd

from analysis.bootstrap import MIN_UNITS, Data
from analysis.importance.groups import FactorGroups, entanglement, group_factors
from analysis.importance.permutation import importance
from analysis.importance.share_intervals import DRAWS, Bounded, share_intervals
from analysis.regressions import standardise
from analysis.scores import Score
from analysis.study import Group, Study
from analysis.summary import HEADLINES

SEED = 1980  # of draws, folds and forests
LMG, PERMUTATION = METHODS = ("lmg", "permutation")
CONSTANT = "the outcome is the same for every network"
COLUMNS = [
    *("supernet", "outcome", "method", "group", "factors", "share", "low", "high"),
    *("r2_loss", "monte_carlo_error", "r2", "r2_low", "r2_high", "vif", "warning"),
    *("n", "units", "images", "conditional_on", "reason"),
]


def importance_table(study: Study, draws: int = DRAWS, seed: int = SEED) -> pd.DataFrame:
    """One row per supernet, outcome, method and group of factors; or the reason why not.

    `share` is in [0, 1] of the outcome's variance between networks: with method "lmg" the part of
    `r2` that is due to the group, with "permutation" half of `r2_loss`, the R2 lost on unseen
    networks when its columns are shuffled (headline outcomes alone). `warning` names what a group
    is mixed up with; shares of such groups say little of each of them.
    """
    rows: list[dict[str, object]] = []
    for position, group in enumerate(study.groups):
        groups = group_factors(study.factors.iloc[group.rows], group.n_units)
        for method in METHODS:
            rng = np.random.default_rng([seed, position])
            rows += _method_rows(study, group, groups, method, (draws, rng))
    return pd.DataFrame(rows, columns=COLUMNS)


def is_constant(score: Score, group: Group) -> bool:
    """Whether an outcome is the same for all networks of a group."""
    return float(np.ptp(score.in_points[group.rows].mean(-1))) <= 1e-8


def common_cells(group: Group, score: Score) -> dict[str, object]:
    """What all rows of one supernet and outcome say."""
    return {
        "supernet": group.label,
        "outcome": score.outcome.name,
        "n": len(group.rows),
        "units": group.n_units,
        "images": len(score.images),
        "conditional_on": group.conditional_on,
        "reason": "",
    }


def _method_rows(
    study: Study,
    group: Group,
    groups: FactorGroups,
    method: str,
    random: tuple[int, np.random.Generator],
) -> list[dict[str, object]]:
    """Rows of one method for one supernet."""
    asked = [s for s in study.scores if method == LMG or s.outcome.name in HEADLINES]
    needed = groups.needed if method == LMG else MIN_UNITS
    few = f"needs {needed} independent design units; has {group.n_units}"
    why = few if group.n_units < needed else CONSTANT
    possible = [s for s in asked if why is not few and groups.columns and not is_constant(s, group)]
    numbers = _numbers(_data(study, group, groups.flat, possible), groups, method, random)
    rows: list[dict[str, object]] = []
    for score in asked:
        cells = {**common_cells(group, score), "method": method, "warning": ""}
        for g, (name, factors) in enumerate(groups.columns.items()):
            told = numbers[possible.index(score)][g] if score in possible else {"reason": why}
            rows.append({**cells, "group": name, "factors": " ".join(factors), **told})
        rows += [
            {**cells, "group": g, "factors": "", "reason": r} for g, r in groups.dropped.items()
        ]
    return rows


def _data(study: Study, group: Group, names: list[str], scores: list[Score]) -> Data:
    """Standardised columns and outcomes of a group's networks, in points."""
    columns = study.factors.iloc[group.rows][names].to_numpy(dtype=float)
    return Data(
        standardise(columns).T if scores else columns.T,
        [score.in_points[group.rows] for score in scores],
        [score.images for score in scores],
        group.units,
    )


def _numbers(
    data: Data, groups: FactorGroups, method: str, random: tuple[int, np.random.Generator]
) -> list[list[dict[str, object]]]:
    """Cells of every outcome and group; empty without an outcome."""
    if not data.scores:
        return []
    draws, rng = random
    if method == LMG:
        shares = share_intervals(data, groups.sizes, rng, draws)
        share, r2, error = shares.share, shares.r2, shares.error
        loss = np.full_like(error, np.nan)
    else:
        lost = importance(data, groups.sizes, int(rng.integers(2**31)))
        share, r2, loss = lost.share, lost.r2, 2 * lost.share.value
        error = np.zeros_like(loss)
    inflation, words = entanglement(data.factors.T, groups)
    return [
        [
            {
                **_limits("share", share, (g, k)),
                "r2_loss": loss[g, k],
                "monte_carlo_error": error[g, k],
                **_limits("r2", r2, (k,)),
                "vif": inflation[g],
                "warning": words[g],
            }
            for g in range(len(words))
        ]
        for k in range(len(data.scores))
    ]


def _limits(name: str, bounded: Bounded, at: tuple[int, ...]) -> dict[str, object]:
    low, high = ("low", "high") if name == "share" else (f"{name}_low", f"{name}_high")
    return {
        name: float(bounded.value[at]),
        low: float(bounded.low[at]),
        high: float(bounded.high[at]),
    }
