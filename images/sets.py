"""What a data set is: two splits of labelled square images, and the streams they came from."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from images.resizers import DEFAULT_RESIZER
from images.streams import JPEG_QUALITY, encode_jpeg

Track = Callable[[Iterable[Path], int, str], Iterable[Path]]
"""Passes the items of a long loop through and shows progress: (items, how many, what)."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """One split of a data set: I square RGB images of s pixels, in a fixed order.

    Attributes:
        pixels: (I, s, s, 3) uint8, RGB.
        labels: (I,) int64, index into the classes of the data set.
        ids: (I,) stable ids, for instance "test/dog/0007.jpg" or "test/0042".
        source: Where the streams at native size come from: (I,) image files, or (I, h, w, 3) uint8
            raw pixels, which are encoded when asked for (`images.streams.encode_jpeg`).
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    ids: tuple[str, ...]
    source: tuple[Path, ...] | NDArray[np.uint8]

    def __post_init__(self) -> None:
        counts = {len(self.pixels), len(self.labels), len(self.ids), len(self.source)}
        if len(counts) != 1 or 0 in counts:
            raise ValueError(
                "ImageSet.pixels, labels, ids and source must be of one length above 0; got "
                f"{len(self.pixels)}, {len(self.labels)}, {len(self.ids)}, {len(self.source)}. "
                "Give one of each per image."
            )

    def __len__(self) -> int:
        return len(self.ids)

    def encoded(self, index: Sequence[int] | NDArray[np.int64]) -> list[bytes]:
        """The JPEG or PNG streams of the listed images, at native size, in the order listed.

        Raises:
            ValueError: A file has gone since the set was loaded.
        """
        if isinstance(self.source, np.ndarray):
            return [encode_jpeg(self.source[i]) for i in index]
        return [read_file(self.source[i]) for i in index]

    def take(self, index: NDArray[np.int64]) -> "ImageSet":
        """The listed images, in the order listed, as a set of their own."""
        if isinstance(self.source, np.ndarray):
            source: tuple[Path, ...] | NDArray[np.uint8] = self.source[index]
        else:
            source = tuple(self.source[i] for i in index)
        ids = tuple(self.ids[i] for i in index)
        return ImageSet(self.pixels[index], self.labels[index], ids, source)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images to learn from and images to be judged by.

    Attributes:
        name: "digits", "cifar10" or "folder:<name of the folder>".
        size: Side s of the images in pixels.
        classes: (K,) class names; a label is an index into them.
        train: The training split.
        test: The test split.
        notes: Plain sentences a report must repeat.
    """

    name: str
    size: int
    classes: tuple[str, ...]
    train: ImageSet
    test: ImageSet
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise ValueError(
                f"Dataset.classes must be at least two; got {', '.join(self.classes) or 'none'} in "
                f"{self.name}. With one class every answer is right."
            )

    @cached_property
    def sha256(self) -> str:
        """Hex digest over classes, pixels, labels and ids of both splits (not over streams)."""
        digest = hashlib.sha256(json.dumps(self.classes).encode())
        for split in (self.train, self.test):
            digest.update(json.dumps([split.pixels.shape, split.ids]).encode())
            digest.update(np.ascontiguousarray(split.pixels).data)
            digest.update(np.ascontiguousarray(split.labels, "<i8").data)
        return digest.hexdigest()


def raw_pixel_notes(name: str, native: int, size: int) -> tuple[str, ...]:
    """What a report must say of a data set that has no image files."""
    streams = (
        f"{name} holds raw pixels: the streams for decoders are JPEG made here from the "
        f"{native} px originals, quality {JPEG_QUALITY}, 4:4:4."
    )
    resized = f"{name} images are resized from {native} to {size} px by {DEFAULT_RESIZER}."
    return (streams,) if size == native else (streams, resized)


def read_file(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        ValueError: It cannot be read.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for without end
        raise ValueError(f"data.file must be a file; got {path}, which is none. Remove it.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(
            f"data.file must be readable; got {path} ({error.strerror}). Check path and rights."
        ) from None
