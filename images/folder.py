"""An image folder: `train/` and `test/` (or `val/`), and in each one folder per class."""

from pathlib import Path

from images.listing import Listing, list_classes, resize_notes
from images.sets import Dataset, Track

_TEST_FOLDERS = ("test", "val")


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
    test = list_test(root)
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes))
        raise ValueError(
            f"folder.classes must be the same in {train.name}/ and {test.name}/; got "
            f"{', '.join(odd[:5])} in only one of them, in {root}. Add or remove class folders."
        )
    train_set, train_resized = train.read(size, track)
    test_set, test_resized = test.read(size, track)
    return Dataset(
        name=f"folder:{root.resolve().name}",
        size=size,
        classes=train.classes,
        train=train_set,
        test=test_set,
        notes=resize_notes(train_resized + test_resized, len(train) + len(test), size),
    )


def list_test(root: Path) -> Listing:
    """The test images of an image folder, listed but not read.

    Raises:
        ValueError: The layout is another one.
    """
    return _listing(root, _TEST_FOLDERS)


def _listing(root: Path, names: tuple[str, ...]) -> Listing:
    base = next((root / name for name in names if (root / name).is_dir()), None)
    if base is None:
        raise ValueError(
            f"folder.path must hold {' or '.join(f'{name}/' for name in names)}; got {root} without"
            " it. Give the folder above the splits."
        )
    return list_classes(base, "folder", base.name)
