"""choices: points more or less with every level or number that was chosen."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.counted.sentences import headlines
from analysis.figures.drawing import COLOURS, Drawing, Margins, grid, label_width, title
from analysis.findings import Findings
from analysis.labels import size_of, slug
from analysis.study import Group
from analysis.summary import is_clear

ACROSS = 4


def draw_choices(findings: Findings, group: Group) -> Drawing | str:
    """Forest plot of the coefficients of every outcome, or why it cannot be drawn."""
    table = findings.regressions.table
    data = table[(table["supernet"] == group.label) & (table["reason"] == "")]
    outcomes = [name for name in headlines(findings.study) if name in set(data["outcome"])]
    if not outcomes:
        return "no regression could be made"
    names = list(dict.fromkeys(data["factor"]))
    across = min(ACROSS, len(outcomes))
    down = -(-len(outcomes) // across)
    margins = Margins(left=label_width(names), bottom=0.7, across=0.25, down=0.55)
    figure, axes = grid((down, across), (2.2, 0.12 + 0.2 * len(names)), margins)
    panels = [ax for row in axes for ax in row]
    families = {outcome.name: outcome.family for outcome in findings.study.outcomes}
    for ax, name in zip(panels, outcomes, strict=False):
        _forest(ax, data[data["outcome"] == name], COLOURS[families[name]])
        ax.set_title(name, fontweight="bold", y=1.0)
    for ax in panels[len(outcomes) :]:
        ax.set_axis_off()
    for ax, *_ in axes:
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(len(names) - 0.5, -0.5)
    text = "percentage points: level against its reference, or per standard deviation"
    figure.text(0.5, 0.12 / figure.get_figheight(), text, ha="center", va="bottom", fontsize=9)
    title(
        figure,
        f"choices  {group.label}: what each choice does, the others held",
        f"{size_of(group)}; 95 % intervals (HC3), filled where q < 0.05",
    )
    references = data.loc[data["reference"] != "", ["term", "reference"]].drop_duplicates()
    said = ", ".join(f"{r['term']} {r['reference']}" for r in references.to_dict("records"))
    caption = (
        "Linear model of each outcome on everything chosen: points more or less with a level "
        f"instead of its reference{f' ({said})' if said else ''}, or per standard deviation of a "
        f"number. {size_of(group)}; 95 % intervals over another draw of networks (HC3), filled "
        f"where q < 0.05 and the interval excludes 0. Conditional on the {group.conditional_on}."
    )
    return Drawing(f"choices_{slug(group.label)}", caption, figure, data)


def _forest(ax: Axes, rows: pd.DataFrame, colour: str) -> None:
    """A dot and an interval per coefficient."""
    y = np.arange(len(rows))
    ax.axvline(0, color="#888888", linewidth=0.8)
    ax.hlines(y, rows["effect_low"], rows["effect_high"], color=colour, linewidth=1.3)
    clear = is_clear(rows).to_numpy()
    for where, face in ((clear, colour), (~clear, "white")):
        x = rows["effect_pp"][where]
        ax.scatter(x, y[where], s=18, facecolor=face, edgecolor=colour, zorder=3)
