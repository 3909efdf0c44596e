"""stages.csv: what one standard deviation of each factor does in each stage, all others held.

One regression per supernet and outcome on the factors of every stage at once (and on those that
belong to the whole network: resolution, stem kernel), standardised. Intervals as in
`claims.contrasts.regress`: networks clustered by design unit, and images.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.claims.contrasts import Fitted, regress
from analysis.correlations import false_discovery, unusable_factors
from analysis.importance.table import CONSTANT, common_cells, is_constant
from analysis.regressions import DESIGN_FACTORS, standardise
from analysis.scores import Score
from analysis.study import Group, Study
from metrics import Floats

COLLINEAR = 1e-8  # share of its variance that a factor must have to itself
PER_COEFFICIENT = 3  # design units
COLUMNS = [
    *("supernet", "outcome", "factor", "kind", "stage", "effect_pp", "low", "high", "p"),
    *("factor_sd", "r2", "n", "units", "images", "conditional_on", "reason"),
]


@dataclass(frozen=True)
class StageDesign:
    """Factors of one supernet's networks, standardised.

    Attributes:
        names: F factors; those of a stage end in "_stageS".
        values: (n, F) mean 0 and standard deviation 1.
        deviations: (F,) standard deviations in the factors' own units.
        dropped: Names of the factors that depend on those before them.
    """

    names: tuple[str, ...]
    values: Floats
    deviations: Floats
    dropped: tuple[str, ...]


def stage_of(name: str) -> tuple[str, int]:
    """Kind and stage of a factor, 0 for one of the whole network."""
    kind, _, stage = name.partition("_stage")
    return kind, int(stage) if stage.isdigit() else 0


def stage_design(study: Study, group: Group) -> StageDesign | str:
    """Independent factors per stage, or in words why there are none."""
    factors = study.factors.iloc[group.rows]
    unusable = unusable_factors(factors)
    wanted = []
    for kind in (name for name in DESIGN_FACTORS if name in factors):
        stages = [str(c) for c in factors if str(c).startswith(f"{kind}_stage")]
        known = [c for c in sorted(stages, key=stage_of) if c not in unusable]
        # a stage that some networks lack has no factor that all have
        partial = any(unusable.get(c, "").startswith("undefined") for c in stages)
        whole = [] if kind in unusable else [kind]
        wanted += known if known and not (partial and whole) else whole
    if not wanted:
        return "no factor varies between its networks"
    values = standardise(factors[wanted].to_numpy(dtype=float))
    kept = independent(values)
    needed = PER_COEFFICIENT * (len(kept) + 1)
    if group.n_units < needed:
        return f"needs {needed} independent design units; has {group.n_units}"
    names = [wanted[k] for k in kept]
    deviations = factors[names].std(ddof=1).to_numpy(dtype=float)
    rest = tuple(name for name in wanted if name not in names)
    return StageDesign(tuple(names), values[:, kept], deviations, rest)


def independent(values: Floats) -> list[int]:
    """Positions of the columns that are no combination of the ones before them.

    Args:
        values: (n, F) standardised columns.
    """
    kept: list[int] = []
    for place in range(values.shape[1]):
        column, before = values[:, place], values[:, kept]
        left = column - before @ np.linalg.lstsq(before, column, rcond=None)[0] if kept else column
        if float(left @ left) > COLLINEAR * float(column @ column):
            kept.append(place)
    return kept


def stages_table(study: Study) -> pd.DataFrame:
    """One row per supernet, outcome and factor of a stage, or the reason why there is none.

    `effect_pp` is in percentage points per standard deviation of the factor (`factor_sd`), all
    other factors held; stage 0 is the whole network. q is the Benjamini-Hochberg adjusted p over
    the whole table.
    """
    rows: list[dict[str, object]] = []
    for group in study.groups:
        design = stage_design(study, group)
        for score in study.scores:
            rows += _rows(group, score, design)
    table = pd.DataFrame(rows, columns=COLUMNS)
    table.insert(COLUMNS.index("p") + 1, "q", false_discovery(table["p"].astype(float)))
    return table


def _rows(group: Group, score: Score, design: StageDesign | str) -> Iterator[dict[str, object]]:
    """Rows of one outcome of one supernet."""
    common = common_cells(group, score)
    if isinstance(design, str) or is_constant(score, group):
        yield {**common, "reason": design if isinstance(design, str) else CONSTANT}
        return
    points = score.in_points[group.rows]
    fit = regress(design.values, points, group.units)
    share = _explained(fit, design.values, points)
    for place, name in enumerate(design.names):
        made = fit.contrast(np.eye(len(design.names))[place])
        kind, stage = stage_of(name)
        limits = made.interval()
        yield {
            **common,
            **{"factor": name, "kind": kind, "stage": stage, "effect_pp": limits.value},
            **{"low": limits.low, "high": limits.high, "p": limits.p},
            **{"factor_sd": design.deviations[place], "r2": share},
        }
    for name in design.dropped:
        kind, stage = stage_of(name)
        why = "determined by the factors before it"
        yield {**common, "factor": name, "kind": kind, "stage": stage, "reason": why}


def _explained(fit: Fitted, values: Floats, points: Floats) -> float:
    """R2: share of the variance between networks that the factors explain."""
    outcome = points.mean(1)
    return float((values @ fit.effects).var() / outcome.var())
