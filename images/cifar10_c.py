"""CIFAR-10-C as published: `ROOT/<corruption>.npy` and `ROOT/labels.npy`.

Source: Hendrycks and Dietterich, ICLR 2019. An array holds the test images once per severity, one
severity after the other, (50000, 32, 32, 3) uint8; the labels are repeated accordingly. The arrays
are memory-mapped: 150 MB each, of which only what is asked for is read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from images.cifar import CLASSES, NATIVE
from images.listing import visible
from images.published import SEVERITIES, check_condition
from images.resizers import DEFAULT_RESIZER, RESIZERS
from images.sets import ImageSet, Track, raw_pixel_notes

_OWNER = "cifar10_c"
_LABELS = "labels"


@dataclass(frozen=True, eq=False)
class CorruptedArrays:
    """A `Corrupted` of memory-mapped arrays.

    Attributes:
        labels: (I,) int64 classes.
        ids: (I,) ids of the test images, those of `cifar10:PATH`: "test/0042".
        arrays: Corruption to (5 I, 32, 32, 3) uint8, severity by severity.
    """

    labels: NDArray[np.int64]
    ids: tuple[str, ...]
    arrays: Mapping[str, NDArray[np.uint8]]

    @property
    def conditions(self) -> tuple[tuple[str, int], ...]:
        """All that are there, corruptions by name, severities ascending within one."""
        return tuple((name, severity) for name in self.arrays for severity in SEVERITIES)

    def read(
        self,
        condition: tuple[str, int],
        size: int,
        index: Sequence[int] | NDArray[np.int64] | None = None,
        track: Track | None = None,
    ) -> tuple[ImageSet, tuple[str, ...]]:
        """See `images.published.Corrupted.read`; not resized at 32 px, where nothing is copied."""
        check_condition(condition, self.conditions, _OWNER)
        corruption, severity = condition
        images = len(self.labels)
        native = self.arrays[corruption][(severity - 1) * images : severity * images]
        labels, ids = self.labels, self.ids
        if index is not None:
            native, labels, ids = native[index], labels[index], tuple(ids[i] for i in index)
        pixels = native if size == NATIVE else RESIZERS[DEFAULT_RESIZER](native, (size, size))
        return ImageSet(pixels, labels, ids, native), raw_pixel_notes(_OWNER, NATIVE, size)


def open_cifar10_c(root: Path) -> CorruptedArrays:
    """The corruptions that a folder holds, memory-mapped.

    Raises:
        ValueError: An array is missing, damaged, of another type or shape, or the labels differ
            from severity to severity.
    """
    files = {f.stem: f for f in visible(root, _OWNER) if f.suffix == ".npy"}
    if _LABELS not in files or len(files) == 1:
        raise ValueError(
            f"{_OWNER}.path must hold {_LABELS}.npy and one .npy per corruption; got {root} with "
            f"{', '.join(sorted(f.name for f in files.values())) or 'none'}. Unpack the archive "
            "there."
        )
    labels = _mapped(files.pop(_LABELS), ("uint8", "int32", "int64"), ())
    count = len(labels) // len(SEVERITIES)
    blocks = np.array(labels[: count * len(SEVERITIES)], np.int64).reshape(len(SEVERITIES), count)
    if not count or len(labels) % len(SEVERITIES) or np.any(blocks != blocks[0]):
        raise ValueError(
            f"{_OWNER}.labels must be the same for each of {len(SEVERITIES)} severities; got "
            f"{len(labels)} that are not, in {root / _LABELS}.npy. Unpack the archive anew."
        )
    if blocks.min() < 0 or blocks.max() >= len(CLASSES):
        raise ValueError(
            f"{_OWNER}.labels must be 0 to {len(CLASSES) - 1}; got {blocks.min()} to "
            f"{blocks.max()} in {root / _LABELS}.npy. Unpack the archive anew."
        )
    arrays = {n: _mapped(files[n], ("uint8",), (NATIVE, NATIVE, 3)) for n in sorted(files)}
    for name, array in arrays.items():
        if len(array) != len(labels):
            raise ValueError(
                f"{_OWNER}.images must be as many as labels, {len(labels)}; got {len(array)} in "
                f"{files[name]}. Unpack the archive anew."
            )
    digits = len(str(count - 1))
    ids = tuple(f"test/{i:0{digits}d}" for i in range(count))
    return CorruptedArrays(blocks[0], ids, arrays)


def _mapped(path: Path, types: tuple[str, ...], shape: tuple[int, ...]) -> NDArray[Any]:
    """The array in a file, rows of `shape`, memory-mapped; never a pickle."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError, TypeError, SyntaxError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{_OWNER}.array must be a whole .npy file of numbers; got {path} ({reason}). "
            "Unpack the archive anew."
        ) from None
    if array.dtype.name not in types or array.ndim != 1 + len(shape) or array.shape[1:] != shape:
        raise ValueError(
            f"{_OWNER}.array must be {' or '.join(types)} of shape {('n', *shape)}; got "
            f"{array.dtype} of shape {array.shape} in {path}. Unpack the archive anew."
        )
    return array
