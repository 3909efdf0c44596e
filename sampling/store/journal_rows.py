"""How records become rows of the journal and come back, each under the SHA-256 of what it says."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .layers import LAYERS, SEQUENCE_LAYERS
from .outcome_checks import layers_of
from .packing import n_bytes, pack, unpack
from .records import Network, Outcome, SequenceOutcome, SetOutcome

_OWN = ""  # the image set of the campaign, whose name an outcome does not know
_BITS = ("evaluated", "correct")  # of other image sets


class OutcomeRow(NamedTuple):
    """An outcome in SQLite types; all but `seconds` must be equal for outcomes to be equal."""

    weights: str
    conditions: int
    images: int
    evaluated: bytes
    correct: bytes
    alarms: str
    seconds: float


class ArrayRow(NamedTuple):
    """One array of an outcome in SQLite types; `data` are its bytes, uncompressed."""

    image_set: str
    name: str
    dtype: str
    shape: str
    data: bytes

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.image_set}/{self.name}" if self.image_set else self.name


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


def encode_arrays(outcome: Outcome) -> list[ArrayRow]:
    """All arrays but those of `OutcomeRow`, ordered by set and name."""
    sets = {_OWN: layers_of(outcome.main, LAYERS)}
    for name, found in outcome.others.items():
        sets[name] = layers_of(found, LAYERS) | {bits: getattr(found, bits) for bits in _BITS}
    for name, said in outcome.sequences.items():
        sets[name] = layers_of(said, SEQUENCE_LAYERS)
    return [_array_row(s, n, sets[s][n]) for s in sorted(sets) for n in sorted(sets[s])]


def _array_row(image_set: str, name: str, values: NDArray[Any]) -> ArrayRow:
    if values.dtype.kind == "f":  # every NaN is the same NaN
        values = np.where(np.isnan(values), np.array(np.nan, values.dtype), values)
    dtype = values.dtype.newbyteorder("<")
    data = np.ascontiguousarray(values, dtype).tobytes()
    return ArrayRow(image_set, name, dtype.str, json.dumps(values.shape), data)


def decode_outcome(row: OutcomeRow, arrays: Sequence[ArrayRow]) -> Outcome:
    """The inverse of `encode_outcome` and `encode_arrays`."""
    alarms: Mapping[str, list[float]] = json.loads(row.alarms)
    sets: dict[str, dict[str, NDArray[Any]]] = {_OWN: {}}
    for array in arrays:
        values = np.frombuffer(array.data, array.dtype).reshape(json.loads(array.shape))
        sets.setdefault(array.image_set, {})[array.name] = values
    own = sets.pop(_OWN)
    return Outcome(
        weights=row.weights,
        evaluated=_bits(row.evaluated, row),
        correct=_bits(row.correct, row),
        alarms={name: np.array(values, dtype=np.float64) for name, values in alarms.items()},
        seconds=row.seconds,
        others={name: SetOutcome(**found) for name, found in sets.items() if _BITS[0] in found},
        sequences={
            name: SequenceOutcome(**said) for name, said in sets.items() if _BITS[0] not in said
        },
        **own,
    )


def _bits(blob: bytes, row: OutcomeRow) -> NDArray[np.bool_]:
    packed = np.frombuffer(blob, dtype=np.uint8).reshape(row.conditions, n_bytes(row.images))
    return unpack(packed, row.images)


def _floats(values: NDArray[np.float64]) -> list[float]:
    floats: list[float] = np.asarray(values, dtype=np.float64).tolist()
    return floats
