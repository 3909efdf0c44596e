"""effects: what one standard deviation of each factor does, the other factors held."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.drawing import COLOURS, Drawing, Margins, grid, label_width, title
from analysis.findings import Findings
from analysis.labels import size_of, slug
from analysis.outcomes import Outcome
from analysis.study import Group
from analysis.summary import is_clear

ACROSS = 5
_NSD = "deviation"


def draw_effects(findings: Findings, group: Group) -> Drawing | str:
    """Forest plot of the regression coefficients of every outcome, or why it cannot be drawn."""
    table = findings.regressions.table
    data = table[(table["supernet"] == group.label) & (table["reason"] == "")]
    present = set(data["outcome"])
    outcomes = [o for o in findings.study.outcomes if o.name in present]
    if not outcomes:
        return "no regression could be made"
    names = list(dict.fromkeys(data["factor"]))
    across = min(ACROSS, len(outcomes))
    down = -(-len(outcomes) // across)
    margins = Margins(left=label_width(names), bottom=0.7, across=0.25, down=0.55)
    figure, axes = grid((down, across), (2.0, 0.12 + 0.27 * len(names)), margins)
    panels = [ax for row in axes for ax in row]
    for ax, outcome in zip(panels, outcomes, strict=False):
        _forest(ax, data[data["outcome"] == outcome.name], outcome)
        alike = [o.name for o in outcomes if _scale(o) == _scale(outcome)]
        shared = data[data["outcome"].isin(alike)]
        low, high = min(0.0, shared["effect_low"].min()), max(0.0, shared["effect_high"].max())
        margin = 0.06 * (high - low)
        ax.set_xlim(low - margin, high + margin)
    for ax in panels[len(outcomes) :]:
        ax.set_axis_off()
    for ax, *_ in axes:
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(len(names) - 0.5, -0.5)
    text = "percentage points per standard deviation of the factor"
    figure.text(0.5, 0.12 / figure.get_figheight(), text, ha="center", va="bottom", fontsize=9)
    title(
        figure,
        f"effects  {group.label}: what each factor does, the others held",
        f"{size_of(group)}; 95 % intervals, filled where q < 0.05; one scale per noise family",
    )
    caption = (
        f"Regression of each outcome on all design factors at once over {size_of(group)}: change "
        "in percentage points (of accuracy, or of NSD) per standard deviation of the factor, with "
        "95 % intervals (networks clustered by design unit, plus images); filled where q < 0.05 "
        "and the interval excludes 0. Panels of one noise family share their scale, system_nsd "
        f"has its own. Conditional on the {group.conditional_on}."
    )
    return Drawing(f"effects_{slug(group.label)}", caption, figure, data)


def _scale(outcome: Outcome) -> tuple[str, bool]:
    """Outcomes for which this is equal are drawn on one scale."""
    return outcome.family, outcome.kind == _NSD


def _forest(ax: Axes, rows: pd.DataFrame, outcome: Outcome) -> None:
    """One panel: a dot and an interval per factor."""
    y, colour = np.arange(len(rows)), COLOURS[outcome.family]
    ax.axvline(0, color="#888888", linewidth=0.8)
    ax.hlines(y, rows["effect_low"], rows["effect_high"], color=colour, linewidth=1.5)
    clear = is_clear(rows).to_numpy()
    for where, face in ((clear, colour), (~clear, "white")):
        ax.scatter(
            rows["effect_pp"][where], y[where], s=24, facecolor=face, edgecolor=colour, zorder=3
        )
    ax.set_title(f"{outcome.name}   R² {rows['r2'].iloc[0]:.2f}", y=1.0)
