"""The records that cross the boundary of the store: what was drawn, asked and answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DONE, FAILED, PENDING = "done", "failed", "pending"


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
        design: How the network was drawn: "largest", "smallest", "uniform" or "pair:<gene>".
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
class Outcome:
    """What one network did: right or wrong on every image that was tried, M conditions x I images.

    Attributes:
        weights: SHA-256 of the evaluated (spawned, recalibrated) weights.
        evaluated: (M, I) bool; False where the image was not tried under the condition.
        correct: (M, I) bool; False wherever `evaluated` is False.
        alarms: Alarm name to (M,) float64, for instance the share of zero input gradients; NaN
            where the alarm does not apply.
        seconds: Wall time of the evaluation, volatile (kept in provenance).
    """

    weights: str
    evaluated: NDArray[np.bool_]
    correct: NDArray[np.bool_]
    alarms: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    seconds: float = 0.0


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
