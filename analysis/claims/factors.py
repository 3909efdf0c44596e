"""Hypotheses about subnets: what helps adversarial robustness more than the other factors do.

Each has, per supernet, two parts from one regression of the adversarial outcome on the factors of
every stage (`analysis.stages`), and one from matched pairs where there are some: that the factor
helps; that one standard deviation of it helps more than one of every factor outside the three
hypotheses (the least of the differences, `contrasts.least`); that a step of its gene helps, all
else equal.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from analysis.claims.claim import Answer, Claim, Evidence, Gap, Interval, Part
from analysis.claims.contrasts import least, regress
from analysis.claims.kinds import judged_on, points_of
from analysis.claims.worth import worth
from analysis.importance.table import CONSTANT, is_constant
from analysis.pairs.contrasts import MATCHED
from analysis.scores import Score
from analysis.stages import StageDesign, stage_design, stage_of
from analysis.study import Group, Study
from metrics import Floats

OUTCOME = "adversarial"
NAMED = ("resolution", "kernel", "stem_kernel")
SHOWN = {
    "resolution": "larger inputs",
    "kernel": "larger kernels",
    "depth": "a deeper last stage",
}
UNIT = "percentage points per standard deviation"
SOURCE = "recollection of the paper's NAS section, unverified"


def find(evidence: Evidence, kind: str) -> list[Answer]:
    """The parts of the hypothesis about a kind of factor, supernet by supernet."""
    study = evidence.study
    score = study.score(OUTCOME)
    if not study.groups or score is None:
        missing = study.absent.get(OUTCOME, "not there")
        why = f"the outcome {OUTCOME}: {missing}" if study.groups else "subnets of a supernet"
        return [Gap(SHOWN[kind], why)]
    answers: list[Answer] = []
    for group in study.groups:
        found = [*_regressed(evidence, group, score, kind), *_matched(evidence, group, kind)]
        answers += [_finished(evidence, group, answer) for answer in found]
    return answers


def _regressed(evidence: Evidence, group: Group, score: Score, kind: str) -> list[Answer]:
    """That the factor helps, and that it helps more than the others."""
    study = evidence.study
    label = f"{group.label}, {SHOWN[kind]}"
    design = stage_design(study, group)
    if isinstance(design, str) or is_constant(score, group):
        why = design if isinstance(design, str) else CONSTANT
        return [Gap(f"{label}: help", f"a regression of {OUTCOME} accuracy ({why})")]
    asked, others = directions(design, kind, last_stage(study, group))
    if asked is None:
        return [Gap(f"{label}: help", "networks between which that varies")]
    fit = regress(design.values, points_of(score)[group.rows], group.units)
    data = (
        f"regression of {len(group.rows):,} networks, {group.n_units:,} design units, on "
        f"{len(design.names)} factors; {judged_on(study, score)}"
    )
    first = Part(f"{label}: help", fit.contrast(asked).interval(), UNIT, data, group.conditional_on)
    if not others:
        return [first, Gap(f"{label}: more than the others", "another factor that varies")]
    strongest = max(others, key=lambda name: float(others[name] @ fit.effects))
    text = f"{label}: more than the others (of which {strongest} helps most)"
    gaps = np.stack([asked - other for other in others.values()])
    return [first, replace(first, label=text, effect=least(fit, gaps))]


def last_stage(study: Study, group: Group) -> int:
    """Number of the last stage of a group's networks, 0 where depth is not known by stage."""
    own = study.factors.iloc[group.rows]
    stages = [stage_of(str(n)) for n in own if own[n].notna().any()]
    return max((stage for kind, stage in stages if kind == "depth"), default=0)


def directions(
    design: StageDesign, kind: str, last: int
) -> tuple[Floats | None, dict[str, Floats]]:
    """(F,) what a hypothesis changes, None if nothing; and the same of every factor beside those.

    A factor is changed in all stages alike, by one standard deviation of its mean over them; depth
    in the last stage, and apart from that in the stages before it.

    Args:
        design: Standardised factors.
        kind: "resolution", "kernel" or "depth".
        last: Number of the last stage.
    """
    places: dict[str, list[int]] = {}
    for place, name in enumerate(design.names):
        of, stage = stage_of(name)
        if of == "depth":
            of = "depth" if stage == last and last else "depth before the last stage"
        places.setdefault(of, []).append(place)
    changes = {name: _together(design, own) for name, own in places.items()}
    others = {name: w for name, w in changes.items() if name not in (*NAMED, "depth")}
    return changes.get(kind), others


def _together(design: StageDesign, places: Sequence[int]) -> Floats:
    """(F,) standard deviations by which columns change when their mean does by one of its own."""
    own = design.deviations[list(places)]
    spread = float((design.values[:, list(places)] * own).mean(1).std(ddof=1))
    weights = np.zeros(len(design.names))
    weights[list(places)] = spread / own
    return weights


def _matched(evidence: Evidence, group: Group, kind: str) -> list[Answer]:
    """That a step of the gene helps, from pairs of networks that differ in it alone."""
    last = last_stage(evidence.study, group)
    gene = f"stage{last}.depth" if kind == "depth" else ""
    table = evidence.pairs
    own = (
        (table["supernet"] == group.label)
        & (table["outcome"] == OUTCOME)
        & (table["comparison"] == MATCHED)
        & (table["level"] == ("gene" if gene else "kind"))
        & (table["gene"] == gene if gene else table["kind"] == kind)
        & (table["reason"] == "")
    )
    return [
        Part(
            f"{group.label}, {SHOWN[kind]}: help, all else equal",
            Interval(*(float(row[name]) for name in ("effect_pp", "low", "high", "p"))),
            "percentage points per step of the gene",
            f"{row['pairs']:,.0f} matched pairs in {row['units']:,.0f} design units, "
            f"{row['images']:,.0f} images",
            group.conditional_on,
        )
        for row in table[own].to_dict("records")
    ]


def _finished(evidence: Evidence, group: Group, answer: Answer) -> Answer:
    """The answer with what speaks against it, and for what it is worth alone if that was asked."""
    if isinstance(answer, Gap):
        return answer
    made = replace(answer, mark=evidence.marks.of(group.label, OUTCOME))
    return worth(made, evidence.shrink.get((group.label, OUTCOME)))


TEXT = "{} help adversarial robustness, and more than factors other than {} do."
CLAIMS = (
    Claim(
        "larger_inputs",
        TEXT.format("Larger inputs", "kernels and the depth of the last stage"),
        SOURCE,
        partial(find, kind="resolution"),
    ),
    Claim(
        "larger_kernels",
        TEXT.format("Larger kernels", "inputs and the depth of the last stage"),
        SOURCE,
        partial(find, kind="kernel"),
    ),
    Claim(
        "deeper_last_stage",
        TEXT.format("Deeper last stages", "inputs and kernels"),
        SOURCE,
        partial(find, kind="depth"),
    ),
)
