"""interactions: by how much one gene does more when another is larger."""

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.drawing import Drawing, Margins, grid, label_width, title
from analysis.findings import Findings
from analysis.labels import size_of, slug
from analysis.pairs.crossed import FEWEST
from analysis.study import Group
from analysis.summary import ALPHA, HEADLINES

MAP = "PuOr_r"  # diverging, distinguishable with every common form of colour blindness
UNKNOWN = "#f2f2f2"
LIGHT = 0.27  # how far from the middle of the map colours go, so that black ink stays readable


def draw_interactions(findings: Findings, group: Group) -> Drawing | str:
    """Map of differences of differences between kinds of gene, or why it cannot be drawn."""
    table = findings.interactions
    own = table[(table["supernet"] == group.label) & table["outcome"].isin(HEADLINES)]
    data = own[own["reason"] == ""]
    outcomes = [o for o in findings.study.outcomes if o.name in set(data["outcome"])]
    if not outcomes:
        return "; ".join(dict.fromkeys(own["reason"])) or "no outcome was scored"
    names = _order(data)
    cells = len(names) - 1
    margins = Margins(left=label_width(names), bottom=0.95, across=0.25)
    figure, (axes,) = grid((1, len(outcomes)), (0.72 * cells, 0.45 * cells), margins)
    for ax, outcome in zip(axes, outcomes, strict=True):
        _panel(ax, data[data["outcome"] == outcome.name], names)
        ax.set_title(outcome.name, fontweight="bold", y=1.0)
    axes[0].set_yticks(range(1, len(names)), names[1:])
    axes[0].set_ylim(len(names) - 0.5, 0.5)
    counts = sorted({int(units) for units in data["units"]})
    units = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1])))) + " design units a cell"
    title(
        figure,
        f"interactions  {group.label}: what a step of one gene does more per step of the other",
        f"percentage points [95 % interval]; {units}; bold where q < 0.05; one scale per panel",
    )
    return Drawing(f"interactions_{slug(group.label)}", _caption(group, units), figure, data)


def _caption(group: Group, units: str) -> str:
    return (
        "Difference of differences between the four networks of a cube's face "
        f"({size_of(group)} in all), in percentage points per step of both genes (by how much a "
        "step of one does more when the other is a step larger), mean over faces, with 95 % "
        "intervals over design units and images; bold where q < 0.05 over the whole table. "
        f"{units}; grey: fewer than {FEWEST}, or the kinds never vary together. Conditional on "
        f"the {group.conditional_on}."
    )


def _order(data: pd.DataFrame) -> list[str]:
    """Kinds of gene, each before those it is the first of a pair with."""
    first, second = list(dict.fromkeys(data["first"])), list(dict.fromkeys(data["second"]))
    partners = {name: set(data.loc[data["second"] == name, "first"]) for name in first + second}
    return sorted(partners, key=lambda name: len(partners[name]))


def _panel(ax: Axes, rows: pd.DataFrame, names: list[str]) -> None:
    """One cell per two kinds, below the diagonal, coloured by size and told in numbers."""
    ax.grid(visible=False)
    ax.set_xlim(-0.5, len(names) - 1.5)
    ax.set_xticks(range(len(names) - 1), names[:-1], rotation=40, ha="right")
    known: dict[tuple[int, ...], dict[Any, Any]] = {
        tuple(sorted((names.index(row["first"]), names.index(row["second"])))): row
        for row in rows.to_dict("records")
    }
    most = max(abs(row["effect_pp"]) for row in known.values())
    for y in range(len(names)):
        for x in range(y):
            row = known.get((x, y))
            shade = 0.5 + LIGHT * row["effect_pp"] / max(most, 1e-12) if row else 0.5
            colour = mpl.colormaps[MAP](shade) if row else UNKNOWN
            ax.fill_between([x - 0.5, x + 0.5], y - 0.5, y + 0.5, color=colour, linewidth=0)
            if row:
                weight = "bold" if row["q"] < ALPHA else "normal"
                text = f"{round(row['effect_pp'], 2) + 0.0:+.2f}"
                ax.text(x, y - 0.16, text, ha="center", va="center", fontsize=8, fontweight=weight)
                limits = f"[{row['low']:.2f}, {row['high']:.2f}]"
                ax.text(x, y + 0.22, limits, ha="center", va="center", fontsize=6)
