"""F4: robustness of subnets against MACs and every factor, with correlations and intervals."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from analysis.correlations import unusable_factors
from analysis.figures.drawing import COLOURS, INK, RHO, Drawing, Margins, grid, label_width, title
from analysis.findings import Findings
from analysis.labels import (
    factor_label,
    factor_order,
    factor_scale,
    outcome_label,
    size_of,
    slug,
)
from analysis.regressions import DESIGN_FACTORS
from analysis.scores import Score
from analysis.study import Group
from metrics import Floats

ROWS = ("clean", "adversarial", "natural", "system")
FEW = 12  # a factor with no more values than this is shown value by value
BINS = 6
ENOUGH = 5  # networks that a mean needs


def draw_factors(findings: Findings, group: Group) -> Drawing | str:
    """Scatter of accuracy against MACs and the design factors, or why it cannot be drawn."""
    study = findings.study
    factors = study.factors.iloc[group.rows]
    unusable = unusable_factors(factors)
    wanted = [n for n in ("macs", *DESIGN_FACTORS) if n in factors and n not in unusable]
    scores = [score for name in ROWS if (score := study.score(name)) is not None]
    if not wanted or not scores:
        return "no factor varies between its networks" if scores else "no outcome was scored"
    margins = Margins(left=0.75, bottom=0.55)
    figure, axes = grid((len(scores), len(wanted)), (1.85, 1.55), margins, sharex="col")
    data = study.networks.iloc[group.rows][["id", "design", "pair"]].reset_index(drop=True)
    for column, name in enumerate(wanted):
        values = factors[name].to_numpy() / factor_scale(name)
        data[name] = factors[name].to_numpy()
        for row, score in enumerate(scores):
            share = 100 * score.estimate.value[group.rows]
            data[f"{score.outcome.name}_percent"] = share
            _panel(axes[row][column], values, share, score)
            text, weight = _correlation(findings, group, name, score.outcome.name)
            axes[row][column].set_title(text, fontweight=weight, y=1.0)
        axes[-1][column].set_xlabel(factor_label(name, study.factor_units.get(name, "")))
        _ticks(axes[-1][column], name, values)
    for row, score in enumerate(scores):
        axes[row][0].set_ylabel(outcome_label(score.outcome))
    title(
        figure,
        f"F4  {group.label}: accuracy against MACs and design factors",
        f"{size_of(group)}; Spearman correlation {RHO} with 95 % interval, bold where q < 0.05",
    )
    caption = (
        f"Each dot is a network ({size_of(group)}); black: mean per value with {ENOUGH} networks "
        "or more, or per sixth of the networks where a factor has many values. Above each panel "
        "the Spearman correlation with its 95 % interval (crossed bootstrap over design units and "
        "images), bold where q < 0.05. Discrete factors are jittered sideways. Conditional on the "
        f"{group.conditional_on}."
    )
    return Drawing(f"F4_factors_{slug(group.label)}", caption, figure, data)


def _panel(ax: Axes, values: Floats, share: Floats, score: Score) -> None:
    """Dots of all networks and the means along the factor."""
    distinct = np.unique(values)
    shown = values
    if len(distinct) <= FEW:
        # sideways jitter that is the same in every run; it moves no value past half-way
        gap = float(np.diff(distinct).min())
        shown = values + np.random.default_rng(0).uniform(-0.28, 0.28, len(values)) * gap
        parts = [np.flatnonzero(values == value) for value in distinct]
    else:
        parts = np.array_split(np.argsort(values, kind="stable"), BINS)
    parts = [part for part in parts if len(part) >= ENOUGH]
    places = [float(np.median(values[part])) for part in parts]
    means = [float(np.mean(share[part])) for part in parts]
    colour = COLOURS[score.outcome.family]
    ax.scatter(shown, share, s=9, color=colour, alpha=0.35, linewidth=0)
    ax.plot(places, means, "o-", color=INK, markersize=3.5, linewidth=1.1)


def _ticks(ax: Axes, name: str, values: Floats) -> None:
    """Plain numbers: the factor's own values where they are few, 1-2-5 steps or tens of MACs."""
    distinct = np.unique(values)
    if name == "macs":
        ax.set_xscale("log")
        wide = distinct[-1] > 40 * distinct[0]
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_locator(NullLocator())
    elif len(distinct) <= BINS and np.array_equal(distinct, np.round(distinct)):
        ax.set_xticks(distinct, [f"{v:g}" for v in distinct])
    else:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))


def _correlation(findings: Findings, group: Group, factor: str, outcome: str) -> tuple[str, str]:
    """Panel title (Spearman with interval, or why not) and its weight."""
    table = findings.correlations.factors
    chosen = (
        (table["supernet"] == group.label)
        & (table["factor"] == factor)
        & (table["outcome"] == outcome)
        & (table["method"] == "spearman")
        & (table["given"] == "")
    )
    row = table[chosen].iloc[0]
    if row["reason"]:
        return ("too few units" if "fewer" in row["reason"] else "not estimable"), "normal"
    text = f"{RHO} {row['estimate']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]"
    return text, "bold" if row["q"] < 0.05 else "normal"


def draw_stages(findings: Findings, group: Group) -> Drawing | str:
    """Correlation of every factor, per stage too, with its interval, or why it cannot be drawn."""
    table = findings.correlations.factors
    chosen = (
        (table["supernet"] == group.label)
        & (table["method"] == "spearman")
        & (table["given"] == "")
        & (table["level"] == "outcome")
        & table["outcome"].isin(ROWS)
        & (table["reason"] == "")
    )
    data = table[chosen]
    outcomes = [o for o in findings.study.outcomes if o.name in set(data["outcome"])]
    if not outcomes:
        return "no correlation could be estimated"
    names = factor_order(list(dict.fromkeys(data["factor"])))
    margins = Margins(left=label_width(names), bottom=0.6)
    panel = (2.5, 0.12 + 0.23 * len(names))
    figure, (axes,) = grid((1, len(outcomes)), panel, margins, sharex="all")
    for ax, outcome in zip(axes, outcomes, strict=True):
        part = data[data["outcome"] == outcome.name].set_index("factor").reindex(names)
        _intervals(ax, part, COLOURS[outcome.family])
        ax.set_title(outcome.name, fontweight="bold", y=1.0)
        ax.set_xlabel(f"Spearman {RHO}")
        ax.set_xlim(-1.15, 1.15)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    title(
        figure,
        f"F4  {group.label}: correlation of every factor with accuracy",
        f"{size_of(group)}; 95 % intervals, filled where q < 0.05",
    )
    caption = (
        f"Spearman correlation over {size_of(group)} with 95 % intervals (crossed bootstrap over "
        "design units and images); filled where q < 0.05 after correction over the whole table. "
        "One factor at a time: factors that go together share their correlation. Conditional on "
        f"the {group.conditional_on}."
    )
    return Drawing(f"F4_stages_{slug(group.label)}", caption, figure, data)


def _intervals(ax: Axes, rows: pd.DataFrame, colour: str) -> None:
    """Dots with intervals, filled where the false-discovery rate is controlled."""
    y = np.arange(len(rows))
    ax.axvline(0, color="#888888", linewidth=0.8)
    ax.hlines(y, rows["low"], rows["high"], color=colour, linewidth=1.4)
    clear = (rows["q"] < 0.05).to_numpy()
    for where, face in ((clear, colour), (~clear, "white")):
        ax.scatter(
            rows["estimate"][where], y[where], s=22, facecolor=face, edgecolor=colour, zorder=3
        )
