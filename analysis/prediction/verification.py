"""Predicted against measured: networks of a forecast that were evaluated afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from analysis.prediction.conformal import clopper_pearson
from analysis.study import Study
from metrics import Floats

COLUMNS = [
    *("outcome", "networks", "n", "within", "within_low", "within_high", "error", "bias"),
    *("spearman", "reason"),
]
KINDS = {
    "random": "drawn at random: what the intervals promise",
    "front": "chosen for their prediction: outside of the promise",
}
"""Kind of network in a forecast's file to what its comparison says."""


@dataclass(frozen=True)
class Predicted:
    """One outcome of n networks, predicted with limits, in percentage points; NaN without."""

    value: Floats
    low: Floats
    high: Floats


def verify(table: pd.DataFrame, study: Study, supernet: str) -> pd.DataFrame:
    """One row per outcome and kind of network: how far predictions were off.

    `within` is the share of networks measured within their intervals, `error` the mean absolute
    and `bias` the mean difference, measured less predicted, in percentage points.

    Args:
        table: A forecast's CSV: columns id, evaluate and NAME, NAME_low, NAME_high per outcome.
        study: Holds networks of it that were evaluated.
        supernet: Label of the group they belong to.

    Raises:
        ValueError: None of the networks was evaluated with that supernet's weights.
    """
    group = next((g for g in study.groups if g.label == supernet), None)
    ids = [] if group is None else study.networks["id"].iloc[group.rows].tolist()
    row = {} if group is None else dict(zip(ids, group.rows.tolist(), strict=True))
    found = table[table["id"].isin(list(row))]
    if not len(found):
        raise ValueError(
            f"predict.verify must hold networks of the forecast, evaluated with the weights of "
            f"supernet {supernet}; got none. Evaluate those of verify.json."
        )
    rows = []
    for score in study.scores:
        name = score.outcome.name
        if name in table:
            measured = score.in_points.mean(-1)
            for kind in KINDS:
                part = found[found["evaluate"] == kind]
                at = [row[i] for i in part["id"]]
                said = Predicted(*(part[c].to_numpy(float) for c in _columns(name)))
                rows.append({"outcome": name, "networks": kind, **compare(said, measured[at])})
    return pd.DataFrame(rows, columns=COLUMNS)


def _columns(name: str) -> Sequence[str]:
    return name, f"{name}_low", f"{name}_high"


def compare(said: Predicted, measured: Floats) -> dict[str, object]:
    """Share within the intervals with exact limits, errors and rank correlation.

    Args:
        said: Of n networks.
        measured: (n,) percentage points.
    """
    n = len(measured)
    if n == 0:
        return {"n": 0, "reason": "none was evaluated"}
    missed = measured - said.value
    cells: dict[str, object] = {
        "n": n,
        "error": float(np.abs(missed).mean()),
        "bias": float(missed.mean()),
        "reason": "",
    }
    if np.isfinite(said.low).all():
        # limits went through a file with eight digits
        slack = 1e-6
        hits = int(((said.low - slack <= measured) & (measured <= said.high + slack)).sum())
        low, high = clopper_pearson(hits, n)
        cells |= {"within": hits / n, "within_low": low, "within_high": high}
    else:
        cells["reason"] = "the forecast has no intervals"
    if n > 2 and np.ptp(measured) > 0 and np.ptp(said.value) > 0:
        cells["spearman"] = float(stats.spearmanr(said.value, measured).statistic)
    return cells
