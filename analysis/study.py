"""A results file as the analysis sees it: evaluated networks, their scores, and their supernets."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.counts import score_counts
from analysis.outcomes import Outcome, plan_outcomes
from analysis.scores import Score, score
from metrics import Bits, Estimate, Floats, flip_probability, flip_shares, mean_flip_rate
from sampling.store import NO_PREDICTION, Results, SequenceRecord


@dataclass(frozen=True)
class Group:
    """The subnets that share one set of supernet weights.

    Attributes:
        label: Shown name: that of the supernet, with technique and seed where several share it.
        conditional_on: Plain words for what every statement about the group depends on.
        rows: (n,) positions among the evaluated networks.
        units: (n,) design unit of each as consecutive integers; matched networks share one.
    """

    label: str
    conditional_on: str
    rows: NDArray[np.intp]
    units: NDArray[np.intp]

    @property
    def n_units(self) -> int:
        """Number of independent design units."""
        return int(self.units.max()) + 1


@dataclass(frozen=True)
class Flips:
    """How often the networks change their answer along the sequences of one set.

    Attributes:
        record: The Q sequences.
        probability: (N, Q) flip probabilities.
        mean: (N,) mean over the sequences: mFR without a reference network.
    """

    record: SequenceRecord
    probability: Estimate
    mean: Estimate


@dataclass(frozen=True)
class Study:
    """What the analysis works on; N counts evaluated networks only.

    Attributes:
        networks: N rows of identity.
        factors: (N, F) architectural factors, float64, NaN where one does not apply.
        factor_units: Factor name to unit.
        conditions: M rows.
        evaluated: (N, M, I) which images were tried; I is 0 where the file holds counts only.
        correct: (N, M, I) which were right.
        counts: (N, M) images tried, and images right.
        scores: One per outcome.
        absent: Outcome name to the reason why it could not be scored.
        groups: The supernets, sorted by name, technique and seed.
        alarms: Alarm name to (N, M) shares of the attacked images, NaN where it does not apply.
        flips: One per set of perturbation sequences.
        left_out: Status or failure in words to number of networks left out for it.
        spaces: Space name to its JSON description.
        commonest: Share of the images that show the commonest class.
        attributes: Those of the results file.
        provenance: When and how it was made; volatile.
    """

    networks: pd.DataFrame
    factors: pd.DataFrame
    factor_units: Mapping[str, str]
    conditions: pd.DataFrame
    evaluated: Bits
    correct: Bits
    counts: tuple[NDArray[np.uint32], NDArray[np.uint32]]
    scores: tuple[Score, ...]
    absent: Mapping[str, str]
    groups: tuple[Group, ...]
    alarms: Mapping[str, Floats]
    flips: tuple[Flips, ...]
    left_out: Mapping[str, int]
    spaces: Mapping[str, str]
    commonest: float
    attributes: Mapping[str, object]
    provenance: Mapping[str, object]

    @property
    def counted(self) -> bool:
        """Whether only counts are known, so that nothing can be paired over images."""
        return bool(self.evaluated.shape[-1] == 0)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The outcomes that were scored."""
        return tuple(score.outcome for score in self.scores)

    def score(self, name: str) -> Score | None:
        """The score of an outcome, None if the protocol lacks it."""
        return next((score for score in self.scores if score.outcome.name == name), None)


def read_study(results: Results) -> Study:
    """Read and score the evaluated networks of an open results file.

    Raises:
        ValueError: If no network was evaluated, or the file is inconsistent.
    """
    everything = results.networks
    rows = np.flatnonzero((everything["status"] == "done").to_numpy())
    if len(rows) == 0:
        raise ValueError(
            "results.networks must hold an evaluated network; got none among "
            f"{len(everything)}. Run `robustscope evaluate` to the end first."
        )
    tried, right = (table[rows] for table in results.counts())
    counted = results.counted()
    nothing = np.zeros((*tried.shape, 0), np.bool_)
    evaluated = nothing if counted else results.evaluated(rows=rows)
    correct = nothing if counted else results.correct(rows=rows)
    plan = plan_outcomes(results.conditions)
    absent = dict(plan.absent)
    scores = []
    for outcome in plan.outcomes:
        scored = (
            score_counts(outcome, tried, right) if counted else score(outcome, evaluated, correct)
        )
        if isinstance(scored, str):
            absent[outcome.name] = scored
        else:
            scores.append(scored)
    networks = everything.iloc[rows].reset_index(drop=True)
    return Study(
        networks=networks,
        factors=results.factors.iloc[rows].reset_index(drop=True).astype(float),
        factor_units=dict(results.factor_units),
        conditions=results.conditions,
        evaluated=evaluated,
        correct=correct,
        counts=(tried, right),
        scores=tuple(scores),
        absent=absent,
        groups=() if counted else group_networks(networks),
        alarms={name: values[rows] for name, values in results.alarms.items()},
        flips=tuple(_flips(results, record, rows) for record in results.sequence_sets.values()),
        spaces=dict(results.spaces),
        commonest=_commonest(results.labels),
        left_out=_left_out(everything),
        attributes=dict(results.attributes),
        provenance=dict(results.provenance),
    )


def _commonest(labels: NDArray[np.int64]) -> float:
    """Share of the commonest class; NaN where no labels are known."""
    return float(np.bincount(labels).max() / len(labels)) if len(labels) else float("nan")


def _flips(results: Results, record: SequenceRecord, rows: NDArray[np.intp]) -> Flips:
    """Flip probabilities of some networks; read network by network, frames take much memory."""
    frames = np.array(record.frames)
    shares = np.stack(
        [
            flip_shares(_signed(results, record, row), record.against_first, frames)
            for row in rows.tolist()
        ]
    )
    return Flips(record, flip_probability(shares), mean_flip_rate(shares))


def _signed(results: Results, record: SequenceRecord, row: int) -> NDArray[np.int64]:
    """(Q, F, I) predicted classes of one network, -1 where none was made."""
    said = results.sequence_predictions(record.name, rows=[row])[0]
    return np.where(said == NO_PREDICTION, -1, said.astype(np.int64))


def group_networks(networks: pd.DataFrame) -> tuple[Group, ...]:
    """Subnets by the supernet weights they come from; networks of no supernet are in no group.

    Args:
        networks: N rows with columns origin, supernet, technique, seed, pair.
    """
    subnets = networks[(networks["origin"] == "supernet") & (networks["supernet"] != "")]
    parts = list(subnets.groupby(["supernet", "technique", "seed"], sort=True))
    names = [key[0] for key, _ in parts]
    groups = []
    for (supernet, technique, seed), part in parts:
        several = names.count(supernet) > 1
        label = f"{supernet}/{technique}/seed {seed}" if several else str(supernet)
        text = f"weights of supernet {supernet} (technique {technique}, seed {seed})"
        rows = part.index.to_numpy(dtype=np.intp)
        groups.append(Group(label, text, rows, design_units(part["pair"])))
    return tuple(groups)


def design_units(pair: pd.Series) -> NDArray[np.intp]:
    """(n,) consecutive integers, equal for networks that share a non-empty design unit."""
    own = [f"pair {name}" if name else f"row {row}" for row, name in enumerate(pair)]
    return np.unique(own, return_inverse=True)[1].astype(np.intp)


def _left_out(networks: pd.DataFrame) -> dict[str, int]:
    rest = networks[networks["status"] != "done"]
    reasons = [
        f"failed: {why}" if status == "failed" and why else str(status)
        for status, why in zip(rest["status"], rest["failure"], strict=True)
    ]
    return {reason: reasons.count(reason) for reason in sorted(set(reasons))}
