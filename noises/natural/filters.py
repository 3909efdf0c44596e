"""Linear filters in float64, to the last bit as the published code computes them.

The corrupted pixels are truncated, not rounded, so a flat area of value v comes out as v or v - 1
depending on the last bit of the sum. The order of summation is therefore the one of
`scipy.ndimage.correlate1d`: the centre, then pairs of neighbours from the outside in.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from noises.natural.compiled import compiled
from noises.natural.corruption import Pixels


@cache
def gaussian_weights(sigma: float, truncate: float = 4.0) -> NDArray[np.float64]:
    """(R + 1,) right half of a normalised Gaussian kernel, centre first, R = truncate x sigma."""
    radius = int(truncate * sigma + 0.5)
    x = np.arange(-radius, radius + 1)
    whole = np.exp(-0.5 / (sigma * sigma) * x**2)
    half: NDArray[np.float64] = (whole / whole.sum())[radius:]
    half.flags.writeable = False  # cached
    return half


def nearest_source(size: int, radius: int) -> NDArray[np.int64]:
    """(size + 2 radius,) index that each position of a padded line reads: the edge repeats."""
    return np.arange(-radius, size + radius).clip(0, size - 1)


def blur_field(field: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Gaussian blur of a square (S, S), edges repeated, cut at 4 sigma."""
    out = np.empty_like(field)
    weights = gaussian_weights(sigma)
    source = nearest_source(len(field), weights.size - 1)
    _separable(np.ascontiguousarray(field), weights, source, 1, out)
    return out


def blur_pixels(pixels: Pixels, sigma: float, truncate: float = 4.0) -> Pixels:
    """Images scaled to [0, 1], blurred, clipped, scaled by 255 and truncated; (B, S, S, 3)."""
    size = pixels.shape[1]
    weights = gaussian_weights(sigma, truncate)
    source = nearest_source(size, weights.size - 1)
    out = np.empty_like(pixels)
    unit, blurred = np.empty((2, size, size * 3))
    for image, truncated in zip(pixels, out, strict=True):
        np.divide(image.reshape(size, -1), 255.0, out=unit)
        _separable(unit, weights, source, 3, blurred)
        np.multiply(np.clip(blurred, 0.0, 1.0, out=blurred), 255.0, out=blurred)
        truncated[...] = blurred.reshape(image.shape)
    return out


# Plain loops over plain arrays: array expressions here would take seconds to compile.
@compiled
def _separable(
    image: NDArray[np.float64],
    weights: NDArray[np.float64],
    source: NDArray[np.int64],
    channels: int,
    out: NDArray[np.float64],
) -> None:
    """Symmetric kernel along the rows, then along the columns of (S, S C)."""
    height, values = image.shape
    radius = weights.size - 1
    line = np.empty(values)
    padded = np.empty(source.size * channels)
    middle = radius * channels
    for h in range(height):
        _scale(line, image[h], weights[0])
        for j in range(radius, 0, -1):
            above, below = source[radius + h - j], source[radius + h + j]
            _add_pair(line, image[above], image[below], weights[j])
        for w in range(source.size):
            for c in range(channels):
                padded[w * channels + c] = line[source[w] * channels + c]
        _scale(out[h], padded[middle:], weights[0])
        for j in range(radius, 0, -1):
            left, right = middle - j * channels, middle + j * channels
            _add_pair(out[h], padded[left:], padded[right:], weights[j])


@compiled
def _scale(out: NDArray[np.float64], line: NDArray[np.float64], weight: float) -> None:
    for i in range(out.size):
        out[i] = line[i] * weight


@compiled
def _add_pair(
    out: NDArray[np.float64], left: NDArray[np.float64], right: NDArray[np.float64], weight: float
) -> None:
    """Lines may be longer than `out`; what is beyond it is not read."""
    for i in range(out.size):
        out[i] += (left[i] + right[i]) * weight
