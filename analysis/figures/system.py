"""F6: accuracy over decoders, resizers and colour conversions, against the reference's."""

import json
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from analysis.figures.drawing import Drawing, Margins, grid, label_width, title
from analysis.figures.families import (
    COUNTS_ONLY,
    Family,
    dots_height,
    families_of,
    family_dots,
    family_legend,
    legend_width,
)
from analysis.findings import Findings
from analysis.study import Study
from metrics import LEVEL, Floats

SPREAD = (10.0, 90.0)  # percentiles of networks


def draw_system(findings: Findings) -> Drawing | str:
    """Change of accuracy under every system variant, or why it cannot be drawn."""
    study = findings.study
    table = study.conditions
    system = np.flatnonzero((table["family"] == "system").to_numpy()).tolist()
    told = {c: json.loads(str(table["parameters"].iloc[c]) or "{}") for c in system}
    twins = [c for c in system if told[c].get("identical_to")]
    places = {str(name): c for c, name in enumerate(table["name"])}
    shown = [
        (c, places[reference])
        for c in system
        if c not in twins
        and (reference := str(table["reference"].iloc[c])) in places
        and reference != table["name"].iloc[c]
    ]
    if not shown:
        return "the protocol has no system noise beside its reference"
    families = families_of(study.networks)
    names = [str(table["name"].iloc[c]) for c, _ in shown]
    data = pd.DataFrame([row for family in families for row in _changes(study, shown, family)])
    margins = Margins(left=label_width(names), bottom=0.55, right=0.1 + legend_width(families))
    figure, ((ax,),) = grid((1, 1), (5.0, dots_height(names, families)), margins)
    family_dots(ax, data, names, families)
    ax.set_xlabel("accuracy against the reference decoder and resizer (points)")
    left = 1 - legend_width(families) / figure.get_figwidth()
    family_legend(figure, ax, families, left)
    count = len(study.networks)
    detail = f"{count:,} networks; pale: the middle 80 % of networks"
    if not study.counted:
        detail += "; bars: 95 % intervals of the mean over images"
    title(figure, "F6  accuracy over decoders and resizers", detail)
    images = f"{int(study.counts[0][:, [c for c, _ in shown]].max()):,}"
    caption = (
        f"Accuracy under each decoder, resizer or colour conversion minus accuracy under the "
        f"reference variant on the same images ({images}), mean over the networks of a family "
        f"({count:,} networks in all). "
        + (COUNTS_ONLY if study.counted else "Bars: 95 % intervals over images")
        + f"; pale: from the {SPREAD[0]:g}th to the {SPREAD[1]:g}th percentile of networks. "
        + (
            f"Pixel for pixel as another variant, not shown: {_named(study, twins)}. "
            if twins
            else ""
        )
        + "Conditional on the weights of the networks."
    )
    return Drawing("F6_system", caption, figure, data)


def _named(study: Study, columns: Sequence[int]) -> str:
    return ", ".join(str(study.conditions["name"].iloc[c]) for c in columns)


def _changes(
    study: Study, shown: Sequence[tuple[int, int]], family: Family
) -> Iterator[dict[str, object]]:
    """A row per variant: mean change over the networks, its interval, and their spread."""
    for column, reference in shown:
        row: dict[str, object] = {
            "name": str(study.conditions["name"].iloc[column]),
            "family": family.label,
            "networks": len(family.rows),
        }
        if study.counted:
            tried, right = (counts[family.rows] for counts in study.counts)
            with np.errstate(invalid="ignore", divide="ignore"):
                share = right / tried
            single = 100 * (share[:, column] - share[:, reference])
            value, low, high, images = float(single.mean()), np.nan, np.nan, int(tried.max())
        else:
            both = study.evaluated[family.rows][:, [column, reference]].all((0, 1))
            under, plain = (study.correct[family.rows, c][:, both] for c in (column, reference))
            change = 100.0 * (under.astype(float) - plain)
            single, per_image, images = change.mean(1), change.mean(0), int(both.sum())
            value, low, high = _interval(per_image)
        least, most = np.percentile(single, SPREAD)
        limits = {"change_pp": value, "low": low, "high": high}
        spread = {"percentile_10": least, "percentile_90": most, "images": images}
        yield row | limits | spread


def _interval(points: Floats) -> tuple[float, float, float]:
    """Mean over images and Student's interval; NaN limits where no two images differ."""
    value = float(points.mean())
    error = float(points.std(ddof=1)) / len(points) ** 0.5 if len(points) > 1 else 0.0
    if error == 0:
        return value, float("nan"), float("nan")
    reach = float(stats.t.ppf((1 + LEVEL) / 2, len(points) - 1)) * error
    return value, value - reach, value + reach
