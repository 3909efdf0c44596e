"""ImageNet-C, -A and -O in the folders they are published in, listed first and read when asked.

    ImageNet-C      ROOT/<corruption>/<severity>/<wnid>/*.JPEG   (or ROOT/noise/<corruption>/...)
    ImageNet-A, -O  ROOT/<wnid>/*.jpg

Sources: Hendrycks and Dietterich, ICLR 2019; Hendrycks et al., CVPR 2021 (arXiv 1907.07174). The
files of ImageNet-C are 224 px crops and are not resized at that size. Those of -A and -O have any
size and are brought to the wanted one as those of an image folder are; the published evaluation
resizes to 256 px and crops 224.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from images.listing import Listing, list_classes, resize_notes, subfolders
from images.sets import ImageSet, Track

SEVERITIES = (1, 2, 3, 4, 5)
_ARCHIVES = ("noise", "blur", "weather", "digital", "extra")


class Corrupted(Protocol):
    """The same I images under several conditions, made by others and kept on disk.

    A condition is (corruption, severity). Ids and labels are those of every condition, so outcomes
    are paired over them.
    """

    @property
    def conditions(self) -> tuple[tuple[str, int], ...]:
        """All that are there, corruptions by name, severities ascending within one."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(I,) index into the classes of the data set."""

    @property
    def ids(self) -> tuple[str, ...]:
        """(I,) stable ids."""

    def read(
        self,
        condition: tuple[str, int],
        size: int,
        index: Sequence[int] | NDArray[np.int64] | None = None,
        track: Track | None = None,
    ) -> tuple[ImageSet, tuple[str, ...]]:
        """The images of one condition at `size` pixels, and what a report must say of them.

        Args:
            condition: One of `conditions`.
            size: Side in pixels.
            index: Which images, in the order wanted; all when None.
            track: Shows progress, see `images.sets.Track`.

        Raises:
            ValueError: The condition is not there, or a file is gone or damaged.
        """


@dataclass(frozen=True, eq=False)
class CorruptedFiles:
    """A `Corrupted` of image files.

    Attributes:
        images: The files of the first condition; the others have files of the same names.
        folders: Condition to the folder above its class folders.
    """

    images: Listing
    folders: Mapping[tuple[str, int], Path]

    @property
    def conditions(self) -> tuple[tuple[str, int], ...]:
        """All that are there, corruptions by name, severities ascending within one."""
        return tuple(self.folders)

    @property
    def labels(self) -> NDArray[np.int64]:
        """(I,) index into the classes of the data set."""
        return self.images.labels

    @property
    def ids(self) -> tuple[str, ...]:
        """(I,) "<name of the set>/<wnid>/<file>"."""
        return self.images.ids

    def read(
        self,
        condition: tuple[str, int],
        size: int,
        index: Sequence[int] | NDArray[np.int64] | None = None,
        track: Track | None = None,
    ) -> tuple[ImageSet, tuple[str, ...]]:
        """See `Corrupted.read`."""
        check_condition(condition, self.conditions, self.images.name)
        files = self.images if index is None else self.images.take(index)
        images, resized = files.moved(self.folders[condition]).read(size, track)
        return images, resize_notes(resized, len(images), size)


def list_imagenet_c(root: Path, classes: tuple[str, ...]) -> CorruptedFiles:
    """The corruptions of ImageNet-C that a folder holds, each at all five severities.

    Args:
        root: The folder above the corruptions, or above the folders of the archives.
        classes: Classes of the data set by wnid; labels count in them. Some may have no images.

    Raises:
        ValueError: A severity or class folder is missing, or a class is not among the classes.
    """
    owner, found = "imagenet_c", dict[str, Path]()
    for folder in subfolders(root, owner):
        archived = folder.name in _ARCHIVES
        found |= {f.name: f for f in (subfolders(folder, owner) if archived else [folder])}
    folders = {(name, s): found[name] / str(s) for name in sorted(found) for s in SEVERITIES}
    if not folders:
        raise ValueError(
            f"{owner}.path must hold one folder per corruption; got {root} with none. "
            "Unpack the archives there."
        )
    gone = [folder for folder in folders.values() if not folder.is_dir()]
    if gone:
        raise ValueError(
            f"{owner}.severities must be {', '.join(map(str, SEVERITIES))} for every corruption; "
            f"got no {gone[0]}. Unpack it, or remove the corruption."
        )
    first, *others = folders.values()
    images = list_classes(first, owner, owner)
    for folder in others:
        odd = set(images.classes) ^ {f.name for f in subfolders(folder, owner)}
        if odd:
            raise ValueError(
                f"{owner}.classes must be the same under every condition; got {min(odd)} in only "
                f"one of {first} and {folder}. Unpack both anew."
            )
    return CorruptedFiles(images.labelled_by(classes), folders)


def list_imagenet_subset(root: Path, name: str, classes: tuple[str, ...]) -> Listing:
    """ImageNet-A or ImageNet-O, of some 200 of the classes: `Listing.covered`.

    Networks are judged among the covered classes only. The folders of ImageNet-O name the classes
    it was collected against: its images show none of the data set's, so their labels are no truth.

    Args:
        root: The folder above the class folders.
        name: "imagenet_a" or "imagenet_o".
        classes: Classes of the data set by wnid; labels count in them.

    Raises:
        ValueError: There is no class folder, one is empty or not among the classes.
    """
    return list_classes(root, name, name).labelled_by(classes)


def check_condition(
    condition: tuple[str, int], conditions: Sequence[tuple[str, int]], owner: str
) -> None:
    """Raise ValueError unless the condition is among those that are there."""
    if condition not in conditions:
        there = ", ".join(dict.fromkeys(name for name, _ in conditions))
        raise ValueError(
            f"{owner}.condition must be one of {there} at severity 1 to 5; got {condition[0]} at "
            f"{condition[1]}. Unpack it, or leave it out."
        )
