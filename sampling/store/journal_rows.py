"""How records become rows of the journal and come back, each under the SHA-256 of what it says."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .packing import n_bytes, pack, unpack
from .records import Network, Outcome


class OutcomeRow(NamedTuple):
    """An outcome in SQLite types; all but `seconds` must be equal for outcomes to be equal."""

    weights: str
    conditions: int
    images: int
    evaluated: bytes
    correct: bytes
    alarms: str
    seconds: float


def digest(*fields: str | bytes | int | float) -> bytes:
    """SHA-256 over the fields, each with its type and length, so that no two lists collide."""
    sha = hashlib.sha256()
    for field in fields:
        raw = field if isinstance(field, bytes) else repr(field).encode()
        sha.update(f"{type(field).__name__}:{len(raw)}:".encode())
        sha.update(raw)
    return sha.digest()


def encode_network(network: Network) -> str:
    """JSON of a network; keys sorted, floats to the last bit."""
    record = asdict(network) | {
        "seed": int(network.seed),
        "factors": {name: float(value) for name, value in network.factors.items()},
    }
    return json.dumps(record, sort_keys=True, ensure_ascii=False)


def decode_network(text: str) -> Network:
    """The inverse of `encode_network`."""
    return Network(**json.loads(text))


def encode_outcome(outcome: Outcome) -> OutcomeRow:
    """An outcome as SQLite types: bits packed, alarms as JSON with floats to the last bit."""
    m, i = outcome.evaluated.shape
    return OutcomeRow(
        weights=outcome.weights,
        conditions=m,
        images=i,
        evaluated=pack(outcome.evaluated).tobytes(),
        correct=pack(outcome.correct).tobytes(),
        alarms=json.dumps({k: _floats(v) for k, v in outcome.alarms.items()}, sort_keys=True),
        seconds=float(outcome.seconds) + 0.0,  # SQLite knows no -0.0
    )


def decode_outcome(row: OutcomeRow) -> Outcome:
    """The inverse of `encode_outcome`."""
    alarms: Mapping[str, list[float]] = json.loads(row.alarms)
    return Outcome(
        weights=row.weights,
        evaluated=_bits(row.evaluated, row),
        correct=_bits(row.correct, row),
        alarms={name: np.array(values, dtype=np.float64) for name, values in alarms.items()},
        seconds=row.seconds,
    )


def _bits(blob: bytes, row: OutcomeRow) -> NDArray[np.bool_]:
    packed = np.frombuffer(blob, dtype=np.uint8).reshape(row.conditions, n_bytes(row.images))
    return unpack(packed, row.images)


def _floats(values: NDArray[np.float64]) -> list[float]:
    floats: list[float] = np.asarray(values, dtype=np.float64).tolist()
    return floats
