"""The paper's first claim: what adversarial training does to Transformers and MLP-Mixers.

Compared are networks of one architecture, trained with and without it and otherwise alike, on the
same images. "Largely" is not tested: the claim is taken as an improvement of any size.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from analysis.claims.claim import Answer, Claim, Evidence, Gap, Part
from analysis.claims.contrasts import paired
from analysis.claims.kinds import (
    ADVERSARIAL,
    MIXER,
    TRANSFORMER,
    Rows,
    judged_on,
    points_of,
    rows_of_kind,
    twins,
    units_of,
)
from analysis.study import Study

PAPER = "RobustART, arXiv 2109.05211"
NOISES = ("adversarial", "natural", "system")


def find(evidence: Evidence, outcomes: Sequence[str]) -> list[Answer]:
    """One part per kind of architecture and outcome: with adversarial training minus without."""
    study = evidence.study
    pairs = twins(study, ADVERSARIAL)
    answers: list[Answer] = []
    for kind in (TRANSFORMER, MIXER):
        chosen = np.isin(pairs[0], rows_of_kind(study, kind))
        own = (pairs[0][chosen], pairs[1][chosen])
        answers += [difference(study, own, outcome, kind, "adversarial") for outcome in outcomes]
    return answers


def difference(
    study: Study, pairs: tuple[Rows, Rows], outcome: str, who: str, technique: str
) -> Answer:
    """What a technique does to an outcome, mean over pairs of networks with it and without.

    Args:
        study: The networks.
        pairs: (P,) networks with the technique and (P,) their twins without.
        outcome: Name of an outcome.
        who: What kind of networks they are.
        technique: What they differ in.
    """
    label = f"{who}, {outcome} accuracy: {technique} training minus without"
    score = study.score(outcome)
    if not len(pairs[0]):
        return Gap(label, f"{who} networks trained with and without {technique} training")
    if score is None:
        return Gap(label, f"the outcome {outcome}: {study.absent.get(outcome, 'not there')}")
    points = points_of(score)
    made = paired(points[pairs[0]] - points[pairs[1]], units_of(study, pairs[0]))
    if isinstance(made, str):
        return Gap(label, f"a number with an interval: {made}")
    return Part(
        label,
        made.interval(),
        "percentage points",
        f"{len(pairs[0]):,} pairs of one architecture each, {judged_on(study, score)}",
        f"{conditional(study, pairs)}; the interval is over {made.over}",
        mark=flagged(study, np.concatenate(pairs), outcome),
    )


def conditional(study: Study, pairs: tuple[Rows, Rows]) -> str:
    """What a difference holds for: these networks, or the weights of these supernets."""
    table = study.networks.iloc[np.concatenate(pairs)]
    shared = sorted(set(table.loc[table["origin"] == "supernet", "supernet"]))
    return f"weights of supernets {', '.join(shared)}" if shared else "this list of networks"


def flagged(study: Study, rows: Rows, outcome: str) -> str:
    """Why a number over some networks is in doubt, "" if no alarm is raised for them."""
    score = study.score(outcome)
    columns = list(score.outcome.columns) if score else []
    rows = np.unique(rows)
    count = int(study.flagged[rows][:, columns].any(axis=1).sum())
    return f"alarm raised for {count:,} of {len(rows):,} networks" if count else ""


CLAIMS = (
    Claim(
        "adversarial_training_clean",
        "Adversarial training improves the clean accuracy of Transformers and MLP-Mixers.",
        f"{PAPER}, first version (softened in the second)",
        partial(find, outcomes=("clean",)),
    ),
    Claim(
        "adversarial_training_noise",
        "Adversarial training improves every type of robustness of Transformers and MLP-Mixers.",
        PAPER,
        partial(find, outcomes=NOISES),
    ),
)
