"""An image folder: `train/` and `test/` (or `val/`), and in each one folder per class."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from images.decoders import DECODERS, DEFAULT_DECODER
from images.paths import is_utf8
from images.resizers import DEFAULT_RESIZER, fit_square
from images.sets import Dataset, ImageSet, Track, read_file

_TEST_FOLDERS = ("test", "val")


@dataclass(frozen=True)
class _Listing:
    """The files of one split, class by class, in natural order; `split` is the folder's name."""

    split: str
    classes: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: tuple[int, ...]


def load_folder(root: Path, size: int, track: Track | None = None) -> Dataset:
    """The images of a folder at `size` pixels.

    Classes are the sorted names of the class folders; `test/` is preferred to `val/`; names that
    begin with a dot and files beside the class folders are passed over. An image of another size
    has its shorter side brought to `size` by the default resizer and its centre cropped.

    Args:
        root: The folder that holds `train/` and `test/` or `val/`.
        size: Side in pixels.
        track: Shows progress, see `images.sets.Track`.

    Raises:
        ValueError: The layout is another one, or a file is not a readable JPEG or PNG.
    """
    train = _listing(root, ("train",))
    test = _listing(root, _TEST_FOLDERS)
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes))
        raise ValueError(
            f"folder.classes must be the same in {train.split}/ and {test.split}/; got "
            f"{', '.join(odd[:5])} in only one of them, in {root}. Add or remove class folders."
        )
    train_set, train_resized = _image_set(train, size, track)
    test_set, test_resized = _image_set(test, size, track)
    count = train_resized + test_resized
    total = len(train_set) + len(test_set)
    note = (
        f"{count} of {total} images were of another size: their shorter side was resized to "
        f"{size} px by {DEFAULT_RESIZER} and their centre cropped."
    )
    return Dataset(
        name=f"folder:{root.resolve().name}",
        size=size,
        classes=train.classes,
        train=train_set,
        test=test_set,
        notes=(note,) if count else (),
    )


def natural_order(name: str) -> tuple[list[str | int], str]:
    """A sort key under which "2.jpg" comes before "10.jpg"."""
    parts = re.split(r"([0-9]+)", name)  # text and numbers alternate, so they never compare
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name


def _listing(root: Path, names: tuple[str, ...]) -> _Listing:
    base = next((root / name for name in names if (root / name).is_dir()), None)
    if base is None:
        raise ValueError(
            f"folder.path must hold {' or '.join(f'{name}/' for name in names)}; got {root} without"
            " it. Give the folder above the splits."
        )
    folders = sorted((f for f in _visible(base) if f.is_dir()), key=lambda f: f.name)
    if not folders:
        raise ValueError(
            f"folder.split must hold one folder per class; got {base} with none. Add class folders."
        )
    paths: list[Path] = []
    labels: list[int] = []
    for label, folder in enumerate(folders):
        files = sorted(_visible(folder), key=lambda f: natural_order(f.name))
        if not files:
            raise ValueError(
                f"folder.class must hold at least one image; got none in {folder}. "
                "Add images or remove the folder."
            )
        paths += files
        labels += [label] * len(files)
    return _Listing(base.name, tuple(f.name for f in folders), tuple(paths), tuple(labels))


def _visible(folder: Path) -> Iterator[Path]:
    try:
        names = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise ValueError(
            f"folder.path must be readable; got {folder} ({error.strerror}). Check its rights."
        ) from None
    for path in names:
        if not is_utf8(path.name):
            raise ValueError(
                f"folder.names must be UTF-8, as results keep them; got {path.name!r} in {folder}. "
                "Rename it."
            )
    yield from names


def _image_set(listing: _Listing, size: int, track: Track | None) -> tuple[ImageSet, int]:
    """The split, and how many of its images were of another size."""
    paths, count, resized = listing.paths, len(listing.paths), 0
    pixels: NDArray[np.uint8] = np.empty((count, size, size, 3), np.uint8)
    tracked = paths if track is None else track(paths, count, f"reading {listing.split} images")
    for index, path in enumerate(tracked):
        data = read_file(path)
        try:
            image = DECODERS[DEFAULT_DECODER](data)
            pixels[index] = fit_square(image, size)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        resized += image.shape[:2] != (size, size)
    ids = tuple(f"{listing.split}/{path.parent.name}/{path.name}" for path in paths)
    return ImageSet(pixels, np.array(listing.labels, np.int64), ids, paths), resized
