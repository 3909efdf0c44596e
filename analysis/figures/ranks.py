"""ranks: how far the order of the networks is known."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from analysis.figures.drawing import COLOURS, Drawing, Margins, grid, label_width, title
from analysis.findings import Findings
from analysis.standings import Standing

SHOWN = 60  # networks per panel: a third from the top, a third from the bottom, the rest between
EDGE = 20


def draw_ranks(findings: Findings) -> Drawing | str:
    """Rank intervals by each headline outcome, or why they cannot be drawn."""
    boards = findings.standings.boards
    n = len(findings.study.networks)
    if not boards or n < 2:
        return "a rank needs an outcome and two networks"
    ids = findings.study.networks["id"].to_numpy(dtype=str)
    places = shown_places(n)
    data = pd.concat([_rows(board, places, ids) for board in boards], ignore_index=True)
    gap = label_width(data["id"].tolist())
    margins = Margins(left=gap, bottom=0.55, across=gap)
    panel = (2.1, 0.3 + 0.125 * len(places))
    figure, (axes,) = grid((1, len(boards)), panel, margins, sharey=False)
    for ax, board in zip(axes, boards, strict=True):
        name = board.score.outcome.name
        _panel(ax, data[data["outcome"] == name], COLOURS[board.score.outcome.family], n)
        best, tiers = int(board.ranks.best.sum()), int(board.ranks.tier.max())
        ax.set_title(f"{name}: {best:,} may be the best\ntiers told apart: {tiers}", y=1.0)
    which = "all" if len(places) == n else f"{len(places)} (top, spaced, bottom) of"
    title(
        figure,
        "ranks: how far the order of the networks is known",
        f"{which} {n:,} networks; 95 % intervals for all networks at once; filled: may be the best",
    )
    images = ", ".join(f"{b.score.outcome.name} {len(b.score.images):,}" for b in boards)
    caption = (
        f"Rank (1 the best) of {len(places)} of {n:,} networks with 95 % intervals that hold for "
        "all networks at once, from comparisons of all pairs on shared images (random signs; "
        f"images: {images}). Filled: in the set that holds the best network with 95 %. Conditional "
        "on the weights and the protocol. All networks: tables/ranks.csv."
    )
    return Drawing("ranks", caption, figure, data)


def shown_places(n: int) -> NDArray[np.intp]:
    """Places of the networks to show: all, or top, bottom and evenly spaced ones between."""
    if n <= SHOWN:
        return np.arange(n)
    between = np.linspace(EDGE, n - EDGE - 1, SHOWN - 2 * EDGE).round().astype(np.intp)
    return np.concatenate([np.arange(EDGE), between, np.arange(n - EDGE, n)])


def _rows(board: Standing, places: NDArray[np.intp], ids: NDArray[np.str_]) -> pd.DataFrame:
    chosen, ranks = board.order[places], board.ranks
    return pd.DataFrame(
        {
            "outcome": board.score.outcome.name,
            "id": ids[chosen],
            "value": board.score.estimate.value[chosen],
            "rank": ranks.rank[chosen],
            "rank_low": ranks.low[chosen],
            "rank_high": ranks.high[chosen],
            "may_be_best": ranks.best[chosen],
            "tier": ranks.tier[chosen],
        }
    )


def _panel(ax: Axes, rows: pd.DataFrame, colour: str, n: int) -> None:
    """A dot and an interval per network, the best on top; a line where places are left out."""
    y = np.arange(len(rows))
    ax.hlines(y, rows["rank_low"], rows["rank_high"], color=colour, linewidth=1.2)
    best = rows["may_be_best"].to_numpy(dtype=bool)
    for where, face in ((best, colour), (~best, "white")):
        ax.scatter(rows["rank"][where], y[where], s=12, facecolor=face, edgecolor=colour, zorder=3)
    for edge in (EDGE, len(rows) - EDGE) if n > SHOWN else ():
        ax.axhline(edge - 0.5, color="#888888", linewidth=0.8, linestyle=":")
    ax.set_yticks(y, rows["id"].tolist(), fontsize=5.5)
    ax.tick_params(axis="y", pad=1)
    ax.grid(visible=False, axis="y")
    ax.set_ylim(len(rows) - 0.5, -0.5)
    margin = 0.03 * n
    ax.set_xlim(1 - margin, n + margin)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    ax.set_xlabel(f"rank (1 to {n:,})")
