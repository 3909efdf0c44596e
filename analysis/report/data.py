"""What the interactive parts of the page show, as JSON that is safe inside HTML."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.figures.drawing import COLOURS
from analysis.findings import Findings
from analysis.labels import factor_label, factor_order, factor_scale, outcome_label
from analysis.leaderboard import standings_table
from analysis.report.grids import spearman
from analysis.study import Study
from metrics import Estimate, Floats, wilson

MOST_NETWORKS = 3000
"""Networks that are shown at most, so that a page of 100,000 opens too."""

MOST_NUMBERS = 250_000
"""Networks times outcomes and conditions; above it the single conditions are left out."""

BEST = 100  # of every outcome, which are shown in any case
Rows = NDArray[np.intp]


def page_data(findings: Findings) -> dict[str, Any]:
    """Networks, factors, outcomes with intervals, and standings, as lists over the networks shown.

    An outcome is in thousandths of its unit (percent or points), with the distances to the ends of
    its interval, so that 1,200 networks under 130 conditions take 2.5 MB.
    """
    study = findings.study
    rows = shown_networks(study)
    names = [str(name) for name in study.factors]
    whole = len(rows) * (len(study.scores) + len(study.conditions)) <= MOST_NUMBERS
    return {
        "networks": len(study.networks),
        "shown": len(rows),
        "identity": list(_identity(study, rows)),
        "factors": [_factor(study, name, rows) for name in factor_order(names)],
        "outcomes": [*_outcomes(study, rows), *(_conditions(study, rows) if whole else ())],
        "whole": whole,
        "standings": {
            s.outcome.name: _standings(findings, s.outcome.name, rows) for s in study.scores
        },
        "headlines": [b.score.outcome.name for b in findings.standings.boards],
        "correlations": list(_correlations(findings)),
        "palette": [*list(COLOURS.values())[1:], COLOURS["clean"]],
        "noise_colours": dict(COLOURS),
    }


def partial(data: Mapping[str, Any]) -> str:
    """In words what the interactive parts leave out, "" if nothing."""
    said = []
    if data["shown"] < data["networks"]:
        said.append(
            f"The leaderboard and the scatter show {data['shown']:,} of {data['networks']:,} "
            f"networks: the {BEST} best of every outcome, and others at equal steps through the "
            "file. Ranks are among all."
        )
    if not data["whole"]:
        said.append("Single conditions are left out of the scatter.")
    return " ".join([*said, "Every number: tables/networks.csv."]) if said else ""


def safe_json(data: object) -> str:
    """JSON without any character that HTML or JavaScript takes for its own.

    No text can end the script element it stands in or open a comment: every <, > and & is written
    as an escape, and so is all that is not ASCII, U+2028 and lone surrogates among it.
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def shown_networks(study: Study) -> Rows:
    """Positions of networks shown: all, or the best of every outcome and some at equal steps."""
    n = len(study.networks)
    if n <= MOST_NETWORKS:
        return np.arange(n)
    best = [np.argsort(-s.estimate.value, kind="stable")[:BEST] for s in study.scores]
    chosen = np.unique(np.concatenate([np.zeros(0, np.intp), *best]))
    others = np.setdiff1d(np.arange(n), chosen)
    wanted = max(0, MOST_NETWORKS - len(chosen))
    spread = others[np.linspace(0, len(others) - 1, wanted).astype(np.intp)]
    return np.unique(np.concatenate([chosen, spread])).astype(np.intp)


def _identity(study: Study, rows: Rows) -> Iterator[dict[str, Any]]:
    """Texts that tell networks apart; repeated ones are stored once."""
    networks = study.networks.iloc[rows]
    origin = networks["supernet"].where(networks["supernet"] != "", networks["origin"])
    columns = {
        "id": networks["id"],
        "family": networks["family"],
        "weights": origin,
        "technique": networks["technique"],
        "seed": networks["seed"].astype(str),
        "design": networks["design"],
    }
    for name, column in columns.items():
        codes, texts = pd.factorize(column.astype(str), sort=True)
        yield {"name": name, "texts": [str(text) for text in texts], "codes": codes.tolist()}


def _factor(study: Study, name: str, rows: Rows) -> dict[str, Any]:
    scale = factor_scale(name)
    values = study.factors[name].to_numpy(dtype=float)[rows] / scale
    return {
        "name": name,
        "label": factor_label(name, study.factor_units.get(name, "")),
        "stage": "_stage" in name,
        "values": [float(f"{v:.5g}") if np.isfinite(v) else None for v in values.tolist()],
    }


def _outcomes(study: Study, rows: Rows) -> Iterator[dict[str, Any]]:
    for score in study.scores:
        outcome, points = score.outcome, score.outcome.kind == "deviation"
        yield {
            "name": outcome.name,
            "label": outcome_label(outcome),
            "text": outcome.text,
            "family": outcome.family,
            "condition": False,
            "unit": "points" if points else "%",
            **_thousandths(score.estimate, rows, 1.0 if points else 100.0),
        }


def _conditions(study: Study, rows: Rows) -> Iterator[dict[str, Any]]:
    """Accuracies under single conditions, but for one that is an outcome already."""
    tried, right = study.counts
    scored = {s.outcome.name: s.outcome.columns for s in study.scores}
    for m, row in enumerate(study.conditions.to_dict("records")):
        name = str(row["name"])
        if scored.get(name) == (m,):
            continue
        whole = wilson(right[:, m].astype(float), tried[:, m].astype(float))
        yield {
            "name": f"condition {name}" if name in scored else name,
            "label": f"{name} (%)",
            "text": f"accuracy under {name}",
            "family": str(row["family"]),
            "condition": True,
            "unit": "%",
            **_thousandths(whole, rows, 100.0),
        }


def _thousandths(estimate: Estimate, rows: Rows, scale: float) -> dict[str, list[int | None]]:
    """Value, distance to the lower limit and to the upper one, in thousandths of the unit."""
    value, low, high = (
        _rounded(1000 * scale * part[rows])
        for part in (estimate.value, estimate.low, estimate.high)
    )
    return {
        "value": _known(value),
        "down": _known(value - low),
        "up": _known(high - value),
    }


def _rounded(values: Floats) -> Floats:
    return np.asarray(np.round(values))


def _known(values: Floats) -> list[int | None]:
    return [int(v) if np.isfinite(v) else None for v in values.tolist()]


def _standings(findings: Findings, name: str, rows: Rows) -> list[dict[str, Any]]:
    """Columns that say where the networks stand; whichever there are."""
    table = standings_table(findings.study, findings.standings, name).iloc[rows]
    return [
        {"name": str(column), "values": plain(table[column].tolist())} for column in table.columns
    ]


def plain(values: Iterable[object]) -> list[object]:
    """Values as JSON knows them: what is not finite becomes null."""
    return [None if isinstance(v, float) and not np.isfinite(v) else v for v in values]


def _correlations(findings: Findings) -> Iterator[Sequence[object]]:
    """Spearman correlations that are known: supernet, factor, outcome, estimate, low, high."""
    table = spearman(findings)
    part = table[table["reason"] == ""]
    numbers = part[["estimate", "low", "high"]].to_numpy(dtype=float).round(3).tolist()
    names = part[["supernet", "factor", "outcome"]].astype(str).to_numpy().tolist()
    return ([*name, *number] for name, number in zip(names, numbers, strict=True))
