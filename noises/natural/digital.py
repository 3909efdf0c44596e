"""What a computer does to pixels: JPEG compression and pixelation."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from noises.natural.compiled import compiled
from noises.natural.corruption import Constants, Corruption, Generators, Pixels


def _jpeg(pixels: Pixels, constants: Constants, _generators: Generators) -> Pixels:
    """Published with Pillow; OpenCV decodes to the same pixels in a sixth of the time."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(constants[0])]
    out = np.empty_like(pixels)
    for image, decoded in zip(pixels, out, strict=True):
        _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
        read = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
        cv2.cvtColor(read, cv2.COLOR_BGR2RGB, dst=decoded)
    return out


@cache
def boxes(size: int, small: int) -> NDArray[np.int64]:
    """(2, small) first source pixel of each box and how many lie in it, their centres counting."""
    scale = size / small
    centres = (np.arange(small) + 0.5) * scale
    apart = (np.arange(size) + 0.5 - centres[:, None]) / scale
    inside = (apart > -0.5) & (apart <= 0.5)
    found = np.stack((inside.argmax(axis=1), inside.sum(axis=1)))
    found.flags.writeable = False  # cached
    return found


@cache
def _nearest(size: int, small: int) -> NDArray[np.int64]:
    """(size,) pixel of the small image that each pixel shows."""
    shown = ((np.arange(size) + 0.5) * small / size).astype(np.int64)
    shown.flags.writeable = False  # cached
    return shown


@compiled
def _shrink(
    image: NDArray[np.uint8],
    boxes: NDArray[np.int64],
    narrow: NDArray[np.uint8],
    shrunk: NDArray[np.uint8],
) -> None:
    """(S, S, 3) to (small, small, 3) by means over boxes: along rows, to 8 bits, along columns.

    Means are Pillow's: weights in units of 2**-22, equal within a box, half a level rounded up.
    """
    side, half = boxes.shape[1], np.uint32(1 << 21)
    weights = np.empty(side, dtype=np.uint32)
    for i in range(side):
        weights[i] = np.uint32(2.0**22 / boxes[1, i] + 0.5)
    for h in range(image.shape[0]):
        for i in range(side):
            red = green = blue = np.uint32(0)
            for j in range(boxes[0, i], boxes[0, i] + boxes[1, i]):
                red += np.uint32(image[h, j, 0])
                green += np.uint32(image[h, j, 1])
                blue += np.uint32(image[h, j, 2])
            narrow[h, i, 0] = (red * weights[i] + half) >> np.uint32(22)
            narrow[h, i, 1] = (green * weights[i] + half) >> np.uint32(22)
            narrow[h, i, 2] = (blue * weights[i] + half) >> np.uint32(22)
    sums = np.empty(3 * side, dtype=np.uint32)
    for i in range(side):
        sums[:] = 0
        for j in range(boxes[0, i], boxes[0, i] + boxes[1, i]):
            row = narrow[j].reshape(-1)
            for w in range(sums.size):
                sums[w] += row[w]
        mean = shrunk[i].reshape(-1)
        for w in range(sums.size):
            mean[w] = (sums[w] * weights[i] + half) >> np.uint32(22)


@compiled
def _enlarge(small: NDArray[np.uint8], shown: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    for h in range(out.shape[0]):
        if h > 0 and shown[h] == shown[h - 1]:
            out[h] = out[h - 1]
            continue
        for w in range(out.shape[1]):
            for c in range(3):
                out[h, w, c] = small[shown[h], shown[w], c]


def _pixelate(pixels: Pixels, constants: Constants, _generators: Generators) -> Pixels:
    """Pillow's box filter down and up again, to the bit."""
    size = pixels.shape[1]
    small = int(size * constants[0])
    means, shown = boxes(size, small), _nearest(size, small)
    out = np.empty_like(pixels)
    narrow = np.empty((size, small, 3), dtype=np.uint8)
    shrunk = np.empty((small, small, 3), dtype=np.uint8)
    for image, blocky in zip(pixels, out, strict=True):
        _shrink(image, means, narrow, shrunk)
        _enlarge(shrunk, shown, blocky)
    return out


JPEG_COMPRESSION = Corruption(
    name="jpeg_compression",
    group="digital",
    random=False,
    parameters=("quality",),
    imagenet=((25.0,), (18.0,), (15.0,), (10.0,), (7.0,)),
    cifar=((80.0,), (65.0,), (58.0,), (50.0,), (40.0,)),
    method=_jpeg,
)

PIXELATE = Corruption(
    name="pixelate",
    group="digital",
    random=False,
    parameters=("scale",),
    imagenet=((0.6,), (0.5,), (0.4,), (0.3,), (0.25,)),
    cifar=((0.95,), (0.9,), (0.85,), (0.75,), (0.65,)),
    method=_pixelate,
)
