"""heatmap: how every factor goes with every single noise."""

import numpy as np
import pandas as pd
import seaborn as sns

from analysis.figures.drawing import RHO, Drawing, Margins, grid, label_width, title
from analysis.findings import Findings
from analysis.labels import factor_order, size_of, slug
from analysis.study import Group
from metrics import Floats

CLEAR = 0.05


def draw_heatmap(findings: Findings, group: Group) -> Drawing | str:
    """Spearman correlations of factors with single noises, or why they cannot be drawn."""
    table = findings.correlations.factors
    own = (table["supernet"] == group.label) & (table["method"] == "spearman")
    own &= (table["given"] == "") & (table["reason"] == "")
    clean = (table["level"] == "outcome") & (table["outcome"] == "clean")
    data = table[own & (clean | (table["level"] == "noise") | _alone(table))]
    whole = data[~data["factor"].str.contains("_stage")]
    if whole.empty:
        return "no correlation with a single noise could be estimated"
    factors = factor_order(list(dict.fromkeys(whole["factor"])))
    noises = list(dict.fromkeys(whole.sort_values("family", key=_rank, kind="stable")["outcome"]))
    margins = Margins(left=label_width(factors), bottom=label_width(noises) * 0.8, right=0.3)
    panel = (1.2 + 0.36 * len(noises), 0.3 * len(factors))
    figure, ((ax,),) = grid((1, 1), panel, margins)
    estimate, q = (_square(whole, name, factors, noises) for name in ("estimate", "q"))
    sns.heatmap(
        pd.DataFrame(estimate, factors, noises),
        annot=_words(estimate, q),
        fmt="",
        annot_kws={"fontsize": 5.8},
        vmin=-1,
        vmax=1,
        cmap="vlag",
        linewidths=0.4,
        cbar_kws={"label": f"Spearman {RHO}", "pad": 0.02},
        ax=ax,
    )
    ax.tick_params(axis="x", labelrotation=55)
    for label in ax.get_xticklabels():
        label.set_horizontalalignment("right")
        label.set_rotation_mode("anchor")
    ax.grid(visible=False)
    half = float(((whole["high"] - whole["low"]) / 2).median())
    title(
        figure,
        f"heatmap  {group.label}: factors and single noises",
        f"{size_of(group)}; Spearman {RHO}, * where q < {CLEAR:g}",
    )
    caption = (
        f"Spearman correlation of each factor with accuracy under each noise (mean over its "
        f"severities or budgets) over {size_of(group)}; a star where q < {CLEAR:g} after "
        f"correction over the whole table. 95 % intervals (crossed bootstrap over design units and "
        f"images) are in the CSV; half of them reach further than {half:.2f} to either side. One "
        f"factor at a time. Conditional on the {group.conditional_on}."
    )
    return Drawing(f"heatmap_{slug(group.label)}", caption, figure, whole)


def _alone(table: pd.DataFrame) -> "pd.Series[bool]":
    """Outcomes that are a noise by themselves: one attack."""
    attack = (table["level"] == "outcome") & (table["family"] == "adversarial")
    return attack & (table["outcome"] != "adversarial")


def _rank(families: "pd.Series[str]") -> "pd.Series[int]":
    order = ("clean", "adversarial", "transfer", "natural", "system", "inference")
    return families.map(lambda name: order.index(name) if name in order else len(order))


def _square(rows: pd.DataFrame, column: str, factors: list[str], noises: list[str]) -> Floats:
    """(F, O) values of a column."""
    wide = rows.pivot(index="factor", columns="outcome", values=column)
    return wide.reindex(index=factors, columns=noises).to_numpy(dtype=float)


def _words(estimate: Floats, q: Floats) -> "np.ndarray[tuple[int, int], np.dtype[np.str_]]":
    """Two digits in every cell, with a star where the correlation is clear."""

    def text(value: float, chance: float) -> str:
        if not np.isfinite(value):
            return ""
        return f"{value:.2f}".replace("0.", ".", 1) + ("*" if chance < CLEAR else "")

    return np.vectorize(text, otypes=[str])(estimate, q)  # type: ignore[no-any-return]
