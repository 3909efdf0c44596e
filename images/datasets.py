"""Data sets by name: `digits`, `cifar10:PATH`, `folder:PATH`."""

from images.cifar import load_cifar10
from images.digits import load_digits
from images.folder import load_folder
from images.paths import data_path
from images.sets import Dataset, ImageSet, Track
from images.splits import stratified

__all__ = ["Dataset", "ImageSet", "Track", "load_dataset", "stratified"]


def load_dataset(spec: str, size: int, track: Track | None = None) -> Dataset:
    """The data set a specification names, its images brought to `size` pixels.

    Args:
        spec: "digits", "cifar10:PATH" (published batches: their folder, its parent, or the .tar.gz)
            or "folder:PATH" (`train/` and `test/` or `val/`, one folder per class).
        size: Side of the square images in pixels, at least 1.
        track: Shows progress while a folder is read, see `images.sets.Track`.

    Raises:
        ValueError: The specification, the path or a file is not usable; the message names it.
    """
    if size < 1:
        raise ValueError(f"data.size must be at least 1 pixel; got {size}. Use 16, 32 or 224.")
    kind, _, where = spec.partition(":")
    if spec == "digits":
        return load_digits(size)
    if kind not in ("cifar10", "folder") or not where:
        raise ValueError(
            f"data.spec must be digits, cifar10:PATH or folder:PATH; got {spec!r}. Name one."
        )
    path = data_path(where)
    if not path.exists():
        raise ValueError(f"data.path must exist; got {path}. Check the spelling.")
    if kind == "cifar10":
        return load_cifar10(path, size)
    if not path.is_dir():
        raise ValueError(f"data.path must be a folder; got {path}. Give the folder above train/.")
    return load_folder(path, size, track)
