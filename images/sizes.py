"""The size that images of a data set have, where a user names none."""

from images.decoders import DECODERS, DEFAULT_DECODER
from images.folder import list_test
from images.paths import data_path
from images.sets import read_file

SIZES = {"digits": 16, "cifar10": 32}
"""Kind of data set to the side in pixels that all its images have."""

SMALLEST, LARGEST = 8, 224
"""Sides in pixels that noises are made for."""


def native_size(spec: str) -> int:
    """Side in pixels of the images of a data set; a folder's is that of its first test image.

    The shorter side counts, brought to 8 to 224; what cannot be read counts as 224: whoever reads
    it again says why it cannot be.

    Args:
        spec: As of `images.datasets.load_dataset`.
    """
    kind, _, where = spec.partition(":")
    if kind in SIZES:
        return SIZES[kind]
    try:
        first = list_test(data_path(where)).paths[0]
        side: int = min(DECODERS[DEFAULT_DECODER](read_file(first)).shape[:2])
    except (ValueError, IndexError):
        return LARGEST
    return min(max(side, SMALLEST), LARGEST)
