"""The records that cross the boundary of the store: what was drawn, asked and answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DONE, FAILED, PENDING = "done", "failed", "pending"

NO_PREDICTION = 65535
"""Stands where no class was predicted, and in frames beyond the last of a sequence."""

SMALLER_BATCH = "smaller_batch"
"""Alarm of networks that were evaluated in smaller batches than the protocol's, as memory ran out:
the share by which they were smaller, 0.5 or more, under all conditions."""


@dataclass(frozen=True)
class Network:
    """One row of the results: a network that is to be, or was, evaluated.

    Attributes:
        id: First 12 hex digits of the SHA-256 of the canonical architecture JSON.
        architecture: Canonical JSON of the architecture.
        family: Space family, for instance "mobilenet".
        origin: "supernet", "standalone", "zoo" or "own".
        supernet: Name of the supernet the weights come from, "" when there is none.
        technique: Training technique of the weights, for instance "standard".
        seed: Seed of the training.
        design: How the network was drawn, for instance "largest", "genes" or "pair:<gene>".
        pair: Design unit. Networks with one unit were drawn together and are not independent.
        factors: Factor name to value, for instance {"depth": 7.0, "macs": 151000.0}.
    """

    id: str
    architecture: str
    family: str
    origin: str
    supernet: str
    technique: str
    seed: int
    design: str
    pair: str
    factors: Mapping[str, float]

    @property
    def key(self) -> str:
        """What tells this row from every other before its weights are known."""
        return "/".join((self.id, self.origin, self.supernet, self.technique, str(self.seed)))


@dataclass(frozen=True)
class Condition:
    """One column of the results: a circumstance every network is evaluated under.

    Attributes:
        name: Unique name, for instance "gaussian_noise_s3", "pgd_linf_e2", "pillow_box".
        family: "clean", "adversarial", "natural", "system", "inference" or "transfer".
        severity: 1 to 5 for natural noises, the rank of the budget for attacks, 0 otherwise.
        parameters: JSON of everything that defines the condition (budgets in [0, 1] pixel units).
        reference: Name of the condition it is judged against, "clean" or the system reference.
    """

    name: str
    family: str
    severity: int
    parameters: str
    reference: str


@dataclass(frozen=True)
class SetOutcome:
    """What one network did on one image set, M conditions x I images.

    Under one condition an optional array has an answer either for every image that was evaluated or
    for none.

    Attributes:
        evaluated: (M, I) bool; False where the image was not tried under the condition.
        correct: (M, I) bool; False wherever `evaluated` is False.
        prediction: (M, I) uint16 class, `NO_PREDICTION` where none was made; None when not kept.
        confidence: (M, I) float16 softmax of the prediction in [0, 1], NaN where none was made.
        distance: (M, I) float32 least norm that a minimum-norm attack found, infinity where it
            found nothing, NaN where there is none. It belongs to all budgets of the attack and lies
            in the row of the first.
    """

    evaluated: NDArray[np.bool_]
    correct: NDArray[np.bool_]
    prediction: NDArray[np.uint16] | None = None
    confidence: NDArray[np.float16] | None = None
    distance: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class SequenceOutcome:
    """What one network said of every frame of Q perturbation sequences of I images.

    Attributes:
        prediction: (Q, F, I) uint16 class; `NO_PREDICTION` in frames beyond the last of a sequence,
            and in all frames of an image that was not evaluated.
        rank_distance: (Q, I) float32 top-5 distance (T5D), mean over the frames that are compared;
            NaN where the image was not evaluated. None when not kept.
    """

    prediction: NDArray[np.uint16]
    rank_distance: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Outcome:
    """What one network did: right or wrong on every image that was tried, M conditions x I images.

    Attributes:
        weights: SHA-256 of the evaluated (spawned, recalibrated) weights.
        evaluated: (M, I) bool; False where the image was not tried under the condition.
        correct: (M, I) bool; False wherever `evaluated` is False.
        alarms: Alarm name to (M,) float64, for instance the share of zero input gradients; NaN
            where the alarm does not apply.
        seconds: Wall time of the evaluation, volatile (kept in provenance).
        prediction: As of `SetOutcome`; this and the next two are None when not kept.
        confidence: As of `SetOutcome`.
        distance: As of `SetOutcome`.
        others: Name of another image set to what the network did there under the M conditions.
        sequences: Name of a sequence set to what the network said there.
    """

    weights: str
    evaluated: NDArray[np.bool_]
    correct: NDArray[np.bool_]
    alarms: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    seconds: float = 0.0
    prediction: NDArray[np.uint16] | None = None
    confidence: NDArray[np.float16] | None = None
    distance: NDArray[np.float32] | None = None
    others: Mapping[str, SetOutcome] = field(default_factory=dict)
    sequences: Mapping[str, SequenceOutcome] = field(default_factory=dict)

    @property
    def main(self) -> SetOutcome:
        """What the network did on the image set of the campaign."""
        return SetOutcome(
            self.evaluated, self.correct, self.prediction, self.confidence, self.distance
        )


class Row(NamedTuple):
    """One network with what came of it.

    Attributes:
        network: What was drawn.
        outcome: What it did; None unless `status` is "done".
        status: "done", "failed" or "pending".
        failure: Why it failed, "" unless `status` is "failed".
    """

    network: Network
    outcome: Outcome | None
    status: str
    failure: str


@dataclass(frozen=True)
class SetRecord:
    """The images of one set.

    Attributes:
        name: Of the set, for instance "imagenet_a".
        image_ids: (I,) stable image ids.
        labels: (I,) int64 class indices; -1, but not in the set of the campaign, for an image that
            shows none of the classes.
        covered: Ascending indices of the classes that networks are judged among; all when empty.
    """

    name: str
    image_ids: tuple[str, ...]
    labels: NDArray[np.int64]
    covered: tuple[int, ...] = ()


@dataclass(frozen=True)
class SequenceRecord:
    """The perturbation sequences of one set of I images.

    Attributes:
        name: Of the set, for instance "test_p".
        sequences: (Q,) names, for instance "gaussian_noise".
        references: (Q,) what a frame is compared with: "first" frame or "previous" one.
        frames: (Q,) frames of each sequence; F is the largest.
        image_ids: (I,) stable image ids.
        labels: (I,) int64 class indices.
    """

    name: str
    sequences: tuple[str, ...]
    references: tuple[str, ...]
    frames: tuple[int, ...]
    image_ids: tuple[str, ...]
    labels: NDArray[np.int64]

    @property
    def against_first(self) -> NDArray[np.bool_]:
        """(Q,) whether frames are compared with the first, as the metrics ask."""
        return np.array([reference == "first" for reference in self.references])


@dataclass(frozen=True)
class Campaign:
    """What all rows share; written to the attributes and the image set of the results file.

    Attributes:
        protocol: JSON of the protocol.
        protocol_hash: Hex digest of that JSON.
        dataset: Name of the data set, for instance "digits".
        dataset_sha256: Hash of its pixels and labels.
        device: Device class, "cpu" or "cuda".
        conditions: (M,) conditions; row 0 is clean.
        image_set: Name of the image set, "test".
        image_ids: (I,) stable image ids.
        labels: (I,) int64 class indices.
        classes: (K,) class names.
        spaces: Space name to JSON.
        supernets: Supernet name to JSON of its training settings and weights hash.
        factor_units: Factor name to unit.
        notes: Plain sentences the report must repeat, for instance how raw pixels were encoded.
        sets: Further image sets; conditions that are not asked of a set are not evaluated there.
        sequence_sets: Sets of perturbation sequences.
    """

    protocol: str
    protocol_hash: str
    dataset: str
    dataset_sha256: str
    device: str
    conditions: tuple[Condition, ...]
    image_set: str
    image_ids: tuple[str, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    spaces: Mapping[str, str]
    supernets: Mapping[str, str]
    factor_units: Mapping[str, str]
    notes: tuple[str, ...] = ()
    sets: tuple[SetRecord, ...] = ()
    sequence_sets: tuple[SequenceRecord, ...] = ()

    @property
    def main(self) -> SetRecord:
        """The image set of the campaign."""
        return SetRecord(self.image_set, self.image_ids, self.labels)
