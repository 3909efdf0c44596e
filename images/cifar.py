"""CIFAR-10 as published (Krizhevsky, 2009): python or binary batches, in a folder or a .tar.gz."""

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from images.cifar_pickles import Batch, read_label_names, read_pickled_batch
from images.resizers import DEFAULT_RESIZER, RESIZERS
from images.sets import Dataset, ImageSet, raw_pixel_notes, read_file

NATIVE = 32
CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
MAX_FILE = 64 * 2**20
"""Bytes; a published batch has 31 million."""

_TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
_TEST = "test_batch"
_META = "batches.meta"
_FILES = {*_TRAIN, _TEST, _META, *(f"{name}.bin" for name in (*_TRAIN, _TEST))}
_FOLDERS = ("cifar-10-batches-py", "cifar-10-batches-bin")


def load_cifar10(path: Path, size: int) -> Dataset:
    """CIFAR-10 at `size` pixels from the published batches.

    Args:
        path: The folder of the batches, its parent, or the .tar.gz as downloaded.
        size: Side in pixels; other than 32, images are resized by the default resizer.

    Raises:
        ValueError: A batch is missing, damaged, or asks for anything but arrays, lists and bytes.
    """
    classes: tuple[str, ...] = CLASSES
    batches: dict[str, Batch] = {}
    for name, data in _members(path):
        where = f"{path} ({name})"
        if name == _META:
            classes = read_label_names(data, where)
        elif name.endswith(".bin"):
            batches[name.removesuffix(".bin")] = _read_binary(data, where)
        else:
            batches[name] = read_pickled_batch(data, where)
    missing = [name for name in (*_TRAIN, _TEST) if name not in batches]
    if missing:
        raise ValueError(
            f"cifar10.path must hold {', '.join(_TRAIN)} and {_TEST}; got {path} without "
            f"{', '.join(missing)}. Give the folder or .tar.gz as published."
        )
    return Dataset(
        name="cifar10",
        size=size,
        classes=classes,
        train=_image_set("train", [batches[name] for name in _TRAIN], size, len(classes)),
        test=_image_set("test", [batches[_TEST]], size, len(classes)),
        notes=raw_pixel_notes("cifar10", NATIVE, size),
    )


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        folders = [path, *(path / name for name in _FOLDERS)]
        base = next((f for f in folders if any((f / name).is_file() for name in _FILES)), path)
        for file in sorted(base / name for name in _FILES):
            if file.is_file():
                _check_length(file.stat().st_size, file)
                yield file.name, read_file(file)
        return
    try:
        with tarfile.open(path, "r:*") as archive:  # read in memory, never unpacked to disk
            for member in archive:
                name = member.name.rsplit("/", 1)[-1]
                content = archive.extractfile(member) if name in _FILES else None
                if content is not None:
                    _check_length(member.size, path)
                    yield name, content.read()
    except (
        OSError, EOFError, KeyError, RecursionError, tarfile.TarError, lzma.LZMAError, zlib.error,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split())  # tarfile gives a line per compression tried
        raise ValueError(
            f"cifar10.path must be a folder of batches or their .tar.gz; got {path} ({reason}). "
            "Check the path or download it again."
        ) from None


def _check_length(length: int, path: Path) -> None:
    if length > MAX_FILE:
        raise ValueError(
            f"cifar10.batch must have at most {MAX_FILE} bytes; got {length} in {path}. "
            "Give the batches as published."
        )


def _read_binary(data: bytes, where: str) -> Batch:
    row = 1 + 3 * NATIVE * NATIVE  # label, then the red, green and blue planes
    if not data or len(data) % row:
        raise ValueError(
            f"cifar10.batch must have a multiple of {row} bytes; got {len(data)} in {where}. "
            "Download it again."
        )
    rows = np.frombuffer(data, np.uint8).reshape(-1, row)
    return Batch(rows[:, 1:], rows[:, 0].astype(np.int64))


def _image_set(name: str, batches: list[Batch], size: int, class_count: int) -> ImageSet:
    labels = np.concatenate([batch.labels for batch in batches])
    if labels.min() < 0 or labels.max() >= class_count:
        raise ValueError(
            f"cifar10.labels must be 0 to {class_count - 1}; got {labels.min()} to {labels.max()} "
            f"in {name}. Download the batches again."
        )
    native: NDArray[np.uint8] = np.empty((len(labels), NATIVE, NATIVE, 3), np.uint8)
    start = 0
    for batch in batches:
        planes = batch.pixels.reshape(-1, 3, NATIVE, NATIVE)
        native[start : start + len(planes)] = planes.transpose(0, 2, 3, 1)
        start += len(planes)
    pixels = native if size == NATIVE else RESIZERS[DEFAULT_RESIZER](native, (size, size))
    digits = len(str(len(labels) - 1))
    ids = tuple(f"{name}/{i:0{digits}d}" for i in range(len(labels)))
    return ImageSet(pixels, labels, ids, native)
