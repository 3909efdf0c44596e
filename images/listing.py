"""Image files in class folders: listed in natural order, read when asked."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from images.decoders import DECODERS, DEFAULT_DECODER
from images.paths import is_utf8
from images.resizers import DEFAULT_RESIZER, fit_square
from images.sets import ImageSet, Track, read_file


@dataclass(frozen=True, eq=False)
class Listing:
    """I image files, listed but not read.

    Attributes:
        name: What the set is called, and what its ids begin with.
        classes: (K,) class names.
        paths: (I,) files, class by class, in natural order within one.
        labels: (I,) int64, index into `classes`.
        ids: (I,) stable ids, "<name>/<class folder>/<file>".
    """

    name: str
    classes: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: NDArray[np.int64]
    ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def covered(self) -> NDArray[np.int64]:
        """(C,) ascending indices of the classes that have images."""
        return np.unique(self.labels)

    def take(self, index: Sequence[int] | NDArray[np.int64]) -> Self:
        """The listed images, in the order listed."""
        paths, ids = tuple(self.paths[i] for i in index), tuple(self.ids[i] for i in index)
        return replace(self, paths=paths, labels=self.labels[index], ids=ids)

    def moved(self, base: Path) -> Self:
        """Files of the same classes and names under another folder, whether they are there or not.

        Ids stay: what is under the other folder is another version of the same images.
        """
        paths = tuple(base / path.parent.name / path.name for path in self.paths)
        return replace(self, paths=paths)

    def labelled_by(self, classes: tuple[str, ...]) -> Self:
        """The same files, labels counting in `classes`, of which they may cover a part.

        Raises:
            ValueError: A class folder is not among the classes.
        """
        unknown = sorted(set(self.classes) - set(classes))
        if unknown:
            raise ValueError(
                f"{self.name}.classes must be among the {len(classes)} of the data set; got "
                f"{', '.join(unknown[:5])} in {self.paths[0].parent.parent}. Give the data set "
                "whose classes have these folder names."
            )
        position = {name: index for index, name in enumerate(classes)}
        places = np.array([position[name] for name in self.classes], np.int64)
        return replace(self, classes=classes, labels=places[self.labels])

    def read(self, size: int, track: Track | None = None) -> tuple[ImageSet, int]:
        """The images at `size` pixels, and how many of them were of another size.

        Those have their shorter side brought to `size` by the default resizer and their centre
        cropped; an image of that size is left as it is.

        Args:
            size: Side in pixels.
            track: Shows progress, see `images.sets.Track`.

        Raises:
            ValueError: A file is gone or not a readable JPEG or PNG; the message names it.
        """
        count, resized = len(self.paths), 0
        pixels: NDArray[np.uint8] = np.empty((count, size, size, 3), np.uint8)
        what = f"reading {self.name} images"
        tracked = self.paths if track is None else track(self.paths, count, what)
        for index, path in enumerate(tracked):
            data = read_file(path)
            try:
                image = DECODERS[DEFAULT_DECODER](data)
                pixels[index] = fit_square(image, size)
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from None
            resized += image.shape[:2] != (size, size)
        return ImageSet(pixels, self.labels, self.ids, self.paths), resized


def resize_notes(resized: int, total: int, size: int) -> tuple[str, ...]:
    """What a report must say of images that were of another size."""
    note = (
        f"{resized} of {total} images were of another size: their shorter side was resized to "
        f"{size} px by {DEFAULT_RESIZER} and their centre cropped."
    )
    return (note,) if resized else ()


def list_classes(base: Path, owner: str, name: str) -> Listing:
    """The files of a folder that holds one folder per class.

    Classes are the sorted names of the class folders; names that begin with a dot and files beside
    the class folders are passed over.

    Args:
        base: The folder above the class folders.
        owner: What messages speak of, for instance "folder".
        name: Name of the set.

    Raises:
        ValueError: There is no class, a class is empty, or a name is not UTF-8.
    """
    folders = subfolders(base, owner)
    if not folders:
        raise ValueError(
            f"{owner}.path must hold one folder per class; got {base} with none. Add class folders."
        )
    paths: list[Path] = []
    labels: list[int] = []
    for label, folder in enumerate(folders):
        files = sorted(visible(folder, owner), key=lambda f: natural_order(f.name))
        if not files:
            raise ValueError(
                f"{owner}.class must hold at least one image; got none in {folder}. "
                "Add images or remove the folder."
            )
        paths += files
        labels += [label] * len(files)
    ids = tuple(f"{name}/{path.parent.name}/{path.name}" for path in paths)
    classes = tuple(folder.name for folder in folders)
    return Listing(name, classes, tuple(paths), np.array(labels, np.int64), ids)


def natural_order(name: str) -> tuple[list[str | int], str]:
    """A sort key under which "2.jpg" comes before "10.jpg"."""
    parts = re.split(r"([0-9]+)", name)  # text and numbers alternate, so they never compare
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name


def subfolders(folder: Path, owner: str) -> list[Path]:
    """The folders in a folder, sorted by name; hidden ones and files are passed over."""
    return sorted((f for f in visible(folder, owner) if f.is_dir()), key=lambda f: f.name)


def visible(folder: Path, owner: str) -> Iterator[Path]:
    """What is in a folder but for names that begin with a dot, in no order.

    Raises:
        ValueError: It cannot be read, or a name in it is not UTF-8.
    """
    try:
        names = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise ValueError(
            f"{owner}.path must be a readable folder; got {folder} ({error.strerror}). "
            "Check the path and its rights."
        ) from None
    for path in names:
        if not is_utf8(path.name):
            raise ValueError(
                f"{owner}.names must be UTF-8, as results keep them; got {path.name!r} in {folder}."
                " Rename it."
            )
    yield from names
