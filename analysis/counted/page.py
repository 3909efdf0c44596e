"""What the report shows of a counted file, as text."""

from typing import Any

import numpy as np
import pandas as pd

from analysis.counted.examination import Counted
from analysis.study import Study
from analysis.summary import is_clear


def counted_page(study: Study, found: Counted) -> dict[str, Any]:
    """Contents of `page.html`: coefficients and shares per group, and what is explained."""
    names = [outcome.name for outcome in study.outcomes]
    return {
        "outcomes": [name.replace("_", "_\N{ZERO WIDTH SPACE}") for name in names],
        "groups": [
            {
                "label": model.group.label,
                "conditional_on": model.group.conditional_on,
                "networks": f"{len(model.design):,}",
                "units": f"{len(np.unique(model.units)):,}",
                "effects": _effects(_of(found.regressions.table, model.group.label), names),
                "shares": _shares(_of(found.importance, model.group.label), names),
                "levels": _levels(_of(found.levels, model.group.label), names),
                "reasons": _reasons(_of(found.regressions.table, model.group.label)),
                "explained": _explained(_of(found.explained, model.group.label)),
            }
            for model in found.models
        ],
    }


def _of(table: pd.DataFrame, label: str) -> pd.DataFrame:
    return table[table["supernet"] == label]


def _cell(value: float, low: float, high: float, digits: int, sign: str = "") -> dict[str, Any]:
    if not np.isfinite([value, low, high]).all():
        return {"text": "-", "interval": "", "sure": False}
    text, *limits = (_plain(f"{x:{sign}.{digits}f}") for x in (value, low, high))
    return {"text": text, "interval": f"[{', '.join(limits)}]", "sure": False}


def _plain(text: str) -> str:
    """No sign before a rounded zero."""
    return text if float(text) else text.lstrip("+-")


def _effects(table: pd.DataFrame, names: list[str]) -> list[dict[str, Any]]:
    """Rows of coefficients: a level against its reference, or one standard deviation."""
    known = table[table["reason"] == ""]
    clear = is_clear(known)
    rows = []
    for factor, part in known.groupby("factor", sort=False):
        first = part.iloc[0]
        what = f"{first['term']}: {first['level']} instead of {first['reference']}"
        per = f"{factor}, per standard deviation ({first['factor_sd']:.3g})"
        cells = {}
        for row, sure in zip(part.to_dict("records"), clear[part.index].tolist(), strict=True):
            limits = (row["effect_pp"], row["effect_low"], row["effect_high"])
            cells[row["outcome"]] = {**_cell(*limits, 2, "+"), "sure": sure}
        rows.append({"name": what if first["level"] else per, "cells": _in_order(cells, names)})
    return rows


def _shares(table: pd.DataFrame, names: list[str]) -> list[dict[str, Any]]:
    """Rows of LMG shares in %, and last what all choices explain together."""
    known = table[table["reason"] == ""]
    rows = []
    for group, part in known.groupby("group", sort=False):
        cells = {
            r["outcome"]: _cell(100 * r["share"], 100 * r["low"], 100 * r["high"], 1)
            for r in part.to_dict("records")
        }
        warning = str(part["warning"].iloc[0])
        rows.append({"name": group, "cells": _in_order(cells, names), "warning": warning})
    totals = {
        r["outcome"]: _cell(100 * r["r2"], 100 * r["r2_low"], 100 * r["r2_high"], 1)
        for r in known.drop_duplicates("outcome").to_dict("records")
    }
    if rows:
        rows.append({"name": "all together (R2)", "cells": _in_order(totals, names), "warning": ""})
    return rows


def _levels(table: pd.DataFrame, names: list[str]) -> list[dict[str, Any]]:
    """Rows of levels averaged over the factors that offer them."""
    rows = []
    for (factors, reference, level), part in table.groupby(
        ["factors", "reference", "level"], sort=False
    ):
        cells = {
            r["outcome"]: {
                **_cell(r["effect_pp"], r["low"], r["high"], 2, "+"),
                "sure": bool(r["q"] < 0.05 and r["low"] * r["high"] > 0),
            }
            for r in part.to_dict("records")
        }
        count = len(str(factors).split())
        if count == 1:
            continue  # the same as its coefficient
        name = f"{level} instead of {reference}, mean over {count} factors"
        rows.append({"name": name, "cells": _in_order(cells, names)})
    return rows


def _in_order(cells: dict[Any, dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    nothing = {"text": "-", "interval": "", "sure": False}
    return [cells.get(name, nothing) for name in names]


def _reasons(table: pd.DataFrame) -> list[tuple[str, str, str]]:
    """(reason, factors, outcomes) of what was not estimated."""
    rest = table[table["reason"] != ""]
    every = table["outcome"].nunique()
    said = []
    for reason, part in rest.groupby("reason", sort=True):
        outcomes = list(dict.fromkeys(part["outcome"]))
        where = "all outcomes" if len(outcomes) == every else ", ".join(outcomes)
        said.append((str(reason), ", ".join(dict.fromkeys(part["factor"])), where))
    return said


def _explained(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows per condition."""
    return [
        {
            "name": row["condition"],
            "family": row["family"],
            "median": f"{100 * row['median']:.1f}" if np.isfinite(row["median"]) else "-",
            "r2": _cell(100 * row["r2"], 100 * row["r2_low"], 100 * row["r2_high"], 0),
            "rank": _cell(row["rank_clean"], row["rank_clean_low"], row["rank_clean_high"], 2, "+"),
            "reason": row["reason"],
        }
        for row in table.to_dict("records")
    ]
