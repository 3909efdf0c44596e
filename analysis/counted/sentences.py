"""What a counted file shows, in plain sentences."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.correlations.table import CorrelationTables
from analysis.counted.models import Model
from analysis.counted.regression_tables import least_reliability
from analysis.study import Group, Study

COUNTS_ONLY = (
    "The file holds counts without the outcomes of single images: networks are not compared image "
    "by image, nothing is said of the worst case over several attacks, and intervals about factors "
    "are over another draw of networks alone, with the images as they are."
)
NO_IMAGES = (
    "The number of images is not known for {names}: their accuracies have no intervals, and ties "
    "cannot be told."
)
ALPHA = 0.05
STRONG = 0.9  # rank correlation from which clean accuracy may stand for robustness (ours)


def counted_sentences(
    study: Study,
    models: Sequence[Model],
    correlations: CorrelationTables,
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame],
) -> list[str]:
    """The findings about every group of networks, each with its uncertainty.

    Args:
        study: The networks.
        models: One per group.
        correlations: Of factors and of outcomes.
        tables: Regressions, importance, levels, explained.
    """
    regressions, importance, levels, explained = tables
    said = [COUNTS_ONLY, *_unknown_images(study)]
    for model in models:
        group = model.group
        own = importance[(importance["supernet"] == group.label) & (importance["reason"] == "")]
        said += [_levels(study, group), *_explained(model, own, _luck_of_images(study, model))]
        said += _references(model)
        for name in headlines(study):
            if name in model.fits:
                said.append(_matters(group, name, own[own["outcome"] == name]))
                said += _operations(group, name, levels)
                said += _numbers(group, name, regressions)
        said += _ranks(study, group, correlations.between)
        said += _conditions(explained[explained["supernet"] == group.label])
    return said


def headlines(study: Study) -> list[str]:
    """Outcomes that sentences are about: no groups of corruptions, no worst of one attack."""
    names = [o.name for o in study.outcomes if not o.name.startswith("natural_")]
    single = sum(o.family == "adversarial" for o in study.outcomes) == 2
    return [name for name in names if not (single and name == "adversarial")]


def _unknown_images(study: Study) -> list[str]:
    unknown = study.uncounted
    if not unknown.any():
        return []
    names = [str(n) for n, u in zip(study.conditions["name"], unknown, strict=True) if u]
    text = "any condition" if unknown.all() else ", ".join(names)
    return [NO_IMAGES.format(names=text)]


def _levels(study: Study, group: Group) -> str:
    """Median and range of the outcomes over the networks of a group."""
    parts = []
    for name in headlines(study):
        score = study.score(name)
        assert score is not None  # headlines are scored
        value = 100 * score.estimate.value[group.rows]
        parts.append(f"{name} {np.median(value):.1f} % ({value.min():.1f} to {value.max():.1f})")
    count = f"{len(group.rows):,} network{'' if len(group.rows) == 1 else 's'}"
    return f"{group.label}: median accuracy over {count} (least to greatest): {', '.join(parts)}."


def _luck_of_images(study: Study, model: Model) -> str:
    """At most how much of the variance is due to which images were drawn, in words."""
    shares = [1 - least_reliability(study, model, name) for name in model.fits]
    if not shares or not np.isfinite(shares).all():
        return "and the luck of images"
    return f"and, for at most {100 * max(shares):.1f} % of the variance, the luck of images"


def _explained(model: Model, importance: pd.DataFrame, luck: str) -> list[str]:
    """How much of every outcome the main effects explain, or why nothing is said of it."""
    label = model.group.label
    if not model.fits:
        why = next(iter(model.reasons.values()), "no outcome was scored")
        several = [] if why.startswith("needs") else model.terms.dropped.items()
        dropped = sorted({f"{reason} ({name})" for name, reason in several})
        more = f" Left out: {'; '.join(dropped)}." if dropped else ""
        return [f"{label}: no regression on what was chosen: {why}.{more}"]
    first = importance.drop_duplicates("outcome").to_dict("records")
    parts = [f"{_percent(r)} of {r['outcome']}" for r in first]
    names = ", ".join(term.name for term in model.terms.terms)
    return [
        f"{label}: main effects of {names} explain, of the variance between {len(model.design):,} "
        f"networks, {', '.join(parts)}. The rest is interactions of choices, the luck of training, "
        f"{luck}."
    ]


def _references(model: Model) -> list[str]:
    """Which levels the others are compared with."""
    found: dict[str, list[str]] = {}
    for term in model.terms.terms:
        if term.reference and model.fits:
            found.setdefault(term.reference, []).append(term.name)
    if not found:
        return []
    said = "; ".join(f"{level} for {', '.join(names)}" for level, names in found.items())
    return [f"{model.group.label}: levels are compared with a reference level: {said}."]


def _matters(group: Group, name: str, rows: pd.DataFrame) -> str:
    """Which choices account for how much of one outcome."""
    ordered = rows.sort_values("share", ascending=False, kind="stable").to_dict("records")
    parts = [
        f"{r['group']} {100 * r['share']:.1f} % [{100 * r['low']:.1f}, {100 * r['high']:.1f}]"
        for r in ordered
    ]
    mixed = [str(r["group"]) for r in ordered if r["warning"]]
    more = f" Hard to tell apart from others: {', '.join(mixed)}." if mixed else ""
    return (
        f"{group.label}, {name}: share of the variance by choice (LMG): {', '.join(parts)}.{more}"
    )


def _operations(group: Group, name: str, levels: pd.DataFrame) -> list[str]:
    """What a level does averaged over the factors that offer it."""
    rows = levels[(levels["supernet"] == group.label) & (levels["outcome"] == name)]
    said = []
    for (factors, reference), part in rows.groupby(["factors", "reference"], sort=False):
        ordered = part.sort_values("effect_pp", ascending=False, kind="stable").to_dict("records")
        parts = [
            f"{r['level']} {r['effect_pp']:+.1f} [{r['low']:+.1f}, {r['high']:+.1f}]"
            + ("" if r["q"] < ALPHA else " (not distinguishable)")
            for r in ordered
        ]
        count = len(str(factors).split())
        where = f"mean over {count} factors ({factors})" if count > 1 else f"for {factors}"
        said.append(
            f"{group.label}, {name}: instead of {reference}, in points, {where}, other choices "
            f"held: {', '.join(parts)}."
        )
    return said


def _numbers(group: Group, name: str, regressions: pd.DataFrame) -> list[str]:
    """What one unit more of every number does."""
    rows = regressions[
        (regressions["supernet"] == group.label)
        & (regressions["outcome"] == name)
        & (regressions["reason"] == "")
        & (regressions["level"] == "")
    ]
    parts = [
        f"{r['factor']} {r['per_unit']:+.3g} [{r['per_unit_low']:+.3g}, {r['per_unit_high']:+.3g}]"
        + ("" if r["q"] < ALPHA else " (not distinguishable)")
        for r in rows.to_dict("records")
    ]
    if not parts:
        return []
    return [f"{group.label}, {name}: in points per unit, other choices held: {', '.join(parts)}."]


def _ranks(study: Study, group: Group, between: pd.DataFrame) -> list[str]:
    """How far the order of networks by clean accuracy is that by robustness."""
    rows = between[
        (between["supernet"] == group.label)
        & (between["method"] == "spearman")
        & (between["outcome"] == "clean")
        & between["other"].isin(headlines(study))
        & (between["other"] != "clean")
        & (between["reason"] == "")
    ]
    if rows.empty:
        return []
    parts = [
        f"{r['other']} {r['estimate']:+.2f} [{r['low']:+.2f}, {r['high']:+.2f}]"
        for r in rows.to_dict("records")
    ]
    return [
        f"{group.label}: rank correlation (Spearman) of clean accuracy over networks with "
        f"{', '.join(parts)}."
    ]


def _conditions(rows: pd.DataFrame) -> list[str]:
    """Between which limits single conditions are explained, and ranked as without noise."""
    said = []
    known = rows[rows["r2"].notna()]
    if len(known) > 1:
        ordered = known.sort_values("r2", kind="stable")
        least, most = ordered.iloc[0], ordered.iloc[-1]
        said.append(
            f"{least['supernet']}: of single conditions, choices explain least of "
            f"{least['condition']} ({_percent(least)}) and most of {most['condition']} "
            f"({_percent(most)})."
        )
    noisy = rows[rows["rank_clean"].notna()]
    if len(noisy) > 1:
        strong = int((noisy["rank_clean"] >= STRONG).sum())
        against = noisy[noisy["rank_clean_high"] < 0]
        worst = noisy.sort_values("rank_clean", kind="stable").iloc[0]
        said.append(
            f"{worst['supernet']}: the rank correlation with clean accuracy is {STRONG} or more "
            f"under {strong} of {len(noisy)} conditions with noise, and below 0 (whole interval) "
            f"under {len(against)}; it is least under {worst['condition']}, "
            f"{worst['rank_clean']:+.2f} [{worst['rank_clean_low']:+.2f}, "
            f"{worst['rank_clean_high']:+.2f}]. Every condition: tables/explained.csv."
        )
    return said


def _percent(row: Any) -> str:
    return f"{100 * row['r2']:.0f} % [{100 * row['r2_low']:.0f}, {100 * row['r2_high']:.0f}]"
