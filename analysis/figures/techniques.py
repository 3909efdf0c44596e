"""F3: what each training technique changes, by family of networks and kind of noise."""

from collections.abc import Iterator

import pandas as pd

from analysis.claims.adversarial_training import conditional, difference
from analysis.claims.claim import Gap
from analysis.claims.kinds import techniques, twins
from analysis.figures.drawing import Drawing, Margins, grid, label_width, title
from analysis.figures.families import (
    dots_height,
    families_of,
    family_dots,
    family_legend,
    legend_width,
)
from analysis.findings import Findings
from analysis.study import Study
from analysis.summary import HEADLINES

NO_TWINS = (
    "no network was trained both with and without a technique and otherwise alike: train the same "
    "architecture, or supernet, again with one technique more"
)


def draw_techniques(findings: Findings) -> Drawing | str:
    """Differences between networks trained with and without a technique, or why there are none."""
    study = findings.study
    data = pd.DataFrame(_differences(study))
    if data.empty:
        return NO_TWINS
    known = data[data["reason"] == ""]
    if known.empty:
        return f"no difference has an interval: {data['reason'].iloc[0]}"
    names = sorted(set(data["name"]))
    outcomes = [name for name in HEADLINES if name in set(known["outcome"])]
    everyone = families_of(study.networks.assign(technique=""))
    families = [f for f in everyone if f.label in set(known["family"])]
    margins = Margins(
        left=label_width(names), bottom=0.55, right=0.1 + legend_width(families), across=0.2
    )
    height = dots_height(names, families)
    figure, (axes,) = grid((1, len(outcomes)), (2.3, height), margins)
    for ax, outcome in zip(axes, outcomes, strict=True):
        family_dots(ax, known[known["outcome"] == outcome], names, families)
        ax.set_title(outcome, fontweight="bold", y=1.0)
        ax.set_xlabel("change (points)")
    left = 1 - legend_width(families) / figure.get_figwidth()
    family_legend(figure, axes[0], families, left)
    pairs = int(known.groupby(["name", "family"])["pairs"].first().sum())
    title(
        figure,
        "F3  what training techniques change",
        f"{pairs:,} pairs of networks alike but for the technique; 95 % intervals",
    )
    caption = (
        f"Accuracy with a technique minus without, mean over pairs of networks of one architecture "
        f"and seed that are trained alike otherwise ({pairs:,} pairs), on the same images, with "
        "95 % intervals over networks and images where a family has pairs enough, else over images "
        "(the column `over`). Not corrected for looking at several techniques. Conditional on the "
        "weights: another training run of the same recipe would differ."
    )
    return Drawing("F3_techniques", caption, figure, data)


def _differences(study: Study) -> Iterator[dict[str, object]]:
    """A row per technique, family and outcome."""
    labels = [techniques(str(label)) for label in study.networks["technique"]]
    families = study.networks["family"].to_numpy(dtype=str)
    for name in sorted(set().union(*labels)):
        with_it, without = twins(study, frozenset({name}))
        for family in sorted(set(families[with_it])):
            own = families[with_it] == family
            pairs = (with_it[own], without[own])
            for outcome in HEADLINES:
                made = difference(study, pairs, outcome, family, name)
                row = {
                    "name": name,
                    "family": family,
                    "outcome": outcome,
                    "pairs": int(own.sum()),
                    "conditional_on": conditional(study, pairs),
                }
                if isinstance(made, Gap):
                    yield row | {"reason": made.missing}
                else:
                    effect = made.effect
                    yield row | {
                        "change_pp": effect.value,
                        "low": effect.low,
                        "high": effect.high,
                        "over": made.conditional_on.rpartition("over ")[2],
                        "mark": made.mark,
                        "reason": "",
                    }
