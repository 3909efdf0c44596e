"""explained: what choices explain of every condition, and how it ranks networks."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.drawing import COLOURS, Drawing, Margins, grid, label_width, title
from analysis.findings import Findings
from analysis.labels import size_of, slug
from analysis.study import Group

PANELS = (
    ("r2", "R² of all choices"),
    ("rank_clean", "Spearman correlation with clean accuracy"),
)


def draw_explained(findings: Findings, group: Group) -> Drawing | str:
    """R2 of main effects and rank correlation with clean accuracy, condition by condition."""
    if findings.counted is None:
        return "the file holds the outcomes of single images"
    table = findings.counted.explained
    data = table[table["supernet"] == group.label]
    data = data[data[[name for name, _ in PANELS]].notna().any(axis=1)]
    if data.empty:
        return "nothing was explained of any condition"
    names = data["condition"].tolist()
    margins = Margins(left=label_width(names), bottom=0.6, across=0.3)
    figure, (axes,) = grid((1, 2), (3.2, 0.2 + 0.14 * len(names)), margins)
    for ax, (name, text) in zip(axes, PANELS, strict=True):
        _dots(ax, data, name)
        ax.set_xlabel(text)
    axes[0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=6, frameon=False, fontsize=8)
    axes[0].set_xlim(0, 1)
    axes[1].set_xlim(-1.05, 1.05)
    axes[0].set_yticks(range(len(names)), names, fontsize=6.5)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    title(
        figure,
        f"explained  {group.label}: what main effects of all choices explain",
        f"{size_of(group)}; 95 % intervals over networks",
    )
    caption = (
        "Left: share of the variance between networks that main effects of everything chosen "
        "explain. Right: Spearman correlation of accuracies with clean accuracies over networks. "
        f"{size_of(group)}; 95 % intervals over another draw of networks, images as they are. "
        f"Conditional on the {group.conditional_on}."
    )
    return Drawing(f"explained_{slug(group.label)}", caption, figure, data)


def _dots(ax: Axes, data: pd.DataFrame, name: str) -> None:
    """Values with intervals, coloured by family of noise."""
    ax.axvline(0, color="#888888", linewidth=0.8)
    for family, part in data.assign(place=np.arange(len(data))).groupby("family", sort=False):
        colour, y = COLOURS[str(family)], part["place"]
        ax.hlines(y, part[f"{name}_low"], part[f"{name}_high"], color=colour, linewidth=1.2)
        ax.scatter(part[name], y, s=9, color=colour, zorder=3, label=family)
