"""results.h5, schema 1: the paths, types and shapes that the writer, reader and verifier share."""

from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .packing import n_bytes

SCHEMA = 1
HASH_ATTRIBUTE = "content_hash"
PROVENANCE = "provenance"
TEXT_ATTRIBUTES = ("protocol", "protocol_hash", "dataset", "dataset_sha256", "device", "image_set")
LIST_ATTRIBUTES = ("classes", "notes")  # JSON lists of text: an attribute array ends at 64 KiB
NETWORK_TEXT = ("id", "architecture", "family", "origin", "supernet", "technique")
NETWORK_COLUMNS = (*NETWORK_TEXT, "seed", "weights", "design", "pair", "status", "failure")
CONDITION_COLUMNS = ("name", "family", "severity", "parameters", "reference")
INTEGER_COLUMNS = ("seed", "severity")
JSON_ATTRIBUTE = "json"  # of /spaces/<name> and /supernets/<name>
UNIT_ATTRIBUTE = "unit"  # of /networks/factors/<name>
GROUPS = ("networks", "networks/factors", "conditions", "sets", "alarms", "spaces", "supernets")


def expected(n: int, m: int, i: int, image_set: str) -> dict[str, tuple[tuple[int, ...], str]]:
    """Path to (shape, type) of every dataset that must be there; the type of text is "text".

    Args:
        n: Networks.
        m: Conditions.
        i: Images of the set.
        image_set: Name of the set.
    """
    table: dict[str, tuple[tuple[int, ...], str]] = {}
    for group, names, length in (
        ("networks", NETWORK_COLUMNS, n),
        ("conditions", CONDITION_COLUMNS, m),
    ):
        for name in names:
            kind = "int64" if name in INTEGER_COLUMNS else "text"
            table[f"{group}/{name}"] = ((length,), kind)
    folder = f"sets/{image_set}"
    table[f"{folder}/label"] = ((i,), "int64")
    table[f"{folder}/id"] = ((i,), "text")
    for name in ("evaluated", "correct"):
        table[f"{folder}/{name}"] = ((n, m, n_bytes(i)), "uint8")
        table[f"{folder}/n_{name}"] = ((n, m), "uint32")
    return table


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
