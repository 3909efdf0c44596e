"""report.html: the findings as one self-contained page."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import numpy as np
import pandas as pd

from analysis.correlations import DRAWS
from analysis.drawing import Saved
from analysis.findings import Findings
from analysis.labels import factor_order
from analysis.leaderboard import Board, leaderboards
from analysis.summary import is_clear
from analysis.tables import conditions_table
from analysis.trust import RAISED, alarms_table, sequences_table

VOLATILE_LIMIT = 400  # characters of a provenance text that are shown


def render(findings: Findings, figures: Sequence[Saved], missing: Sequence[str]) -> str:
    """The HTML of the report; it makes no request and runs no script.

    Args:
        findings: What was found.
        figures: Figures on disk, embedded as they are.
        missing: In words, figures that were not drawn.
    """
    study = findings.study
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(
        dataset=study.attributes["dataset"],
        sentences=findings.sentences,
        doubts=findings.doubts,
        notes=study.attributes["notes"],
        boards=[_board(board) for board in leaderboards(study)],
        outcomes=[(outcome.name, outcome.text) for outcome in study.outcomes],
        absent=study.absent,
        correlations=[_correlation_grid(findings, g.label) for g in study.groups],
        regressions=[_regression_grid(findings, g.label) for g in study.groups],
        figures=[_figure(saved) for saved in figures],
        missing=missing,
        conditions=_conditions(findings),
        alarms=_alarms(findings),
        raised_above=100 * RAISED,
        sequences=_sequences(findings),
        facts=_facts(findings),
        draws=DRAWS,
    )


def _board(board: Board) -> dict[str, Any]:
    """A leaderboard with its numbers as text."""
    rows = [
        {
            "rank": row["rank"],
            "id": row["id"],
            "weights": row["weights"],
            "value": _percent(row["value"]),
            "interval": f"[{_percent(row['low'])}, {_percent(row['high'])}]",
            "costs": [_cost(row[c]) for c in ("macs", "parameters") if c in row],
        }
        for row in board.rows.to_dict("records")
    ]
    costs = [c for c in ("macs", "parameters") if c in board.rows]
    names = {"macs": "MACs (M)", "parameters": "params (M)"}
    return {
        "name": board.outcome,
        "text": board.text,
        "rows": rows,
        "n": board.n,
        "tied": board.tied,
        "costs": [names[c] for c in costs],
    }


def _percent(share: float) -> str:
    return f"{100 * share:.1f}" if np.isfinite(share) else "-"


def _cost(value: float) -> str:
    return f"{value / 1e6:.3g}" if np.isfinite(value) else "-"


def _correlation_grid(findings: Findings, label: str) -> dict[str, Any]:
    """Spearman correlations of one supernet: factors down, outcomes across."""
    table = findings.correlations.factors
    part = table[(table["supernet"] == label) & (table["method"] == "spearman")]
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


def _correlation_cell(row: Mapping[Any, Any]) -> dict[str, str]:
    if row["reason"]:
        return {"text": "-", "interval": row["reason"], "style": "", "mark": ""}
    background, ink = heat(float(row["estimate"]))
    return {
        "text": signed(row["estimate"]),
        "interval": f"[{signed(row['low'], '')}, {signed(row['high'], '')}]",
        "style": f"background:{background};color:{ink}",
        "mark": "*" if row["q"] < 0.05 else "",
    }


def signed(value: float, sign: str = "+") -> str:
    """Two decimals with sign, and no minus before a rounded zero."""
    text = f"{value:{sign}.2f}"
    return text if float(text) else f"{0.0:{sign}.2f}"


def heat(value: float) -> tuple[str, str]:
    """Background and text colour for a correlation in [-1, 1]; blue below 0, red above."""
    red, green, blue, _ = mpl.colormaps["RdBu_r"](0.5 + 0.5 * value)
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    ink = "#111111" if light > 0.5 else "#ffffff"
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}", ink


def _regression_grid(findings: Findings, label: str) -> dict[str, Any]:
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


def _figure(saved: Saved) -> dict[str, str]:
    return {
        "name": saved.name,
        "caption": saved.caption,
        "csv": saved.csv.name,
        "png": base64.b64encode(saved.png.read_bytes()).decode("ascii"),
    }


def _conditions(findings: Findings) -> list[dict[str, str]]:
    rows = conditions_table(findings.study).to_dict("records")
    shown = ("median", "min", "max", "median_drop")
    return [
        {
            **{k: str(row[k]) for k in ("name", "family", "severity", "parameters", "images")},
            **{k: _percent(row[k]) for k in shown},
        }
        for row in rows
    ]


def _alarms(findings: Findings) -> dict[str, list[dict[str, str]]]:
    """Alarms in words to the conditions under which some network raises them."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in alarms_table(findings.study).to_dict("records"):
        of_alarm = found.setdefault(f"{row['alarm']}: {row['meaning']}", [])
        if row["raised"]:
            shares = {k: _percent(row[k]) for k in ("median", "max")}
            counts = {k: f"{row[k]:,}" for k in ("raised", "networks")}
            of_alarm.append({"condition": str(row["condition"]), **counts, **shares})
    return found


def _sequences(findings: Findings) -> list[dict[str, str]]:
    return [
        {
            **{k: str(row[k]) for k in ("set", "sequence", "against", "frames")},
            **{k: _percent(row[k]) for k in ("median", "min", "max")},
        }
        for row in sequences_table(findings.study).to_dict("records")
    ]


def _facts(findings: Findings) -> list[tuple[str, str]]:
    """How the results were made: attributes, supernets, protocol, and what is volatile."""
    attributes = findings.study.attributes
    shown = [(k, v) for k, v in attributes.items() if k not in ("protocol", "notes", "classes")]
    facts = [(name.replace("_", " "), str(value)) for name, value in shown]
    facts.append(("protocol", _pretty(str(attributes["protocol"]))))
    for name, value in findings.study.provenance.items():
        if isinstance(value, np.ndarray):
            numbers = value[np.isfinite(value)] if value.dtype.kind == "f" else value
            if len(numbers) and value.dtype.kind in "fiu":
                text = f"{numbers.sum():,.0f} in all, median {np.median(numbers):.3g}"
                facts.append((f"{name} (one per network)" if name == "seconds" else name, text))
        else:
            facts.append((name.replace("_", " "), str(value)[:VOLATILE_LIMIT]))
    return facts


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=1)
    except json.JSONDecodeError:
        return text
