"""Tables of the page that need no script: the best networks, and whatever a table holds."""

from typing import Any

import numpy as np
import pandas as pd

from analysis.leaderboard import Board
from analysis.report.notation import millions, percent

_KNOWN = (
    "rank",
    "rank_low",
    "rank_high",
    "id",
    "weights",
    "value",
    "low",
    "high",
    "macs",
    "parameters",
)
COSTS = {"macs": "MACs (M)", "parameters": "params (M)"}
VERDICTS = ("supported", "contradicted", "undecided")


def board_text(board: Board) -> dict[str, Any]:
    """A leaderboard with its numbers as text; columns beyond the known ones are kept."""
    costs = [name for name in COSTS if name in board.rows]
    further = [str(name) for name in board.rows if name not in _KNOWN]
    rows = [
        {
            **{name: row[name] for name in ("id", "weights")},
            "rank": f"{row['rank']:,} [{row['rank_low']:,}, {row['rank_high']:,}]",
            "value": percent(row["value"]),
            "interval": _interval(row["low"], row["high"]),
            "more": [millions(row[name]) for name in costs] + [cell(row[name]) for name in further],
        }
        for row in board.rows.to_dict("records")
    ]
    return {
        "name": board.outcome,
        "text": board.text,
        "rows": rows,
        "n": board.n,
        "unknown": bool(board.rows["low"].isna().any()),
        "tied": board.tied,
        "tiers": board.tiers,
        "more": [COSTS[name] for name in costs] + [heading(name) for name in further],
    }


def _interval(low: float, high: float) -> str:
    return f"[{percent(low)}, {percent(high)}]" if np.isfinite([low, high]).all() else "-"


def claims_text(table: pd.DataFrame) -> dict[str, Any]:
    """A table of claims as text: its headings, its cells, and the verdict of every row.

    Any column may be there; cells of a column `verdict` are marked by what they say.
    """
    names = [str(name) for name in table.columns]
    rows = [[cell(value) for value in row] for row in table.itertuples(index=False)]
    return {
        "heads": [heading(name) for name in names],
        "verdict": names.index("verdict") if "verdict" in names else -1,
        "verdicts": VERDICTS,
        "rows": rows,
    }


def heading(name: str) -> str:
    """The name of a column in words."""
    return name.replace("_", " ")


def cell(value: object) -> str:
    """Any value of a table: numbers to four digits, a dash where there is none."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{value:.4g}" if np.isfinite(value) else "-"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    return "-" if value is None else str(value)
