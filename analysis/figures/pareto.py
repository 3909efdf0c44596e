"""pareto: which networks none beats in every kind of robustness at no more MACs."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.ticker import LogLocator, NullLocator

from analysis.figures.drawing import INK, MANY, Drawing, Margins, grid, title
from analysis.findings import Findings
from analysis.front import NEAR_MACS, NEAR_POINTS, Front, pareto_table

COLOUR_MAP = "cividis_r"  # made for readers with colour-blindness (Nunez and others 2018)
NEVER = "#d9d9d9"


def draw_pareto(findings: Findings) -> Drawing | str:
    """Accuracy against MACs by outcome, coloured by membership, or why it cannot be drawn."""
    front = findings.standings.front
    if isinstance(front, str):
        return front
    if len(front.rows) < 2:
        return "a front needs two networks"
    data = pareto_table(findings.study, front)
    across = min(2, len(front.outcomes))
    down = -(-len(front.outcomes) // across)
    margins = Margins(left=0.7, bottom=0.55, right=1.1, across=0.65, down=0.45)
    figure, axes = grid((down, across), (3.3, 2.3), margins, "all", sharey=False)
    panels = [ax for row in axes for ax in row]
    for ax, name in zip(panels, front.outcomes, strict=False):
        _panel(ax, data, name)
    for ax in panels[len(front.outcomes) :]:
        ax.set_axis_off()
    # the last panel of each column bears the axis label, drawn or not below it
    for place in range(max(0, len(front.outcomes) - across), len(front.outcomes)):
        panels[place].set_xlabel("MACs (millions)")
        panels[place].tick_params(axis="x", labelbottom=True)
    width, height = figure.get_size_inches()
    bar = figure.add_axes((1 - 0.85 / width, 0.55 / height, 0.13 / width, 1 - 1.4 / height))
    scale = ScalarMappable(Normalize(0, 1), mpl.colormaps[COLOUR_MAP])
    figure.colorbar(scale, cax=bar, label="share of draws of images on the front")
    title(
        figure,
        "pareto: which networks none beats in everything",
        f"{len(front.rows):,} networks, {int(front.on_front.sum()):,} on the front (ringed); "
        "grey: never on it",
    )
    return Drawing("pareto", _caption(findings, front), figure, data)


def _caption(findings: Findings, front: Front) -> str:
    boards = {board.score.outcome.name: board.score for board in findings.standings.boards}
    images = ", ".join(f"{name} {len(boards[name].images):,}" for name in front.outcomes)
    left = len(findings.study.networks) - len(front.rows)
    return (
        f"Each dot is a network (n = {len(front.rows):,}), the same in every panel; ringed: no "
        f"other is as good in {', '.join(front.outcomes)} accuracy and as small in MACs, and "
        f"better in one ({int(front.on_front.sum()):,}; {int(front.near.sum()):,} with near ties "
        f"of {100 * NEAR_POINTS:g} point of each accuracy and {NEAR_MACS:.0%} of the MACs). "
        f"Colour: share of {front.draws:,} draws of images with the network on the front, the same "
        f"for all networks (images: {images}); it shows how far membership hangs on the images and "
        f"is no probability. Surely beaten (95 %, all at once): {int(front.dominated.sum()):,}. "
        "Conditional on the weights and the protocol."
        + (f" {left:,} networks of unknown MACs are left out." if left else "")
    )


def _panel(ax: Axes, data: pd.DataFrame, name: str) -> None:
    """All networks, those most often on the front on top."""
    macs = data["macs"].to_numpy() / 1e6
    value, share = 100 * data[name].to_numpy(), data["share"].to_numpy()
    never = share == 0
    pixels = never.sum() > MANY
    ax.scatter(macs[never], value[never], s=7, color=NEVER, linewidth=0, rasterized=pixels)
    some = np.flatnonzero(~never)[::-1]  # the table has the greatest shares first
    ring = np.where(data["on_front"].to_numpy(dtype=bool)[some], INK, "none")
    ax.scatter(
        macs[some],
        value[some],
        s=17,
        c=share[some],
        cmap=COLOUR_MAP,
        vmin=0,
        vmax=1,
        edgecolor=ring.tolist(),
        linewidth=0.6,
        zorder=3,
    )
    ax.set_xscale("log")
    wide = macs.max() > 400 * macs.min()
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_ylabel(f"{name} (%)")
