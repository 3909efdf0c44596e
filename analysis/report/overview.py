"""The head of the report: how much was measured, and what matters most under every noise."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.findings import Findings
from analysis.report.notation import signed
from analysis.study import Group
from analysis.summary import HEADLINES, NOISE, is_clear


@dataclass(frozen=True)
class Glance:
    """What one supernet's networks do under one noise, and which factors are behind it.

    Attributes:
        noise: In words.
        family: Name of the outcome, for its colour.
        median: Median accuracy over the networks, in %.
        spread: Least and greatest, in %.
        factors: At most three distinguishable effects: factor, points per standard deviation with
            its interval, and whether it is above 0; strongest first.
        rest: What is said instead of, or besides, them.
    """

    noise: str
    family: str
    median: str
    spread: str
    factors: tuple[tuple[str, str, bool], ...]
    rest: str


SHOWN = 3


def cards(findings: Findings) -> list[tuple[str, str]]:
    """Numbers at the head of the page, each with what it counts."""
    study = findings.study
    images = int(study.counts[0].max(initial=0))
    attacks = [m for m, f in enumerate(study.conditions["family"]) if f == "adversarial"]
    shown = [
        (f"{len(study.networks):,}", _noun(len(study.networks), "network")),
        (f"{len(study.conditions):,}", _noun(len(study.conditions), "condition")),
        (f"{images:,}", _noun(images, "image")),
    ]
    if attacks:
        attacked = int(study.counts[0][:, attacks].max(initial=0))
        shown.append((f"{attacked:,}", f"{_noun(attacked, 'image')} attacked"))
    failed = sum(study.left_out.values())
    return [*shown, (f"{failed:,}", f"{_noun(failed, 'network')} left out")] if failed else shown


def _noun(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"


def glances(findings: Findings) -> list[tuple[str, list[Glance]]]:
    """For every supernet, a line per kind of noise that was scored."""
    scored = [name for name in HEADLINES if findings.study.score(name) is not None]
    return [
        (group.label, [_glance(findings, group, name) for name in scored])
        for group in findings.study.groups
    ]


def _glance(findings: Findings, group: Group, name: str) -> Glance:
    score = findings.study.score(name)
    assert score is not None
    value = 100 * score.estimate.value[group.rows]
    table = findings.regressions.table
    rows = table[(table["supernet"] == group.label) & (table["outcome"] == name)]
    known = rows[rows["reason"] == ""]
    clear = known[is_clear(known)] if len(known) else known
    return Glance(
        noise=NOISE[name],
        family=name,
        median=f"{np.median(value):.1f}",
        spread=f"{value.min():.1f} to {value.max():.1f}",
        factors=_strongest(clear),
        rest=_rest(known, clear),
    )


def _strongest(clear: pd.DataFrame) -> tuple[tuple[str, str, bool], ...]:
    order = np.argsort(-clear["coefficient"].abs().to_numpy(dtype=float), kind="stable")[:SHOWN]
    return tuple(
        (
            str(row["factor"]),
            f"{signed(row['effect_pp'])} "
            f"[{signed(row['effect_low'])}, {signed(row['effect_high'])}]",
            bool(row["effect_pp"] > 0),
        )
        for row in clear.iloc[order].to_dict("records")
    )


def _rest(known: pd.DataFrame, clear: pd.DataFrame) -> str:
    if known.empty:
        return "no regression (the sentences below say why)"
    if clear.empty:
        return "no factor has a distinguishable effect"
    more = len(clear) - SHOWN
    return f"and {more} more" if more > 0 else ""


def leads(sentences: tuple[str, ...]) -> list[tuple[str, str]]:
    """Every sentence as what it is about, up to its first colon, and the rest."""
    parts = [sentence.partition(": ") for sentence in sentences]
    return [(f"{lead}: ", rest) if rest else ("", lead) for lead, _, rest in parts]
