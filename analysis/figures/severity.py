"""severity: how accuracy falls as a noise gets stronger, by family of networks."""

import json
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.drawing import Drawing, Margins, grid, title
from analysis.figures.families import (
    COUNTS_ONLY,
    OVER_IMAGES,
    Family,
    error_bars,
    families_of,
    family_legend,
    legend_width,
    mean_accuracy,
)
from analysis.figures.size import attack_columns
from analysis.findings import Findings
from analysis.study import Study
from metrics import Bits

ACROSS = 5


class Noise(NamedTuple):
    """A noise at several strengths.

    Attributes:
        name: "fog", "pgd_linf".
        axis: What its strengths are called.
        columns: Positions of its conditions, the weakest first.
        strengths: Of the columns; 0 is without noise.
    """

    name: str
    axis: str
    columns: list[int]
    strengths: list[int]


def draw_severity(findings: Findings) -> Drawing | str:
    """Mean accuracy of every family along the strengths of every noise, or why there is none."""
    study = findings.study
    noises = _noises(study)
    if not noises:
        return "no noise was tried at two strengths"
    families = families_of(study.networks)
    across = min(ACROSS, len(noises))
    down = -(-len(noises) // across)
    margins = Margins(
        left=0.75, bottom=0.55, right=0.1 + legend_width(families), across=0.15, down=0.75
    )
    figure, axes = grid((down, across), (1.75, 1.4), margins, sharey="all")
    panels = [ax for row in axes for ax in row]
    rows = []
    for ax, noise in zip(panels, noises, strict=False):
        rows += [_line(ax, study, noise, family) for family in families]
        ax.set_title(noise.name, y=1.0)
        ax.set_xticks(noise.strengths)
        ax.set_xlabel(noise.axis)
    for ax in panels[len(noises) :]:
        ax.set_axis_off()
    for row in axes:
        row[0].set_ylabel("accuracy (%)")
    left = 1 - legend_width(families) / figure.get_figwidth()
    family_legend(figure, axes[0][0], families, left)
    count = len(study.networks)
    title(
        figure,
        "severity: how accuracy falls as a noise gets stronger",
        f"means over {count:,} networks by family"
        + ("" if study.counted else "; bars: 95 % intervals over images"),
    )
    least, most = int(study.counts[0].min()), int(study.counts[0].max())
    caption = (
        f"Mean accuracy of the networks of each family ({count:,} in all) under each noise, by "
        f"strength; 0 is without noise, on the images that the noise was tried on. "
        f"{COUNTS_ONLY if study.counted else OVER_IMAGES} ({least:,} to {most:,} per condition), "
        "not for other networks. Strengths of different noises are not comparable. Conditional on "
        "the weights of the networks."
    )
    return Drawing("severity", caption, figure, pd.concat(rows, ignore_index=True))


def _noises(study: Study) -> list[Noise]:
    """Natural noises by severity, then attacks by budget, those of two strengths or more."""
    table = study.conditions
    natural: dict[str, list[int]] = {}
    part = table[table["family"] == "natural"].sort_values("severity", kind="stable")
    for column, row in part.iterrows():
        told = json.loads(str(row["parameters"]) or "{}")
        name = str(told.get("noise") or str(row["name"]).rpartition("_s")[0] or row["name"])
        natural.setdefault(name, []).append(int(str(column)))
    clean = np.flatnonzero((table["family"] == "clean").to_numpy())[:1].tolist()
    order = sorted(natural, key=lambda name: min(natural[name]))
    found = []
    for axis, noises in (
        ("severity", {name: natural[name] for name in order}),
        ("budget, by rank", attack_columns(table)),
    ):
        for name, columns in noises.items():
            strengths = [int(table["severity"].iloc[c]) for c in columns]
            if len(set(strengths)) == len(strengths) >= 2:
                found.append(Noise(name, axis, [*clean, *columns], [0] * len(clean) + strengths))
    return found


def _line(ax: Axes, study: Study, noise: Noise, family: Family) -> pd.DataFrame:
    """One family along the strengths; its numbers."""
    # without noise on the same images, so that the fall is the noise's own
    images: Bits = np.all(study.evaluated[family.rows][:, noise.columns], axis=(0, 1))
    made = mean_accuracy(study, family.rows, noise.columns, images)
    error_bars(ax, np.array(noise.strengths, float), made, family)
    return pd.DataFrame(
        {
            "noise": noise.name,
            "strength": noise.strengths,
            "condition": study.conditions["name"].iloc[noise.columns].to_numpy(),
            "family": family.label,
            "networks": len(family.rows),
            "accuracy_percent": 100 * made.value,
            "low": 100 * made.low,
            "high": 100 * made.high,
        }
    )
