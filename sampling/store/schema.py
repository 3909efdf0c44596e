"""results.h5, schema 1: the paths, types and shapes that the writer, reader and verifier share."""

from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .layers import LAYERS, SEQUENCE_LAYERS
from .packing import n_bytes

SCHEMA = 1
HASH_ATTRIBUTE = "content_hash"
PROVENANCE = "provenance"
TEXT_ATTRIBUTES = ("protocol", "protocol_hash", "dataset", "dataset_sha256", "device", "image_set")
LIST_ATTRIBUTES = ("classes", "notes")  # JSON lists of text: an attribute array ends at 64 KiB
NETWORK_TEXT = ("id", "architecture", "family", "origin", "supernet", "technique")
NETWORK_COLUMNS = (*NETWORK_TEXT, "seed", "weights", "design", "pair", "status", "failure")
CONDITION_COLUMNS = ("name", "family", "severity", "parameters", "reference")
BITS = ("evaluated", "correct")
COUNTS = ("n_evaluated", "n_correct")
INTEGER_COLUMNS = ("seed", "severity")
JSON_ATTRIBUTE = "json"  # of /spaces/<name> and /supernets/<name>
UNIT_ATTRIBUTE = "unit"  # of /networks/factors/<name>
GROUPS = ("networks", "networks/factors", "conditions", "sets", "alarms", "spaces", "supernets")

Table = dict[str, tuple[tuple[int, ...], str]]
"""Path to shape and type; the type of text is "text"."""


def expected(n: int, m: int) -> Table:
    """Every dataset that must be there but those of the sets, for N networks and M conditions."""
    table: Table = {}
    for group, names, length in (
        ("networks", NETWORK_COLUMNS, n),
        ("conditions", CONDITION_COLUMNS, m),
    ):
        for name in names:
            kind = "int64" if name in INTEGER_COLUMNS else "text"
            table[f"{group}/{name}"] = ((length,), kind)
    return table


def expected_set(n: int, m: int, i: int) -> Table:
    """What the group of a set of I images must hold."""
    table: Table = {"label": ((i,), "int64"), "id": ((i,), "text")}
    for name in BITS:
        table[name] = ((n, m, n_bytes(i)), "uint8")
        table[f"n_{name}"] = ((n, m), "uint32")
    return table


def expected_counts(n: int, m: int) -> Table:
    """What the group of a set must hold of which only counts are known: it has no images."""
    return dict.fromkeys(COUNTS, ((n, m), "uint32"))


def optional_set(n: int, m: int, i: int, covered: int) -> Table:
    """What it may hold, `covered` being the number of classes that are covered."""
    table: Table = {name: ((n, m, i), layer.kind) for name, layer in LAYERS.items()}
    return table | {"covered": ((covered,), "int64")}


def expected_sequences(n: int, q: int, f: int, i: int) -> Table:
    """What the group of a set of Q perturbation sequences, of F frames at most, must hold."""
    table: Table = {"label": ((i,), "int64"), "id": ((i,), "text"), "frames": ((q,), "int64")}
    table |= {"sequence": ((q,), "text"), "reference": ((q,), "text")}
    return table | {"prediction": ((n, q, f, i), SEQUENCE_LAYERS["prediction"].kind)}


def optional_sequences(n: int, q: int, i: int) -> Table:
    """What it may hold."""
    return {"rank_distance": ((n, q, i), SEQUENCE_LAYERS["rank_distance"].kind)}


def is_sequences(image_set: h5py.Group) -> bool:
    """Whether the group of a set is one of perturbation sequences."""
    return "frames" in image_set


def is_counted(image_set: h5py.Group) -> bool:
    """Whether only counts are known of a set: it has neither images nor bits."""
    return not any(name in image_set for name in ("label", "id", *BITS))


def text_array(values: Sequence[str]) -> NDArray[Any]:
    """Texts as UTF-8 of one fixed length, NUL-padded, in a type that HDF5 stores as such.

    Text of variable length would lie in HDF5's global heap, which is neither compressed nor
    covered by checksums; one flipped bit in it sends HDF5 2.0 into an endless loop.
    """
    encoded = [value.encode() for value in values]
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", max(1, *map(len, encoded))))


def set_text(node: h5py.Group | h5py.Dataset, name: str, value: str) -> None:
    """Puts an attribute; of any length, where the file has the format of HDF5 1.8 or later."""
    array = text_array([value])
    node.attrs.create(name, array[0], shape=(), dtype=array.dtype)


def get_text(node: h5py.Group | h5py.Dataset, name: str) -> str:
    """The inverse of `set_text`; reads text of variable length too."""
    value = node.attrs[name]
    return value.decode() if isinstance(value, bytes) else str(value)


def kind_of(dataset: h5py.Dataset) -> str:
    """The type of a dataset as `expected` names it: "text" or a NumPy type name."""
    if h5py.check_string_dtype(dataset.dtype) is not None:
        return "text"
    return str(np.dtype(dataset.dtype).newbyteorder("=").name)
