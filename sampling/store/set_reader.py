"""One image set of an open results file, read lazily; what is handed over is checked."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .checks import StoreError, hdf5_seam
from .layers import LAYERS, SEQUENCE_LAYERS, Layer
from .packing import popcount, unpack
from .records import SequenceRecord, SetRecord
from .schema import is_counted
from .structure import ADVICE, READABLE

Numbers = Sequence[int] | NDArray[np.int64]


class _Group:
    """The group of a set; arrays of its networks are read one after the other."""

    table: Mapping[str, Layer]

    def __init__(self, path: Path, group: h5py.Group) -> None:
        self._path, self._group = path, group
        self.name = group.name.rpartition("/")[2]

    def seam(self) -> Any:
        """What HDF5 raises inside is one line that names the file."""
        return hdf5_seam(self._path, READABLE, ADVICE)

    def read(self, name: str) -> NDArray[Any]:
        """A dataset of the group, whole."""
        with self.seam():
            return np.asarray(self._group[name][...])

    def texts(self, name: str) -> tuple[str, ...]:
        """A dataset of texts."""
        return tuple(value.decode() for value in self.read(name).tolist())

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the optional arrays that the set has."""
        with self.seam():
            return tuple(name for name in self.table if name in self._group)

    def layer(self, name: str, rows: Numbers, columns: Numbers | None = None) -> NDArray[Any]:
        """An optional array of some networks and some conditions or sequences.

        Args:
            name: One of the table's.
            rows: The n networks in the order wanted.
            columns: Positions on the second axis in the order wanted; all when None.

        Raises:
            StoreError: The set has no such array.
        """
        if name not in self.layers:
            raise StoreError(
                f"Results.{name} must be kept in the file; got none for {self.name} in "
                f"{self._path}, which has {', '.join(self.layers) or 'no optional arrays'}. "
                "Evaluate under a protocol that keeps it."
            )
        return self.blocks(name, rows, columns)

    def blocks(self, name: str, rows: Numbers, columns: Numbers | None = None) -> NDArray[Any]:
        """A dataset of one block per network, unchecked; only the chunks asked for are read."""
        with self.seam():
            dataset = self._group[name]
            shape = dataset.shape[1:] if columns is None else (len(columns), *dataset.shape[2:])
            out = np.empty((len(rows), *shape), dataset.dtype)
            for place, row in enumerate(rows):
                if columns is None:
                    out[place] = dataset[int(row)]
                    continue
                for position, column in enumerate(columns):
                    out[place, position] = dataset[int(row), int(column)]
            return out


class SetReader(_Group):
    """An image set: right or wrong, and the optional arrays."""

    table = LAYERS

    @cached_property
    def counted(self) -> bool:
        """Whether only counts are known: there are no bits, and no images are named."""
        with self.seam():
            return is_counted(self._group)

    @cached_property
    def record(self) -> SetRecord:
        """Its images; none where only counts are known."""
        if self.counted:
            return SetRecord(self.name, (), np.zeros(0, np.int64))
        covered = self.read("covered").tolist() if "covered" in self._group else ()
        return SetRecord(self.name, self.texts("id"), self.read("label"), tuple(covered))

    @cached_property
    def images(self) -> int:
        """I; where only counts are known, the most that were tried under one condition."""
        if self.counted:
            return int(self.read("n_evaluated").max(initial=0))
        with self.seam():
            return len(self._group["label"])

    def counts(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """(n_evaluated, n_correct), each (N, M) uint32."""
        return self.read("n_evaluated"), self.read("n_correct")

    def bits(self, name: str, rows: Numbers, columns: Numbers | None) -> NDArray[np.bool_]:
        """(n, m, I) bool of "evaluated" or "correct".

        One network is in memory at a time beside the answer.

        Raises:
            StoreError: A row read has other counts than are stored, or there are no bits.
        """
        self.require_bits(name)
        counts = self.read(f"n_{name}")
        width = counts.shape[1] if columns is None else len(columns)
        out = np.empty((len(rows), width, self.images), np.bool_)
        for place, row in enumerate(rows):
            packed = self.blocks(name, [row])[0]
            if not np.array_equal(popcount(packed), counts[row]):
                raise StoreError(
                    f"Results.{name} must have as many ones as n_{name} says; got other counts "
                    f"in {self._path}. {ADVICE}"
                )
            out[place] = unpack(packed if columns is None else packed[columns], self.images)
        return out

    def require_bits(self, name: str) -> None:
        """Refuses to read bits where only counts are known.

        Raises:
            StoreError: The set has counts only.
        """
        if self.counted:
            raise StoreError(
                f"Results.{name} must be kept per image to be read; got counts only for "
                f"{self.name} in {self._path}. Use counts(), or evaluate the networks."
            )


class SequenceReader(_Group):
    """A set of perturbation sequences."""

    table = SEQUENCE_LAYERS

    @cached_property
    def record(self) -> SequenceRecord:
        """Its sequences and images."""
        return SequenceRecord(
            self.name,
            self.texts("sequence"),
            self.texts("reference"),
            tuple(self.read("frames").tolist()),
            self.texts("id"),
            self.read("label"),
        )
