"""importance: how much of the variance between networks each kind of choice accounts for."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.drawing import COLOURS, Drawing, Margins, grid, label_width, legend, title
from analysis.findings import Findings
from analysis.importance.table import LMG, PERMUTATION
from analysis.labels import size_of, slug
from analysis.outcomes import Outcome
from analysis.study import Group
from analysis.summary import HEADLINES

FOREST = "forest"
MARKS = {
    LMG: ("o", "LMG share"),
    PERMUTATION: ("s", "shuffled, unseen networks"),
    FOREST: ("^", "forest, genes alone"),
}
"""Method to marker and name in the legend, from top to bottom within a group."""


def draw_importance(findings: Findings, group: Group) -> Drawing | str:
    """Shares of every kind of choice with intervals, or why they cannot be drawn."""
    data = _shares(findings, group)
    outcomes = [o for o in findings.study.outcomes if o.name in set(data["outcome"])]
    if not outcomes:
        return "no share could be computed"
    names = list(dict.fromkeys(data["group"]))
    margins = Margins(left=label_width(names), bottom=0.6, top=1.1)
    figure, (axes,) = grid((1, len(outcomes)), (2.5, 0.12 + 0.45 * len(names)), margins)
    for ax, outcome in zip(axes, outcomes, strict=True):
        _panel(ax, data[data["outcome"] == outcome.name], names, outcome)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    used = [pair for method, pair in MARKS.items() if method in set(data["method"])]
    legend(figure, axes[0], used)
    text = "% of the variance between networks (each panel has its own scale)"
    figure.text(0.5, 0.12 / figure.get_figheight(), text, ha="center", fontsize=9)
    mixed = sorted(set(data.loc[data["warning"] != "", "group"]))
    title(
        figure,
        f"importance  {group.label}: what the variance between networks is due to",
        f"{size_of(group)}; 95 % intervals"
        + (f"; hard to tell apart: {', '.join(mixed)}" if mixed else ""),
    )
    return Drawing(f"importance_{slug(group.label)}", _caption(group, mixed), figure, data)


def _caption(group: Group, mixed: list[str]) -> str:
    return (
        f"Share of the variance of each outcome between networks ({size_of(group)}) by kind of "
        "choice. LMG: mean over all orders of what the group adds to the R² of a linear model, "
        "with a 95 % bootstrap interval over design units and images. Shuffled: half of the R² a "
        "forest loses on unseen design units when the group is shuffled, which counts interactions "
        "too, with a 95 % interval over design units and images. Forest: variance of the forest's "
        "mean given one gene, summed over the genes of the kind, in % of the forest's variance "
        "under uniform independent choices; the bar spans 95 % of its trees, each from another "
        f"resample of design units. {_warned(mixed)}Conditional on the {group.conditional_on}."
    )


def _warned(mixed: list[str]) -> str:
    if not mixed:
        return "No group has a variance inflation above 5. "
    return f"Groups that cannot be told apart well (see the table): {', '.join(mixed)}. "


def _shares(findings: Findings, group: Group) -> pd.DataFrame:
    """Rows to draw: outcome, method, group, share, low, high, r2, warning."""
    groups, forest = findings.importance, findings.forest
    kept = ["outcome", "method", "group", "share", "low", "high", "r2", "warning"]
    own = (groups["supernet"] == group.label) & (groups["reason"] == "")
    first = groups[own & groups["outcome"].isin(HEADLINES)][kept]
    kinds = forest[(forest["supernet"] == group.label) & (forest["level"] == "kind")]
    second = kinds.assign(
        method=FOREST, group=kinds["gene"].str.replace(".", "_"), r2=np.nan, warning=""
    )[kept]
    parts = [part for part in (first, second) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else first


def _panel(ax: Axes, rows: pd.DataFrame, names: list[str], outcome: Outcome) -> None:
    """Markers of every method with intervals, one under the other within a group."""
    colour = COLOURS[outcome.family]
    for row in range(1, len(names)):
        ax.axhline(row - 0.5, color="#dddddd", linewidth=0.8)
    ax.grid(visible=False, axis="y")
    for place, (method, (mark, _)) in enumerate(MARKS.items()):
        part = rows[rows["method"] == method]
        y = np.array([names.index(name) for name in part["group"]]) + 0.24 * (place - 1)
        values = 100 * part[["share", "low", "high"]].to_numpy(dtype=float)
        ax.hlines(y, values[:, 1], values[:, 2], color=colour, linewidth=1.4)
        face = colour if method == LMG else "white"
        ax.scatter(values[:, 0], y, s=22, marker=mark, facecolor=face, edgecolor=colour, zorder=3)
    ax.axvline(0, color="#888888", linewidth=0.8)
    linear = rows.loc[rows["method"] == LMG, "r2"]
    text = f"   R² {linear.iloc[0]:.2f}" if len(linear) else ""
    ax.set_title(f"{outcome.name}{text}", fontweight="bold", y=1.0)
