"""Tables of correlations of a counted file, of the same form as those of supernets."""

from itertools import combinations

import numpy as np
import pandas as pd

from analysis.bootstrap import MIN_UNITS
from analysis.correlations import false_discovery
from analysis.correlations.cells import COUNTS
from analysis.correlations.table import (
    BETWEEN,
    BETWEEN_METHODS,
    COLUMNS,
    CONSTANT,
    TOO_FEW,
    CorrelationTables,
)
from analysis.counted.correlations import Interval, Variable, correlate
from analysis.counted.terms import unusable
from analysis.study import Group, Study
from metrics import Floats

_NUMBERS = ("estimate", "low", "high", "p")
_PLAIN = {"given": "", "true_reason": COUNTS}


def counted_correlations(study: Study) -> CorrelationTables:
    """Correlations of every factor with every outcome, and among outcomes, for every group.

    `images` is empty: they are not drawn again, see `correlations`.
    """
    with_factors: list[dict[str, object]] = []
    between: list[dict[str, object]] = []
    for group in study.groups:
        factors = study.factors.iloc[group.rows]
        reasons = unusable(factors)
        outcomes = {s.outcome.name: s.estimate.value[group.rows] for s in study.scores}
        told = {name: spread_reason(values) for name, values in outcomes.items()}
        ready = {name: Variable(v) for name, v in outcomes.items() if not told[name]}
        own: dict[str, object] = {
            "supernet": group.label,
            "n": len(group.rows),
            "units": group.n_units,
            "conditional_on": group.conditional_on,
            **_PLAIN,
        }
        for factor in map(str, factors.columns):
            x = None if factor in reasons else Variable(factors[factor].to_numpy(dtype=float))
            for name in outcomes:
                cells = _cells(x, ready.get(name), group, reasons.get(factor) or told[name])
                with_factors += [{**own, "factor": factor, "outcome": name, **c} for c in cells]
        for name, other in combinations(outcomes, 2):
            cells = _cells(ready.get(name), ready.get(other), group, told[name] or told[other])
            between += [{**own, "outcome": name, "other": other, **c} for c in cells]
    families = {score.outcome.name: score.outcome.family for score in study.scores}
    factors = pd.DataFrame(with_factors, columns=COLUMNS).assign(level="outcome")
    factors["family"] = factors["outcome"].map(families)
    return CorrelationTables(_judged(factors), _judged(pd.DataFrame(between, columns=BETWEEN)))


def _judged(table: pd.DataFrame) -> pd.DataFrame:
    """A table with q after p, over the whole of it."""
    table.insert(list(table).index("p") + 1, "q", false_discovery(table["p"].astype(float)))
    return table


def spread_reason(values: Floats) -> str:
    """Why an outcome of n networks cannot be related to anything, "" if it can."""
    return CONSTANT if float(np.ptp(values)) <= 1e-10 else ""


def _cells(
    x: Variable | None, y: Variable | None, group: Group, why: str
) -> list[dict[str, object]]:
    """Per method: estimate, interval, p and the reason why there is none."""
    why = why or ("" if group.n_units >= MIN_UNITS else TOO_FEW)
    found: dict[str, Interval] = {}
    if not why and x is not None and y is not None:
        found = correlate(x, y, group.units)
    return [
        {
            "method": method,
            **{k: getattr(found[method], k) if found else np.nan for k in _NUMBERS},
            "reason": why,
        }
        for method in BETWEEN_METHODS
    ]
