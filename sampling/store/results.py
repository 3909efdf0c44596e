"""results.h5 in, tables and bits out: a lazy reader that checks what it hands over."""

from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from .checks import StoreError, hdf5_seam
from .records import SequenceRecord, SetRecord
from .result_tables import ResultTables
from .schema import is_sequences
from .set_reader import SequenceReader, SetReader
from .structure import ADVICE, READABLE, check_structure

Names: TypeAlias = Sequence[str] | None
RowNumbers: TypeAlias = Sequence[int] | NDArray[Any] | None


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
    with hdf5_seam(path, READABLE, ADVICE):
        file = h5py.File(path, "r")
    try:
        with hdf5_seam(path, READABLE, ADVICE):
            check_structure(path, file)
    except BaseException:
        file.close()
        raise
    return Results(path, file)


class Results(ResultTables):
    """An open results file: N networks, M conditions, I images, F factors.

    Small tables are read when first asked for and kept; bits are read anew on every call, and the
    ones of every row read are counted against the stored counts. Use it as a context manager.
    """

    @property
    def labels(self) -> NDArray[np.int64]:
        """(I,) class indices of the campaign's own set."""
        return self.image_set().record.labels

    @property
    def image_ids(self) -> tuple[str, ...]:
        """(I,) stable image ids of the campaign's own set."""
        return self.image_set().record.image_ids

    @cached_property
    def sets(self) -> dict[str, SetRecord]:
        """Name to images of every image set, the campaign's own first."""
        return {name: reader.record for name, reader in self._sets.items()}

    @cached_property
    def sequence_sets(self) -> dict[str, SequenceRecord]:
        """Name to sequences and images of every set of perturbation sequences."""
        return {name: reader.record for name, reader in self._sequences.items()}

    def counted(self, image_set: str | None = None) -> bool:
        """Whether only counts are known of an image set, as of an imported table."""
        return self.image_set(image_set).counted

    def kept(self, image_set: str | None = None) -> tuple[str, ...]:
        """Which of "prediction", "confidence" and "distance" the file has of an image set."""
        return self.image_set(image_set).layers

    def counts(self, image_set: str | None = None) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """(n_evaluated, n_correct), each (N, M) uint32: images tried, images right."""
        return self.image_set(image_set).counts()

    def evaluated(
        self,
        condition_names: Names = None,
        rows: RowNumbers = None,
        image_set: str | None = None,
    ) -> NDArray[np.bool_]:
        """(n, m, I) bool: whether the image was tried under the condition.

        Args:
            condition_names: The m conditions in the order wanted; None for all M in file order.
            rows: The n row numbers in the order wanted, or an (N,) bool mask; None for all N.
            image_set: Name of one of `sets`; None for the campaign's own.
        """
        return self.image_set(image_set).bits("evaluated", *self._choice(condition_names, rows))

    def correct(
        self,
        condition_names: Names = None,
        rows: RowNumbers = None,
        image_set: str | None = None,
    ) -> NDArray[np.bool_]:
        """(n, m, I) bool: whether the network was right; False where it was not tried.

        The arguments are those of `evaluated`.
        """
        return self.image_set(image_set).bits("correct", *self._choice(condition_names, rows))

    def prediction(
        self,
        condition_names: Names = None,
        rows: RowNumbers = None,
        image_set: str | None = None,
    ) -> NDArray[np.uint16]:
        """(n, m, I) uint16 predicted class, `NO_PREDICTION` where none was made.

        The arguments are those of `evaluated`; this and the next two raise StoreError when the file
        does not have the array, see `kept`.
        """
        chosen, columns = self._choice(condition_names, rows)
        return self.image_set(image_set).layer("prediction", chosen, columns)

    def confidence(
        self,
        condition_names: Names = None,
        rows: RowNumbers = None,
        image_set: str | None = None,
    ) -> NDArray[np.float16]:
        """(n, m, I) float16 softmax of the prediction, NaN where none was made."""
        chosen, columns = self._choice(condition_names, rows)
        return self.image_set(image_set).layer("confidence", chosen, columns)

    def distance(
        self,
        condition_names: Names = None,
        rows: RowNumbers = None,
        image_set: str | None = None,
    ) -> NDArray[np.float32]:
        """(n, m, I) float32 least norm that a minimum-norm attack found, NaN elsewhere."""
        chosen, columns = self._choice(condition_names, rows)
        return self.image_set(image_set).layer("distance", chosen, columns)

    def sequence_predictions(
        self, image_set: str, sequences: Names = None, rows: RowNumbers = None
    ) -> NDArray[np.uint16]:
        """(n, q, F, I) uint16 predicted class of every frame, `NO_PREDICTION` beyond the last.

        Args:
            image_set: Name of one of `sequence_sets`.
            sequences: The q sequences in the order wanted; None for all.
            rows: As of `evaluated`.
        """
        return self._said("prediction", image_set, sequences, rows)

    def rank_distances(
        self, image_set: str, sequences: Names = None, rows: RowNumbers = None
    ) -> NDArray[np.float32]:
        """(n, q, I) float32 top-5 distances; the arguments are those of `sequence_predictions`."""
        return self._said("rank_distance", image_set, sequences, rows)

    def image_set(self, name: str | None = None) -> SetReader:
        """What reads an image set, the campaign's own when None, by numbers of rows and columns."""
        name = self.attributes["image_set"] if name is None else name
        return self._sets[self._known("image_set", name, self._sets)]

    def sequence_set(self, name: str) -> SequenceReader:
        """The same of a set of perturbation sequences."""
        return self._sequences[self._known("image_set", name, self._sequences)]

    @cached_property
    def _sets(self) -> dict[str, SetReader]:
        own = self.attributes["image_set"]
        with self._seam():
            groups = dict(self._file["sets"].items())
        names = [own, *(n for n in groups if n != own and not is_sequences(groups[n]))]
        return {name: SetReader(self.path, groups[name]) for name in names}

    @cached_property
    def _sequences(self) -> dict[str, SequenceReader]:
        with self._seam():
            groups = {n: g for n, g in self._file["sets"].items() if is_sequences(g)}
        return {name: SequenceReader(self.path, group) for name, group in groups.items()}

    def _said(self, layer: str, image_set: str, sequences: Names, rows: RowNumbers) -> NDArray[Any]:
        reader = self.sequence_set(image_set)
        columns = None
        if sequences is not None:
            places = {name: q for q, name in enumerate(reader.record.sequences)}
            columns = [places[self._known("sequences", name, places)] for name in sequences]
        return reader.layer(layer, self._row_numbers(rows), columns)

    def _choice(
        self, condition_names: Names, rows: RowNumbers
    ) -> tuple[NDArray[np.int64], list[int] | None]:
        """Row and condition numbers."""
        chosen = self._row_numbers(rows)
        if condition_names is None:
            return chosen, None
        places = {name: index for index, name in enumerate(self.conditions["name"])}
        return chosen, [places[self._known("condition_names", n, places)] for n in condition_names]

    def _known(self, owner: str, name: str, known: Collection[str]) -> str:
        if name not in known:
            raise StoreError(
                f"Results.{owner} must be among {', '.join(known)}; got {name!r} for {self.path}. "
                "Correct the name."
            )
        return name

    def _row_numbers(self, rows: RowNumbers) -> NDArray[np.int64]:
        n = self.size
        chosen = np.arange(n) if rows is None else np.asarray(rows)
        if chosen.dtype == np.bool_ and chosen.shape == (n,):
            return np.flatnonzero(chosen)
        numeric = chosen.size == 0 or chosen.dtype.kind in "iu"
        if chosen.ndim != 1 or not numeric or np.any((chosen < 0) | (chosen >= n)):
            raise StoreError(
                f"Results.rows must be row numbers in [0, {n}) or an ({n},) mask; got {rows!r}. "
                "Take them from Results.networks."
            )
        return chosen.astype(np.int64)
