"""pairs: what one step of each gene does, everything else equal."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.drawing import (
    COLOURS,
    INK,
    Drawing,
    Margins,
    grid,
    label_width,
    legend,
    title,
)
from analysis.findings import Findings
from analysis.labels import size_of, slug
from analysis.outcomes import Outcome
from analysis.pairs.contrasts import EQUAL_MACS, MATCHED
from analysis.pairs.crossed import FEWEST
from analysis.study import Group
from analysis.summary import ALPHA, HEADLINES

MARKS = {MATCHED: ("o", "all else equal"), EQUAL_MACS: ("D", "at equal MACs")}


def draw_pairs(findings: Findings, group: Group) -> Drawing | str:
    """Forest plot of matched-pair effects by kind of gene and gene, or why it cannot be drawn."""
    table = findings.pairs
    own = table[(table["supernet"] == group.label) & table["outcome"].isin(HEADLINES)]
    data = own[(own["reason"] == "") & own["level"].isin(("kind", "gene"))]
    outcomes = [o for o in findings.study.outcomes if o.name in set(data["outcome"])]
    if not outcomes:
        return "; ".join(dict.fromkeys(own["reason"])) or "no outcome was scored"
    data = data.assign(label=_labels(data))
    names = _order(data)
    kinds = int(data.loc[data["level"] == "kind", "kind"].nunique())
    shown = [f"{name} (n={_units(data, name)})" for name in names]
    margins = Margins(left=label_width(shown), bottom=0.6, top=1.1)
    figure, (axes,) = grid((1, len(outcomes)), (2.5, 0.12 + 0.25 * len(names)), margins)
    for ax, outcome in zip(axes, outcomes, strict=True):
        _panel(ax, data[data["outcome"] == outcome.name], names, outcome)
        ax.axhline(kinds - 0.5, color=INK, linewidth=0.8)
    axes[0].set_yticks(range(len(names)), shown)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    used = [(mark, text) for name, (mark, text) in MARKS.items() if name in set(data["comparison"])]
    legend(figure, axes[0], used)
    text = (
        "percentage points per step of the gene (to the next larger choice); each panel its scale"
    )
    figure.text(0.5, 0.12 / figure.get_figheight(), text, ha="center", fontsize=9)
    title(
        figure,
        f"pairs  {group.label}: what one step of a gene does, matched networks compared",
        "95 % intervals, filled where q < 0.05; n: design units; above the line genes of a kind",
    )
    return Drawing(f"pairs_{slug(group.label)}", _caption(data, group), figure, data)


def _caption(data: pd.DataFrame, group: Group) -> str:
    whole = data[data["level"] == "kind"]
    pairs = int(whole.groupby("outcome")["pairs"].sum().max())
    return (
        f"Mean difference of accuracy between networks of one design unit ({size_of(group)}) that "
        "differ in one gene (larger choice minus smaller, per step of its choices), or, at equal "
        "MACs, also in widths or ratios that pay for it; with 95 % intervals over design units and "
        "images, which all pairs share; filled where q < 0.05 over the whole table. "
        f"{pairs:,} pairs; n counts their design units. Genes with fewer than {FEWEST} units are "
        f"left out. Conditional on the {group.conditional_on}."
    )


def _labels(data: pd.DataFrame) -> list[str]:
    """The kind, or the gene with its stage and block."""
    return [
        f"any {kind}" if level == "kind" else gene
        for level, kind, gene in zip(data["level"], data["kind"], data["gene"], strict=True)
    ]


def _order(data: pd.DataFrame) -> list[str]:
    """Kinds, then the genes kind by kind; a gene that is alone of its kind is not repeated."""
    kinds = list(dict.fromkeys(data["kind"]))
    genes = {k: list(dict.fromkeys(data.loc[data["kind"] == k, "gene"])) for k in kinds}
    below = [gene for k in kinds for gene in sorted(set(genes[k]) - {"", k})]
    return [f"any {k}" for k in kinds] + below


def _units(data: pd.DataFrame, name: str) -> str:
    """Design units behind a row, of each comparison."""
    rows = data[data["label"] == name].drop_duplicates("comparison")
    return ", ".join(f"{int(units)}" for units in rows["units"])


def _panel(ax: Axes, rows: pd.DataFrame, names: list[str], outcome: Outcome) -> None:
    """Dots with intervals; comparisons of one gene stand side by side."""
    colour = COLOURS[outcome.family]
    ax.axvline(0, color="#888888", linewidth=0.8)
    both = rows["comparison"].nunique() > 1
    for place, (comparison, (mark, _)) in enumerate(MARKS.items()):
        part = rows[(rows["comparison"] == comparison) & rows["label"].isin(names)]
        y = np.array([names.index(name) for name in part["label"]], float)
        y += (0.3 * place - 0.15) * both
        ax.hlines(y, part["low"], part["high"], color=colour, linewidth=1.4)
        clear = (part["q"] < ALPHA).to_numpy()
        for where, face in ((clear, colour), (~clear, "white")):
            points = (part["effect_pp"][where], y[where])
            ax.scatter(*points, s=22, marker=mark, facecolor=face, edgecolor=colour, zorder=3)
    ax.set_title(outcome.name, fontweight="bold", y=1.0)
