"""The paper's third claim: light-weight networks whose robustness neither size nor data improves.

That something does not help can only be shown up to a margin: the claim is taken as an improvement
of less than one percentage point, per doubling of the parameters or by the extra data.
"""

from dataclasses import replace

import numpy as np

from analysis.claims.adversarial_training import NOISES, PAPER, flagged
from analysis.claims.claim import Answer, Claim, Evidence, Gap, Part
from analysis.claims.contrasts import Contrast, over_images, paired, regress
from analysis.claims.kinds import (
    EXTRA,
    LIGHT,
    Rows,
    judged_on,
    plain,
    points_of,
    twins,
    units_of,
    unshared,
)
from analysis.claims.worth import worth
from analysis.scores import Score
from analysis.study import Group, Study
from analysis.summary import NOISE

MARGIN = 1.0  # percentage points
FEWEST = 3  # networks that a slope over a family needs
UNIT = "percentage points per doubling of the parameters"
SUBNETS = "mobilenet"


def find_size(evidence: Evidence) -> list[Answer]:
    """One part per family and noise: robustness per doubling of the parameters."""
    study, rows = evidence.study, unshared(evidence.study)
    families = np.array([plain(str(f)) for f in study.networks["family"].iloc[rows]])
    return [
        _slope(study, rows[[f.startswith(family) for f in families]], family, noise)
        for family in LIGHT
        for noise in NOISES
    ]


def _slope(study: Study, rows: Rows, family: str, noise: str) -> Answer:
    """Least-squares slope over the networks of a family; it speaks of these networks."""
    label = f"{family}, {noise} accuracy: effect of twice the parameters"
    score, size = study.score(noise), _size(study, rows)
    if len(np.unique(size)) < FEWEST:
        return Gap(label, f"at least {FEWEST} sizes of {family}, trained by themselves")
    if score is None or not score.per_image.shape[1]:
        return Gap(label, f"the outcomes of single images under {NOISE[noise]}")
    centred = size - size.mean()
    made = over_images(centred / (centred**2).sum(), points_of(score)[rows])
    if not made.error > 0:
        return Gap(label, "networks that differ on some image")
    return _part(study, (label, UNIT), made, (rows, f"{len(rows)} networks"), score)


def find_data(evidence: Evidence) -> list[Answer]:
    """One part per family and noise: robustness with extra training data minus without."""
    study = evidence.study
    first, second = twins(study, EXTRA)
    families = np.array([plain(str(f)) for f in study.networks["family"].iloc[first]])
    answers: list[Answer] = []
    for family in LIGHT:
        chosen = np.array([f.startswith(family) for f in families], bool)
        for noise in NOISES:
            label = f"{family}, {noise} accuracy: effect of extra training data"
            score = study.score(noise)
            if not chosen.any() or score is None:
                answers.append(Gap(label, f"{family} trained with and without extra data"))
                continue
            points, pairs = points_of(score), (first[chosen], second[chosen])
            made = paired(points[pairs[0]] - points[pairs[1]], units_of(study, pairs[0]))
            if isinstance(made, str):
                answers.append(Gap(label, f"a number with an interval: {made}"))
                continue
            used = (np.concatenate(pairs), f"{len(pairs[0])} pairs of one architecture each")
            answers.append(_part(study, (label, "percentage points"), made, used, score))
    return answers


def find_subnets(evidence: Evidence) -> list[Answer]:
    """One part per MobileNetV3-like supernet and noise: per doubling of the parameters."""
    study = evidence.study
    groups = [g for g in study.groups if _family(study, g) == SUBNETS]
    if not groups:
        return [Gap(f"{SUBNETS} subnets", f"subnets of a supernet of family {SUBNETS}")]
    return [_subnets(evidence, group, noise) for group in groups for noise in NOISES]


def _family(study: Study, group: Group) -> str:
    return str(study.networks["family"].iloc[group.rows[0]])


def _subnets(evidence: Evidence, group: Group, noise: str) -> Answer:
    """Regression of robustness on the logarithm of the parameters over the subnets."""
    study = evidence.study
    label = f"{group.label} subnets, {noise} accuracy: effect of twice the parameters"
    score, size = study.score(noise), _size(study, group.rows)
    if score is None:
        return Gap(label, f"the outcome {noise}: {study.absent.get(noise, 'not there')}")
    if group.n_units < 10 or len(size) < len(group.rows) or np.ptp(size) == 0:
        return Gap(label, "at least 10 design units of several known sizes")
    points = points_of(score)[group.rows]
    made = regress(size[:, None], points, group.units).contrast(np.ones(1))
    if not made.error > 0:
        return Gap(label, "networks that differ on some image")
    used = (group.rows, f"{len(group.rows):,} subnets, {group.n_units:,} design units")
    part = _part(study, (label, UNIT), made, used, score)
    mark = evidence.marks.of(group.label, noise)
    made_of = replace(part, conditional_on=group.conditional_on, mark=mark)
    return worth(made_of, evidence.shrink.get((group.label, noise)))


def _size(study: Study, rows: Rows) -> np.ndarray:
    """(n,) log2 of the number of parameters; empty unless all are known."""
    if "parameters" not in study.factors:
        return np.zeros(0)
    values = study.factors["parameters"].to_numpy(dtype=float)[rows]
    return np.log2(values) if (values > 0).all() else np.zeros(0)


def _part(
    study: Study, what: tuple[str, str], made: Contrast, used: tuple[Rows, str], score: Score
) -> Part:
    """A part that holds when the effect is below the margin.

    Args:
        study: The networks.
        what: Label and unit.
        made: The effect.
        used: Networks, and how many of what in words.
        score: Of the noise.
    """
    return Part(
        *(what[0], made.interval(MARGIN), what[1]),
        f"{used[1]}, {judged_on(study, score)}",
        f"this list of networks; the interval is over {made.over}",
        MARGIN,
        above=False,
        mark=flagged(study, used[0], score.outcome.name),
    )


TEXT = "{} does not improve the robustness of {} to any noise by a percentage point or more."
CLAIMS = (
    Claim(
        "light_weight_size",
        TEXT.format("Twice the size", "EfficientNet, MobileNetV2 and MobileNetV3"),
        f"{PAPER}; the margin is ours",
        find_size,
    ),
    Claim(
        "light_weight_data",
        TEXT.format("Extra training data", "EfficientNet, MobileNetV2 and MobileNetV3"),
        f"{PAPER}; the margin is ours",
        find_data,
    ),
    Claim(
        "light_weight_subnets",
        TEXT.format("Twice the size", "subnets of a MobileNetV3-like supernet"),
        "ours, after the claim on human-designed networks",
        find_subnets,
    ),
)
