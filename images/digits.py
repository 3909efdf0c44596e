"""The embedded data set: 1,797 scanned digits of 8x8 pixels (Alpaydin and Kaynak, 1998).

They come with scikit-learn, so every path of the project can be run with nothing downloaded.
"""

import numpy as np
from numpy.typing import NDArray

from images.resizers import DEFAULT_RESIZER, RESIZERS
from images.sets import Dataset, ImageSet, raw_pixel_notes
from images.splits import stratified

NATIVE = 8
TEST_COUNT = 397
SPLIT_SEED = 0


def load_digits(size: int) -> Dataset:
    """The digits at `size` pixels: 1,400 to train on and 397 to test, stratified, always the same.

    Values 0..16 become round(x * 255 / 16), spread over R, G and B. Ids are "train/0003": the
    number is the position in scikit-learn's order.
    """
    from sklearn.datasets import load_digits as load  # slow import

    bunch = load()
    grey = np.rint(bunch.images * 255 / 16).astype(np.uint8)  # (1797, 8, 8)
    native = np.repeat(grey[..., None], 3, axis=-1)
    labels = bunch.target.astype(np.int64)
    pixels = native if size == NATIVE else RESIZERS[DEFAULT_RESIZER](native, (size, size))
    held_out = stratified(labels, TEST_COUNT, SPLIT_SEED)
    rest = np.setdiff1d(np.arange(len(labels)), held_out)

    def split(name: str, index: NDArray[np.int64]) -> ImageSet:
        ids = tuple(f"{name}/{i:04d}" for i in index)
        return ImageSet(pixels[index], labels[index], ids, native[index])

    return Dataset(
        name="digits",
        size=size,
        classes=tuple(str(digit) for digit in bunch.target_names),
        train=split("train", rest),
        test=split("test", held_out),
        notes=raw_pixel_notes("digits", NATIVE, size),
    )
