"""The paper's second claim: CNNs, Transformers and MLP-Mixers at comparable size.

Networks of two kinds are compared in a regression of the outcome on the kind and on the logarithm
of the number of parameters, over the networks whose size both kinds have: the difference at equal
size. Only networks with weights of their own count: all subnets of a supernet share one training,
which would be one observation of their kind.
"""

import itertools
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from analysis.claims.adversarial_training import PAPER, flagged
from analysis.claims.claim import Answer, Claim, Evidence, Gap, Part
from analysis.claims.contrasts import regress
from analysis.claims.kinds import (
    CNN,
    MIXER,
    TRANSFORMER,
    Rows,
    judged_on,
    kind_of,
    points_of,
    units_of,
    unshared,
)
from analysis.study import Study
from metrics import Bits, Floats

FEWEST = 3  # networks of a kind in the range of sizes that both have
SIZE = "parameters"
MARGIN = 1.5  # sizes that differ by less than this factor are comparable (ours)


def find(evidence: Evidence, order: Sequence[str], outcomes: Sequence[str]) -> list[Answer]:
    """One part per two neighbours of the order and outcome: the better kind minus the worse."""
    steps = list(itertools.pairwise(order))
    study = evidence.study
    rows = unshared(study)
    names = np.array([kind_of(str(f)) for f in study.networks["family"].iloc[rows]], dtype=str)
    counts = {kind: int((names == kind).sum()) for kind in order}
    missing = (
        f"at least {FEWEST} networks each of {', '.join(order)}, trained by themselves as "
        f"human-designed ones are (there are {', '.join(map(str, counts.values()))})"
    )
    return [
        _compare(study, step, outcome, (rows, names))
        if min(counts[kind] for kind in step) >= FEWEST
        else Gap(_label(step, outcome), missing)
        for outcome in outcomes
        for step in steps
    ]


def _label(kinds: tuple[str, str], outcome: str) -> str:
    return f"{outcome} accuracy at equal size: {kinds[0]} minus {kinds[1]}"


def _compare(
    study: Study, kinds: tuple[str, str], outcome: str, found: tuple[Rows, NDArray[np.str_]]
) -> Answer:
    """How much better the first kind is at equal size, among networks whose kinds are known."""
    label, score = _label(kinds, outcome), study.score(outcome)
    if score is None:
        return Gap(label, f"the outcome {outcome}: {study.absent.get(outcome, 'not there')}")
    if SIZE not in study.factors:
        return Gap(label, f"the number of {SIZE} of the networks")
    rows, first, size = _comparable(study, *found, kinds)
    if min(first.sum(), (~first).sum()) < FEWEST:
        return Gap(label, f"at least {FEWEST} networks of each kind whose sizes overlap")
    design = np.column_stack([first.astype(float), size])
    fit = regress(design, points_of(score)[rows], units_of(study, rows))
    made = fit.contrast(np.array([1.0, 0.0]))
    if not made.error > 0:
        return Gap(label, "networks that differ on some image")
    return Part(
        label,
        made.interval(),
        "percentage points",
        f"{int(first.sum())} {kinds[0]} and {int((~first).sum())} {kinds[1]} networks, "
        f"{judged_on(study, score)}",
        f"this list of networks; the interval is over {made.over}",
        mark=flagged(study, rows, outcome),
    )


def _comparable(
    study: Study, rows: Rows, names: NDArray[np.str_], kinds: tuple[str, str]
) -> tuple[Rows, Bits, Floats]:
    """Networks of both kinds in the sizes both have; which are of the first; log2 of their size."""
    size = study.factors[SIZE].to_numpy(dtype=float)[rows]
    usable = np.isin(names, kinds) & (size > 0)
    rows, names, size = rows[usable], names[usable], np.log2(size[usable])
    first = names == kinds[0]
    if not (first.any() and (~first).any()):
        return rows[:0], first[:0], size[:0]
    low = max(size[first].min(), size[~first].min()) - np.log2(MARGIN)
    high = min(size[first].max(), size[~first].max()) + np.log2(MARGIN)
    near = (size >= low) & (size <= high)
    return rows[near], first[near], size[near]


CLAIMS = (
    Claim(
        "kinds_natural_system",
        "At comparable size CNNs are more robust to natural and system noise than Transformers, "
        "and Transformers more than MLP-Mixers.",
        PAPER,
        partial(find, order=(CNN, TRANSFORMER, MIXER), outcomes=("natural", "system")),
    ),
    Claim(
        "kinds_adversarial",
        "At comparable size Transformers are more robust to adversarial noise than MLP-Mixers, and "
        "MLP-Mixers more than CNNs.",
        PAPER,
        partial(find, order=(TRANSFORMER, MIXER, CNN), outcomes=("adversarial",)),
    ),
)
