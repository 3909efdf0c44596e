"""What all networks of a results file share, and its tables of networks and conditions."""

import json
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
from .structure import ADVICE, READABLE


class ResultTables:
    """An open results file without its image sets; small tables are read once and kept."""

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file

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
    def size(self) -> int:
        """N."""
        with self._seam():
            return len(self._file["networks/id"])

    def network_column(self, name: str) -> NDArray[Any]:
        """(N,) one column of `networks`, text as objects; only that column is read.

        Raises:
            StoreError: There is no such column.
        """
        if name not in NETWORK_COLUMNS:
            raise StoreError(
                f"Results.network_column must be among {', '.join(NETWORK_COLUMNS)}; got {name!r}. "
                "Correct the name."
            )
        values = self._column(f"networks/{name}")
        return np.array(values, np.int64 if name in INTEGER_COLUMNS else object)

    def factor(self, name: str) -> NDArray[np.float64]:
        """(N,) one factor; only that one is read.

        Raises:
            StoreError: There is no such factor.
        """
        if name not in self.factor_units:
            raise StoreError(
                f"Results.factor must be among {', '.join(self.factor_units)}; got {name!r}. "
                "Correct the name."
            )
        return self._read(f"networks/factors/{name}")

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
            index=pd.RangeIndex(self.size),
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

    def recompute_hash(self) -> str:
        """The content hash of what is in the file now."""
        with self._seam():
            return content_hash(self._file)

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
        return hdf5_seam(self.path, READABLE, ADVICE)


def _as_bytes(dataset: h5py.Dataset) -> list[bytes]:
    values: list[bytes] = dataset[...].tolist()
    return values


def _value(dataset: h5py.Dataset) -> Any:
    if h5py.check_string_dtype(dataset.dtype) is not None:
        dataset = dataset.asstr()
    value = dataset[()]
    return value.item() if isinstance(value, np.generic) else value
