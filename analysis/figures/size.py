"""F1 and F2: robustness against the size of networks, by family; by strength of the attack."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from analysis.figures.drawing import INK, MANY, Drawing, Margins, Share, grid, title
from analysis.figures.families import (
    COUNTS_ONLY,
    Family,
    error_bars,
    families_of,
    family_legend,
    legend_width,
)
from analysis.findings import Findings
from analysis.labels import factor_label, factor_scale, outcome_label
from analysis.study import Study
from analysis.summary import HEADLINES
from metrics import Estimate, Floats, wilson

SIZES = ("parameters", "macs")
BARS = 60  # networks up to which each shows its interval
TREND = 18  # networks from which a family shows its mean
PARTS = 6  # of a family, by size, that are averaged


def draw_size(findings: Findings) -> Drawing | str:
    """Accuracy against parameters and MACs for every kind of noise, or why it cannot be drawn."""
    study = findings.study
    sizes = [name for name in SIZES if _known(study, name)]
    scores = [score for name in HEADLINES if (score := study.score(name)) is not None]
    if not sizes or not scores:
        return "no outcome was scored" if sizes else "neither parameters nor MACs are known"
    families = families_of(study.networks)
    figure, axes = _grid((len(scores), len(sizes)), families)
    table = study.networks[["id", "family", "technique"]].reset_index(drop=True)
    for name in sizes:
        table[name] = study.factors[name].to_numpy()
    for row, score in enumerate(scores):
        made, outcome = score.estimate, score.outcome.name
        for part in ("value", "low", "high"):
            column = f"{outcome}_percent" if part == "value" else f"{outcome}_{part}"
            table[column] = 100 * getattr(made, part)
        for ax, name in zip(axes[row], sizes, strict=True):
            _panel(ax, _sizes(study, name), made, families)
        axes[row][0].set_ylabel(outcome_label(score.outcome))
    for ax, name in zip(axes[-1], sizes, strict=True):
        ax.set_xlabel(factor_label(name, ""))
    title(figure, "F1  robustness against the size of networks", _detail(study, families))
    reach = [s.estimate.high - s.estimate.low for s in scores]
    return Drawing("F1_size", _caption(study, families, reach), figure, table)


def draw_strength(findings: Findings) -> Drawing | str:
    """Robust accuracy against MACs for every attack and budget, or why it cannot be drawn."""
    study = findings.study
    attacks = attack_columns(study.conditions)
    if not attacks:
        return "the protocol has no attack"
    if not _known(study, "macs"):
        return "MACs are not known"
    families = families_of(study.networks)
    across = max(len(columns) for columns in attacks.values())
    figure, axes = _grid((len(attacks), across), families, "all")
    table = study.networks[["id", "family", "technique"]].reset_index(drop=True)
    table["macs"] = study.factors["macs"].to_numpy()
    tried, right = study.counts
    reach = []
    for row, (attack, columns) in enumerate(attacks.items()):
        for ax, column in zip(axes[row], columns, strict=False):
            trials = tried[:, column].astype(float)
            made = wilson(right[:, column].astype(float), trials)
            reach.append(made.high - made.low)
            condition = study.conditions.iloc[column]
            for part in ("value", "low", "high"):
                table[f"{condition['name']}_{part}"] = 100 * getattr(made, part)
            _panel(ax, _sizes(study, "macs"), made, families)
            ax.set_title(f"{attack}, {_budget(condition)}", y=1.0)
        for ax in axes[row][len(columns) :]:
            ax.set_axis_off()
        axes[row][0].set_ylabel("robust accuracy (%)")
    for ax in axes[-1]:
        ax.set_xlabel("MACs (millions)")
    title(figure, "F2  robustness against size, by strength", _detail(study, families))
    images = int(tried[:, [c for columns in attacks.values() for c in columns]].max())
    caption = _caption(study, families, reach) + f" Attacked images: at most {images:,}."
    return Drawing("F2_strength", caption, figure, table)


def attack_columns(conditions: pd.DataFrame) -> dict[str, list[int]]:
    """Attack to positions of its conditions, by rising budget."""
    found: dict[str, list[int]] = {}
    attacks = conditions[conditions["family"] == "adversarial"]
    for column, row in attacks.sort_values("severity", kind="stable").iterrows():
        found.setdefault(str(row["name"]).rpartition("_e")[0] or str(row["name"]), []).append(
            int(str(column))
        )
    return found


def _budget(condition: "pd.Series[str]") -> str:
    """The budget of an attack in words."""
    told = json.loads(str(condition["parameters"]) or "{}")
    if not isinstance(budget := told.get("budget"), int | float):
        return f"budget {condition['severity']}"
    if told.get("norm") == "linf":
        return f"radius {255 * budget:.3g}/255"
    return f"{str(told.get('norm', 'radius')).upper()} radius {budget:.3g}"


def _known(study: Study, name: str) -> bool:
    """Whether a size is known, and positive, for two networks at least."""
    return name in study.factors and int((study.factors[name] > 0).sum()) >= 2


def _sizes(study: Study, name: str) -> Floats:
    """(N,) in the unit shown; NaN where unknown."""
    values = study.factors[name].to_numpy(float) / factor_scale(name)
    return np.where(values > 0, values, np.nan)


def _grid(
    shape: tuple[int, int], families: Sequence[Family], sharey: Share = "row"
) -> tuple[Figure, list[list[Axes]]]:
    """Panels with a column beside them for the names of the families."""
    margins = Margins(left=0.75, bottom=0.55, right=0.1 + legend_width(families))
    figure, axes = grid(shape, (2.5, 1.7), margins, "col", sharey)
    width = figure.get_figwidth()
    family_legend(figure, axes[0][0], families, 1 - legend_width(families) / width)
    return figure, axes


def _panel(ax: Axes, sizes: Floats, made: Estimate, families: Sequence[Family]) -> None:
    """Every network, with its interval where they are few; means along the size of the many."""
    alone = len(sizes) <= BARS
    for family in families:
        x, y = sizes[family.rows], made.value[family.rows]
        if alone:
            own = Estimate(y, made.low[family.rows], made.high[family.rows])
            error_bars(ax, x, own, family, line="none")
            continue
        ax.scatter(
            x,
            100 * y,
            s=7,
            marker=family.marker,
            color=family.colour,
            alpha=0.3,
            linewidth=0,
            rasterized=len(x) > MANY,
        )
        known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        if len(known) < TREND:
            continue
        parts = np.array_split(known[np.argsort(x[known], kind="stable")], PARTS)
        ax.plot(
            [float(np.median(x[part])) for part in parts],
            [100 * float(np.mean(y[part])) for part in parts],
            marker=family.marker,
            color=family.colour,
            markeredgecolor=INK,
            markeredgewidth=0.5,
            markersize=5,
            linewidth=1.2,
        )
    ax.set_xscale("log")
    seen = sizes[np.isfinite(sizes)]
    span = seen.max() / seen.min()
    subs = (1.0, 2.0, 5.0) if span < 20 else (1.0, 3.0) if span < 200 else (1.0,)
    ax.xaxis.set_major_locator(LogLocator(subs=subs))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())


def _detail(study: Study, families: Sequence[Family]) -> str:
    count = len(study.networks)
    if count <= BARS:
        return f"{count:,} networks; bars: 95 % intervals over images"
    known = any(len(f.rows) >= TREND for f in families)
    return f"{count:,} networks" + (f"; lines: means of {PARTS} parts by size" if known else "")


def _caption(study: Study, families: Sequence[Family], widths: Sequence[Floats]) -> str:
    half = [50 * float(np.median(w[np.isfinite(w)])) for w in widths if np.isfinite(w).any()]
    shown = "drawn" if len(study.networks) <= BARS else "not drawn"
    interval = (
        f"95 % intervals of single networks over images ({shown}) reach "
        f"{min(half):.1f} to {max(half):.1f} points to either side (medians of the panels)"
        if half
        else COUNTS_ONLY
    )
    names = "; ".join(f"{f.label} ({len(f.rows):,})" for f in families[:12])
    return (
        f"Each mark is a network (n = {len(study.networks):,}: {names}"
        f"{'; and others' if len(families) > 12 else ''}). {interval}. Families differ in more "
        "than size, and networks of one supernet share its weights: no cause is claimed. Networks "
        "of one size may differ in much else. "
        "Conditional on the weights of the networks."
    )
