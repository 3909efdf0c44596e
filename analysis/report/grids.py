"""Correlations and regressions as grids of text."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.findings import Findings
from analysis.labels import factor_order
from analysis.report.notation import heat_class, signed
from analysis.summary import is_clear


def correlation_grid(findings: Findings, label: str) -> dict[str, Any]:
    """Spearman correlations of one supernet: factors down, outcomes across."""
    table = spearman(findings)
    part = table[table["supernet"] == label]
    names = factor_order(list(dict.fromkeys(part["factor"])))
    outcomes = [o.name for o in findings.study.outcomes]
    cells = {(row["factor"], row["outcome"]): dict(row) for row in part.to_dict("records")}
    rows: list[tuple[str, list[dict[str, str]]]] = []
    reasons: dict[str, list[str]] = {}
    for name in names:
        told = {cells[name, o]["reason"] for o in outcomes}
        if "" in told:
            rows.append((name, [_correlation_cell(cells[name, o]) for o in outcomes]))
        else:
            reasons.setdefault("; ".join(sorted(told)), []).append(name)
    heads = [o.replace("_", "_\N{ZERO WIDTH SPACE}") for o in outcomes]  # where they may break
    return {"label": label, "outcomes": heads, "rows": rows, "reasons": reasons}


def spearman(findings: Findings) -> pd.DataFrame:
    """The correlations that the page shows: one row per supernet, factor and outcome."""
    table = findings.correlations.factors
    plain = (table["method"] == "spearman") & (table["given"] == "")
    return table[plain & (table["level"] == "outcome")]


def _correlation_cell(row: Mapping[Any, Any]) -> dict[str, str]:
    if row["reason"]:
        return {"text": "-", "interval": row["reason"], "heat": "", "mark": ""}
    return {
        "text": signed(row["estimate"]),
        "interval": f"[{signed(row['low'], '')}, {signed(row['high'], '')}]",
        "heat": heat_class(float(row["estimate"])),
        "mark": "*" if row["q"] < 0.05 else "",
    }


def regression_grid(findings: Findings, label: str) -> dict[str, Any]:
    """Regression effects of one supernet: outcomes down, factors across."""
    table = findings.regressions.table
    part = table[table["supernet"] == label]
    known = part[part["reason"] == ""]
    factors = list(dict.fromkeys(known["factor"]))
    rows = []
    for outcome, fit in known.groupby("outcome", sort=False):
        first = fit.iloc[0]
        known_reliability = np.isfinite(first["reliability"])
        reliability = f"{first['reliability']:.2f}" if known_reliability else "-"
        facts = (f"{first['r2']:.2f}", reliability, f"{int(first['images']):,}")
        rows.append((outcome, _effect_cells(fit), facts))
    some = known.drop_duplicates("factor")
    rest = part[part["reason"] != ""].groupby("reason", sort=True)
    return {
        "label": label,
        "factors": factors,
        "rows": rows,
        "sd": [f"{v:.3g}" for v in some["factor_sd"]],
        "vif": [f"{v:.2f}" for v in some["vif"]],
        "n": "" if known.empty else f"{int(known['n'].iloc[0]):,}",
        "clusters": "" if known.empty else f"{int(known['clusters'].iloc[0]):,}",
        "condition": "" if known.empty else f"{known['condition_number'].iloc[0]:.2f}",
        "conditional_on": "" if part.empty else part["conditional_on"].iloc[0],
        "reasons": {
            reason: (
                ", ".join(dict.fromkeys(rows["factor"])),
                _affected(list(dict.fromkeys(rows["outcome"])), findings),
            )
            for reason, rows in rest
        },
    }


def _affected(names: Sequence[str], findings: Findings) -> str:
    """Which outcomes a reason concerns, in words."""
    return "all outcomes" if len(names) == len(findings.study.outcomes) else ", ".join(names)


def _effect_cells(fit: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            "text": signed(row["effect_pp"]),
            "interval": f"[{signed(row['effect_low'])}, {signed(row['effect_high'])}]",
            "sure": sure,
        }
        for row, sure in zip(fit.to_dict("records"), is_clear(fit).tolist(), strict=True)
    ]
