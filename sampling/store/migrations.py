"""From one schema of results.h5 to the next, and what is said of a file that has no way to here.

**Migration path.** A file carries the number of its schema. `SCHEMAS` has an entry for every number
that was ever written, ending with the present one, which has no step. When what a file holds
changes in a way that older readers would misread (a path, a type or a meaning), raise
`schema.SCHEMA`, give the entry before it the step that brings an open copy to the new number, and
add the new entry. A file of schema n is then read by way of the steps n, n + 1, ... on a copy,
whose content hash is written anew; files are never changed in place. What only adds an optional
dataset needs no new schema. A file of a newer schema has no path: the version of robustscope that
wrote it, which runs keep in `/provenance`, is named instead.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from .checks import StoreError
from .schema import PROVENANCE, SCHEMA

WRITER = "version_robustscope"
"""In /provenance: the version of robustscope that wrote the file."""


@dataclass(frozen=True)
class Schema:
    """What is known of one schema.

    Attributes:
        since: Version of robustscope that first wrote it.
        step: Brings an open copy of a file of this schema to the next; None for the present one.
    """

    since: str
    step: Callable[[h5py.File], None] | None


SCHEMAS: dict[int, Schema] = {1: Schema("0.1.0", None)}


def check_schema(path: Path, file: h5py.File) -> None:
    """Refuses a file that is not of the present schema.

    Raises:
        StoreError: Says which version of robustscope is needed, where the file tells it.
    """
    schema = file.attrs.get("schema")
    if np.shape(schema) == () and schema == SCHEMA:
        return
    advice, writer = "Read it with the version of robustscope that wrote it.", _writer(file)
    if isinstance(schema, np.integer) and schema > SCHEMA:
        needed = f"{writer} or later" if writer else "of a later version"
        advice = f"Read it with robustscope {needed}; this version knows schema {SCHEMA}."
    got = "none" if schema is None else schema
    raise StoreError(f"Results.schema must be {SCHEMA}; got {got} in {path}. {advice}")


def _writer(file: h5py.File) -> str:
    """The version of robustscope that wrote a file, "" where it does not say."""
    node = file.get(f"{PROVENANCE}/{WRITER}")
    value = node[()] if isinstance(node, h5py.Dataset) and node.shape == () else b""
    return value.decode(errors="replace") if isinstance(value, bytes) else ""
