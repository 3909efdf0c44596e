"""An open results file and how its datasets are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import h5py
from numpy.typing import NDArray

from .schema import text_array

_ROWS_PER_CHUNK = 1024


@dataclass(frozen=True)
class Sink:
    """An open file; datasets are chunked, compressed (gzip level 0 to 9) and have checksums."""

    file: h5py.File
    compression: int

    def create(
        self, path: str, shape: tuple[int, ...], kind: Any, chunk: tuple[int, ...], fill: Any = None
    ) -> Any:
        """A dataset to be written piece by piece; a chunk never written reads as `fill` or 0."""
        return self.file.create_dataset(
            path,
            shape=shape,
            dtype=kind,
            chunks=chunk,
            fillvalue=fill,
            compression=self.compression,
            shuffle=True,
            fletcher32=True,
            track_times=False,
        )

    def array(self, path: str, values: NDArray[Any]) -> Any:
        """A dataset of these values."""
        chunk = (min(_ROWS_PER_CHUNK, len(values)), *values.shape[1:])
        dataset = self.create(path, values.shape, values.dtype, chunk)
        dataset[...] = values
        return dataset

    def text(self, path: str, values: Sequence[str]) -> None:
        """A dataset of these texts."""
        self.array(path, text_array(values))
