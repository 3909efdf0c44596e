"""Frost: a random crop of a picture of frost added to the image.

The published pictures are package data of `imagecorruptions` (`pip install --no-deps
imagecorruptions`), read without importing it. Where it is absent, pictures are drawn instead
(`frost_pictures`). The constant `photographs` says which, so protocols made with the one and with
the other have different hashes and their results are never taken for equal.
"""

from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from noises.natural.compiled import compiled
from noises.natural.corruption import Constants, Corruption, Generators, Pixels
from noises.natural.frost_pictures import draw_frost

_FILES = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg")
"""The first five of the six published pictures: the source never draws the sixth."""
_LEVELS = np.arange(256, dtype=np.float64)


def _photographs() -> tuple[Path, ...] | None:
    """The published pictures where `imagecorruptions` is installed, else None."""
    try:
        found = distribution("imagecorruptions")
    except PackageNotFoundError:
        return None
    paths = tuple(Path(str(found.locate_file(f"imagecorruptions/frost/{f}"))) for f in _FILES)
    return paths if all(path.is_file() for path in paths) else None


PHOTOGRAPHS = _photographs()


@cache
def frost_picture(index: int, photographs: bool) -> Pixels:
    """Picture `index` of five at its full size, (H, W, 3) RGB, read only.

    Raises:
        ValueError: If photographs are asked for and cannot be read.
    """
    if not photographs:
        picture = draw_frost(index)
    else:
        read = None if PHOTOGRAPHS is None else cv2.imread(str(PHOTOGRAPHS[index]))
        if read is None:
            raise ValueError(
                f"frost.photographs must be readable; got none for {_FILES[index]}. "
                "Install imagecorruptions again with pip install --no-deps imagecorruptions."
            )
        picture = np.ascontiguousarray(read[:, :, ::-1], dtype=np.uint8)
    picture.flags.writeable = False  # cached
    return picture


@lru_cache(maxsize=32)
def scaled_picture(index: int, photographs: bool, scale: float, size: int) -> Pixels:
    """Picture at a scale, enlarged where a crop of `size` pixels would not fit into it."""
    picture = frost_picture(index, photographs)
    factor = max(scale, (size + 1) / min(picture.shape[:2]))
    if factor == 1.0:
        return picture
    if factor == scale:
        scaled = cv2.resize(picture, (0, 0), fx=scale, fy=scale)
    else:
        height, width = (max(size + 1, round(n * factor)) for n in picture.shape[:2])
        scaled = cv2.resize(picture, (width, height))
    scaled.flags.writeable = False  # cached
    return np.asarray(scaled)


@compiled
def _lay_over(
    image: NDArray[np.uint8],
    frost: NDArray[np.uint8],
    of_image: NDArray[np.float64],
    of_frost: NDArray[np.float64],
    out: NDArray[np.uint8],
) -> None:
    """Sum of two looked-up weights per value, clipped and truncated."""
    for h in range(image.shape[0]):
        for w in range(image.shape[1]):
            for c in range(3):
                value = of_image[image[h, w, c]] + of_frost[frost[h, w, c]]
                out[h, w, c] = np.uint8(min(value, 255.0))


def _frost(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    of_image, of_frost = constants[0] * _LEVELS, constants[1] * _LEVELS
    size = pixels.shape[1]
    out = np.empty_like(pixels)
    for image, frosty, generator in zip(pixels, out, generators, strict=True):
        index = int(generator.integers(len(_FILES)))
        picture = scaled_picture(index, bool(constants[3]), constants[2], size)
        top = int(generator.integers(picture.shape[0] - size))
        left = int(generator.integers(picture.shape[1] - size))
        crop = picture[top : top + size, left : left + size]
        _lay_over(image, crop, of_image, of_frost, frosty)
    return out


def _table(scale: float, *weights: tuple[float, float]) -> tuple[Constants, ...]:
    return tuple((*pair, scale, float(PHOTOGRAPHS is not None)) for pair in weights)


FROST = Corruption(
    name="frost",
    group="weather",
    random=True,
    parameters=("image", "frost", "scale", "photographs"),
    imagenet=_table(1.0, (1.0, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
    cifar=_table(0.2, (1.0, 0.2), (1.0, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
    method=_frost,
)
