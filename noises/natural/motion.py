"""Motion blur as ImageMagick 6.9 does it: a one-sided Gaussian-weighted line of pixels."""

from functools import cache
from math import ceil, cos, radians, sin

import numpy as np
from numpy.typing import NDArray

from noises.natural.compiled import compiled
from noises.natural.corruption import Constants, Corruption, Generators, Pixels


@cache
def line_weights(radius: float, sigma: float) -> NDArray[np.float64]:
    """(2 radius + 1,) normalised right half of a Gaussian, from the pixel itself outwards."""
    steps = np.arange(2 * ceil(radius) + 1)
    weights = np.exp(-(steps**2) / (2.0 * sigma * sigma))
    weights /= weights.sum()
    weights.flags.writeable = False  # cached
    return weights


def blur_along_line(
    image: Pixels, radius: float, sigma: float, angle: float, out: Pixels | None = None
) -> Pixels:
    """One image blurred along a line, edges repeated, truncated to 8 bits.

    Args:
        image: (H, W, C).
        radius: Half the length of the line in pixels.
        sigma: Standard deviation of its weights in pixels.
        angle: Degrees, 0 to the right, 90 downwards.
        out: (H, W, C) where to write, or None for a new array.
    """
    weights = line_weights(radius, sigma)
    steps = range(len(weights))
    # Half a pixel rounds towards zero for positive and away for negative directions, as there.
    dx = np.array([ceil(i * cos(radians(angle)) - 0.5) for i in steps])
    dy = np.array([ceil(i * sin(radians(angle)) - 0.5) for i in steps])
    out = np.empty_like(image) if out is None else out
    _blur_line(image, weights, dx, dy, out)
    return out


@compiled
def _blur_line(
    image: NDArray[np.uint8],
    weights: NDArray[np.float64],
    dx: NDArray[np.int64],
    dy: NDArray[np.int64],
    out: NDArray[np.uint8],
) -> None:
    height, width, channels = image.shape
    reach = weights.size
    padded = np.empty((height, (width + 2 * reach) * channels))
    for h in range(height):
        for w in range(width + 2 * reach):
            source = min(max(w - reach, 0), width - 1)
            for c in range(channels):
                padded[h, w * channels + c] = image[h, source, c]
    line = np.empty(width * channels)
    for h in range(height):
        line[:] = 0.0
        for i in range(weights.size):
            row = padded[min(max(h + dy[i], 0), height - 1)]
            start = (reach + dx[i]) * channels
            _add_scaled(line, row[start : start + line.size], weights[i])
        for w in range(width):
            for c in range(channels):
                # ImageMagick holds 16 bits: rounded to a 16-bit level, then truncated to 8 bits.
                level = int(line[w * channels + c] * 257.0 + 0.5)
                out[h, w, c] = np.uint8(min(level, 65535) // 257)


@compiled
def _add_scaled(out: NDArray[np.float64], line: NDArray[np.float64], weight: float) -> None:
    for i in range(out.size):
        out[i] += line[i] * weight


def _motion(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    radius, sigma = constants
    out = np.empty_like(pixels)
    for image, blurred, generator in zip(pixels, out, generators, strict=True):
        blur_along_line(image, radius, sigma, generator.uniform(-45.0, 45.0), blurred)
    return out


MOTION_BLUR = Corruption(
    name="motion_blur",
    group="blur",
    random=True,
    parameters=("radius", "sigma"),
    imagenet=((10, 3.0), (15, 5.0), (15, 8.0), (15, 12.0), (20, 15.0)),
    cifar=((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5)),
    method=_motion,
)
