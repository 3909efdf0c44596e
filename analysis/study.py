"""A results file as the analysis sees it: evaluated networks, their scores, and their supernets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import flags
from analysis.counts import score_counts, unknown_images
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
        dropped: Names of the conditions left out because an alarm is raised there.
        spaces: Space name to its JSON description.
        commonest: Share of the images that show the commonest class.
        attributes: Those of the results file.
        provenance: When and how it was made; volatile.
        image_ids: (I,) stable ids of the images.
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
    dropped: tuple[str, ...]
    spaces: Mapping[str, str]
    commonest: float
    attributes: Mapping[str, object]
    provenance: Mapping[str, object]
    image_ids: tuple[str, ...] = ()

    @property
    def counted(self) -> bool:
        """Whether only counts are known, so that nothing can be paired over images."""
        return bool(self.evaluated.shape[-1] == 0)

    @property
    def uncounted(self) -> Bits:
        """(M,) conditions whose accuracies are shares of an unknown number of images."""
        return unknown_images(self.conditions)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The outcomes that were scored."""
        return tuple(score.outcome for score in self.scores)

    @property
    def flagged(self) -> Bits:
        """(N, M) whether an alarm is raised for a number."""
        return flags.flagged(self.alarms, (len(self.networks), len(self.conditions)))

    @property
    def weights(self) -> list[str]:
        """Where the weights of each network come from: its supernet, or else its origin."""
        pairs = zip(self.networks["supernet"], self.networks["origin"], strict=True)
        return [str(supernet or origin) for supernet, origin in pairs]

    def score(self, name: str) -> Score | None:
        """The score of an outcome, None if the protocol lacks it."""
        return next((score for score in self.scores if score.outcome.name == name), None)


def read_study(results: Results, leave_out: flags.LeaveOut = "") -> Study:
    """Read and score the evaluated networks of an open results file.

    Args:
        results: The open file.
        leave_out: Whether networks, or conditions, for which an alarm is raised stay out.

    Raises:
        ValueError: If no network was evaluated, none is left, or the file is inconsistent.
    """
    everything, alarms = results.networks, results.alarms
    rows, columns, left_out = _chosen(results, everything, alarms, leave_out)
    conditions = results.conditions.iloc[columns].reset_index(drop=True)
    names = results.conditions["name"].to_numpy(dtype=str)
    bits = _read_bits(results, rows, columns)
    scores, absent = _scored(conditions, bits)
    networks = everything.iloc[rows].reset_index(drop=True)
    return Study(
        networks=networks,
        factors=results.factors.iloc[rows].reset_index(drop=True).astype(float),
        factor_units=dict(results.factor_units),
        conditions=conditions,
        evaluated=bits.evaluated,
        correct=bits.correct,
        counts=(bits.tried, bits.right),
        scores=scores,
        absent=absent,
        groups=() if results.counted() else group_networks(networks),
        alarms={name: values[np.ix_(rows, columns)] for name, values in alarms.items()},
        flips=tuple(_flips(results, record, rows) for record in results.sequence_sets.values()),
        spaces=dict(results.spaces),
        commonest=_commonest(results.labels),
        left_out=left_out,
        dropped=tuple(np.delete(names, columns).tolist()),
        attributes=dict(results.attributes),
        provenance=dict(results.provenance),
        image_ids=results.image_ids,
    )


def _chosen(
    results: Results,
    everything: pd.DataFrame,
    alarms: Mapping[str, Floats],
    leave_out: flags.LeaveOut,
) -> tuple[NDArray[np.intp], NDArray[np.intp], dict[str, int]]:
    """Networks and conditions to look at, and how many networks are not, by reason."""
    done = np.flatnonzero((everything["status"] == "done").to_numpy())
    if len(done) == 0:
        raise ValueError(
            "results.networks must hold an evaluated network; got none among "
            f"{len(everything)}. Run `robustscope evaluate` to the end first."
        )
    raised = flags.flagged(alarms, (len(everything), len(results.conditions)))
    rows, columns = flags.keep(raised, done, results.conditions["family"], leave_out)
    if len(rows) == 0:
        raise ValueError(
            f"results.alarms must leave a network; got one raised for each of {len(done)}. "
            "Leave flagged conditions out instead."
        )
    left_out = _left_out(everything)
    if len(rows) < len(done):
        left_out["with an alarm raised"] = len(done) - len(rows)
    return rows, columns, left_out


class _Counted(NamedTuple):
    """What was tried and what was right: (N, M, I) bits, I being 0 without them, and (N, M)."""

    evaluated: Bits
    correct: Bits
    tried: NDArray[np.uint32]
    right: NDArray[np.uint32]


def _read_bits(results: Results, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> _Counted:
    """Of some networks and conditions."""
    tried, right = (table[np.ix_(rows, columns)] for table in results.counts())
    if results.counted():
        nothing = np.zeros((*tried.shape, 0), np.bool_)
        return _Counted(nothing, nothing, tried, right)
    # all conditions as they lie, and those asked for by name
    whole = len(columns) == len(results.conditions)
    names = None if whole else results.conditions["name"].iloc[columns].tolist()
    return _Counted(
        results.evaluated(names, rows=rows), results.correct(names, rows=rows), tried, right
    )


def _scored(
    conditions: pd.DataFrame, bits: _Counted
) -> tuple[tuple[Score, ...], Mapping[str, str]]:
    """The outcomes that can be scored, and the others with the reason why not."""
    plan = plan_outcomes(conditions)
    absent, scores = dict(plan.absent), []
    counted = bits.evaluated.shape[-1] == 0
    for outcome in plan.outcomes:
        scored = (
            score_counts(outcome, bits.tried, bits.right, unknown_images(conditions))
            if counted
            else score(outcome, bits.evaluated, bits.correct)
        )
        if isinstance(scored, str):
            absent[outcome.name] = scored
        else:
            scores.append(scored)
    return tuple(scores), absent


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
