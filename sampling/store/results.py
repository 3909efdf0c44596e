"""results.h5 in, tables and bits out: a lazy reader that checks what it hands over."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .checks import StoreError, hdf5_seam
from .content_hash import content_hash
from .packing import popcount, unpack
from .schema import (
    CONDITION_COLUMNS,
    HASH_ATTRIBUTE,
    INTEGER_COLUMNS,
    JSON_ATTRIBUTE,
    LIST_ATTRIBUTES,
    NETWORK_COLUMNS,
    PROVENANCE,
    TEXT_ATTRIBUTES,
    UNIT_ATTRIBUTE,
    get_text,
)
from .structure import ADVICE, check_structure

_READABLE = "a readable results file"


def open_results(path: Path) -> "Results":
    """The results file at `path`, its structure checked, its bits not yet read.

    Raises:
        StoreError: The file is missing, not HDF5, truncated, of another schema, incomplete, or its
            shapes or counts contradict each other.
    """
    path = Path(path)
    if not path.is_file():
        raise StoreError(
            f"Results.path must be an existing file; got {path}. "
            "Correct the path or run the evaluation first."
        )
    with hdf5_seam(path, _READABLE, ADVICE):
        file = h5py.File(path, "r")
    try:
        with hdf5_seam(path, _READABLE, ADVICE):
            check_structure(path, file)
    except BaseException:
        file.close()
        raise
    return Results(path, file)


class Results:
    """An open results file: N networks, M conditions, I images, F factors.

    Small tables are read when first asked for and kept; bits are read anew on every call, and the
    ones of every row read are counted against the stored counts. Use it as a context manager.
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file
        self._set = f"sets/{get_text(file, 'image_set')}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; what was read before stays."""
        self._file.close()

    @cached_property
    def networks(self) -> pd.DataFrame:
        """N rows: id, architecture, family, origin, supernet, technique, seed, weights, ..."""
        return pd.DataFrame({name: self._column(f"networks/{name}") for name in NETWORK_COLUMNS})

    @cached_property
    def factors(self) -> pd.DataFrame:
        """(N, F) float64, columns by name; NaN where a factor does not apply."""
        names = list(self.factor_units)
        return pd.DataFrame(
            {name: self._read(f"networks/factors/{name}") for name in names},
            index=pd.RangeIndex(len(self.networks)),
            dtype=np.float64,
        )

    @cached_property
    def factor_units(self) -> dict[str, str]:
        """Factor name to unit."""
        with self._seam():
            group = self._file["networks/factors"]
            return {name: get_text(group[name], UNIT_ATTRIBUTE) for name in group}

    @cached_property
    def conditions(self) -> pd.DataFrame:
        """M rows: name, family, severity, parameters (JSON), reference; row 0 is clean."""
        columns = {name: self._column(f"conditions/{name}") for name in CONDITION_COLUMNS}
        return pd.DataFrame(columns)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """(I,) class indices."""
        return self._read(f"{self._set}/label")

    @cached_property
    def image_ids(self) -> tuple[str, ...]:
        """(I,) stable image ids."""
        return tuple(self._column(f"{self._set}/id"))

    @property
    def classes(self) -> tuple[str, ...]:
        """(K,) class names."""
        names: tuple[str, ...] = self.attributes["classes"]
        return names

    @cached_property
    def spaces(self) -> dict[str, str]:
        """Space name to JSON."""
        return self._json_of("spaces")

    @cached_property
    def supernets(self) -> dict[str, str]:
        """Supernet name to JSON of its training settings and weights hash."""
        return self._json_of("supernets")

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """What all rows share: schema (int), classes and notes (tuples of text), the rest text."""
        with self._seam():
            file = self._file
            texts = {name: get_text(file, name) for name in (*TEXT_ATTRIBUTES, HASH_ATTRIBUTE)}
            lists = {name: tuple(json.loads(get_text(file, name))) for name in LIST_ATTRIBUTES}
            return {"schema": int(file.attrs["schema"])} | texts | lists

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Volatile facts by name: text, numbers or arrays; "seconds" is (N,) wall time."""
        with self._seam():
            group = self._file.get(PROVENANCE, {})
            return {name: _value(group[name]) for name in group}

    @cached_property
    def alarms(self) -> dict[str, NDArray[np.float64]]:
        """Alarm name to (N, M) float64; NaN where it does not apply."""
        with self._seam():
            names = list(self._file["alarms"])
        return {name: self._read(f"alarms/{name}") for name in names}

    def counts(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """(n_evaluated, n_correct), each (N, M) uint32: images tried, images right."""
        return self._read(f"{self._set}/n_evaluated"), self._read(f"{self._set}/n_correct")

    def evaluated(
        self,
        condition_names: Sequence[str] | None = None,
        rows: Sequence[int] | NDArray[Any] | None = None,
    ) -> NDArray[np.bool_]:
        """(n, m, I) bool: whether the image was tried under the condition.

        Args:
            condition_names: The m conditions in the order wanted; None for all M in file order.
            rows: The n row numbers in the order wanted, or an (N,) bool mask; None for all N.
        """
        return self._bits("evaluated", condition_names, rows)

    def correct(
        self,
        condition_names: Sequence[str] | None = None,
        rows: Sequence[int] | NDArray[Any] | None = None,
    ) -> NDArray[np.bool_]:
        """(n, m, I) bool: whether the network was right; False where it was not tried.

        Args:
            condition_names: The m conditions in the order wanted; None for all M in file order.
            rows: The n row numbers in the order wanted, or an (N,) bool mask; None for all N.
        """
        return self._bits("correct", condition_names, rows)

    def packed(self, name: str, rows: Sequence[int] | NDArray[Any] | None) -> NDArray[np.uint8]:
        """(n, M, ceil(I / 8)) uint8 as stored under `name`, "evaluated" or "correct"; unchecked."""
        with self._seam():
            dataset = self._file[f"{self._set}/{name}"]
            if rows is None:
                return np.asarray(dataset[...])
            # One chunk per network: reading row by row costs no more than a selection of rows.
            blocks = [dataset[int(row)] for row in rows]
            return np.stack(blocks) if blocks else np.empty((0, *dataset.shape[1:]), np.uint8)

    def recompute_hash(self) -> str:
        """The content hash of what is in the file now."""
        with self._seam():
            return content_hash(self._file)

    def _bits(
        self,
        name: str,
        condition_names: Sequence[str] | None,
        rows: Sequence[int] | NDArray[Any] | None,
    ) -> NDArray[np.bool_]:
        chosen = None if rows is None else self._row_numbers(rows)
        columns = None if condition_names is None else self._condition_numbers(condition_names)
        packed = self.packed(name, chosen)
        counts = self._read(f"{self._set}/n_{name}")
        counts = counts if chosen is None else counts[chosen]
        if not np.array_equal(popcount(packed), counts):
            raise StoreError(
                f"Results.{name} must have as many ones as n_{name} says; got other counts "
                f"in {self.path}. {ADVICE}"
            )
        return unpack(packed if columns is None else packed[:, columns], len(self.labels))

    def _row_numbers(self, rows: Sequence[int] | NDArray[Any]) -> NDArray[np.int64]:
        n, chosen = len(self.networks), np.asarray(rows)
        if chosen.dtype == np.bool_ and chosen.shape == (n,):
            return np.flatnonzero(chosen)
        numeric = chosen.size == 0 or chosen.dtype.kind in "iu"
        if chosen.ndim != 1 or not numeric or np.any((chosen < 0) | (chosen >= n)):
            raise StoreError(
                f"Results.rows must be row numbers in [0, {n}) or an ({n},) mask; got {rows!r}. "
                "Take them from Results.networks."
            )
        return chosen.astype(np.int64)

    def _condition_numbers(self, names: Sequence[str]) -> list[int]:
        position = {name: index for index, name in enumerate(self.conditions["name"])}
        unknown = [name for name in names if name not in position]
        if unknown:
            raise StoreError(
                f"Results.condition_names must be among {', '.join(position)}; "
                f"got {', '.join(map(repr, unknown))}. Correct the name."
            )
        return [position[name] for name in names]

    def _column(self, path: str) -> list[Any]:
        if path.rpartition("/")[2] in INTEGER_COLUMNS:
            values: list[Any] = self._read(path).tolist()
            return values
        with self._seam():
            return [value.decode() for value in _as_bytes(self._file[path])]

    def _read(self, path: str) -> NDArray[Any]:
        with self._seam():
            return np.asarray(self._file[path][...])

    def _json_of(self, name: str) -> dict[str, str]:
        with self._seam():
            group = self._file[name]
            return {key: get_text(group[key], JSON_ATTRIBUTE) for key in group}

    def _seam(self) -> Any:
        return hdf5_seam(self.path, _READABLE, ADVICE)


def _as_bytes(dataset: h5py.Dataset) -> list[bytes]:
    values: list[bytes] = dataset[...].tolist()
    return values


def _value(dataset: h5py.Dataset) -> Any:
    if h5py.check_string_dtype(dataset.dtype) is not None:
        dataset = dataset.asstr()
    value = dataset[()]
    return value.item() if isinstance(value, np.generic) else value
