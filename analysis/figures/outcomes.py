"""F7: how the kinds of robustness go together over the networks of one supernet."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from analysis.figures.drawing import RHO, Drawing, Margins, grid, label_width, title
from analysis.findings import Findings
from analysis.labels import size_of, slug
from analysis.study import Group
from metrics import Floats


def draw_outcomes(findings: Findings, group: Group) -> Drawing | str:
    """Heat map of the Spearman correlations between outcomes, or why it cannot be drawn."""
    table = findings.correlations.between
    plain = (table["method"] == "spearman") & (table["given"] == "")
    rows = table[(table["supernet"] == group.label) & plain]
    known = rows[rows["reason"] == ""]
    usable = {*known["outcome"], *known["other"]}
    names = [o.name for o in findings.study.outcomes if o.name in usable]
    if len(names) < 2:
        return "fewer than two outcomes can be correlated"
    data = known[known["outcome"].isin(names) & known["other"].isin(names)]
    margins = Margins(left=label_width(names), bottom=1.15, top=0.75, right=0.3)
    panel = (2.0 + 0.85 * (len(names) - 1), 0.5 * max(len(names) - 1, 2))
    figure, ((ax,),) = grid((1, 1), panel, margins)
    _heatmap(ax, data, names)
    title(
        figure,
        f"F7  {group.label}: how the kinds of robustness go together",
        f"{size_of(group)}; Spearman correlation {RHO} with 95 % interval",
    )
    caption = (
        f"Spearman correlation between outcomes over {size_of(group)}, with 95 % intervals "
        "(crossed bootstrap over design units and images). Outcomes judged on the same images "
        f"share their luck. Conditional on the {group.conditional_on}."
    )
    return Drawing(f"F7_outcomes_{slug(group.label)}", caption, figure, data)


def _heatmap(ax: Axes, data: pd.DataFrame, names: list[str]) -> None:
    """Lower triangle of the correlations, each cell with its interval."""
    estimate, low, high = (_square(data, name, names) for name in ("estimate", "low", "high"))
    text = [
        [f"{estimate[i, j]:.2f}\n[{low[i, j]:.2f}, {high[i, j]:.2f}]" for j in range(len(names))]
        for i in range(len(names))
    ]
    sns.heatmap(
        estimate[1:, :-1],
        mask=np.triu(np.ones((len(names) - 1,) * 2, bool), 1),
        annot=np.array(text)[1:, :-1],
        fmt="",
        annot_kws={"fontsize": 6.4},
        vmin=-1,
        vmax=1,
        cmap="vlag",
        linewidths=0.6,
        xticklabels=names[:-1],
        yticklabels=names[1:],
        cbar_kws={"label": f"Spearman {RHO}", "shrink": 0.7, "pad": 0.02},
        ax=ax,
    )
    ax.tick_params(axis="x", labelrotation=40)
    for label in ax.get_xticklabels():
        label.set_horizontalalignment("right")
        label.set_rotation_mode("anchor")
    ax.grid(visible=False)


def _square(rows: pd.DataFrame, column: str, names: list[str]) -> Floats:
    """(O, O) values of a column, in the order of names; rows hold every pair once."""
    turned = rows.rename(columns={"outcome": "other", "other": "outcome"})
    both = pd.concat([rows, turned]).pivot(index="outcome", columns="other", values=column)
    return both.reindex(index=names, columns=names).to_numpy(dtype=float)
