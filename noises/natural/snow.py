"""Snow: a thresholded noise field, zoomed and blown by motion blur, laid over a whitened image."""

import numpy as np
from numpy.typing import NDArray

from noises.natural.compiled import compiled
from noises.natural.corruption import Constants, Corruption, Generators, Pixels
from noises.natural.motion import blur_along_line
from noises.natural.zoom import zoom_field


def flakes(size: int, constants: Constants, generator: np.random.Generator) -> Pixels:
    """(S, S, 1) layer of snow before the wind blurs it, 8 bits; constants begin as `SNOW`'s."""
    mean, deviation, zoom, threshold = constants[:4]
    field = zoom_field(generator.normal(mean, deviation, (size, size)), zoom)
    field[field < threshold] = 0.0
    return (np.clip(field, 0.0, 1.0) * 255.0).astype(np.uint8)[:, :, None]


@compiled
def lay_over(
    image: NDArray[np.uint8], layer: NDArray[np.uint8], keep: float, out: NDArray[np.uint8]
) -> None:
    """Image whitened towards 1.5 x grey + 0.5, plus the layer and its half turn."""
    height, width, _ = image.shape
    for h in range(height):
        for w in range(width):
            red, green, blue = image[h, w]
            grey = (0.299 * red + 0.587 * green + 0.114 * blue) / 255.0 * 1.5 + 0.5
            snow = (float(layer[h, w]) + float(layer[height - 1 - h, width - 1 - w])) / 255.0
            for c in range(3):
                value = image[h, w, c] / 255.0
                value = keep * value + (1.0 - keep) * max(value, grey) + snow
                out[h, w, c] = np.uint8(min(max(value, 0.0), 1.0) * 255.0)


def _snow(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    radius, sigma, keep = constants[4:]
    out = np.empty_like(pixels)
    for image, snowy, generator in zip(pixels, out, generators, strict=True):
        still = flakes(pixels.shape[1], constants, generator)
        layer = blur_along_line(still, radius, sigma, generator.uniform(-135.0, -45.0))
        lay_over(image, layer[:, :, 0], keep, snowy)
    return out


SNOW = Corruption(
    name="snow",
    group="weather",
    random=True,
    parameters=("mean", "deviation", "zoom", "threshold", "radius", "sigma", "keep"),
    imagenet=(
        (0.1, 0.3, 3.0, 0.5, 10, 4.0, 0.8),
        (0.2, 0.3, 2.0, 0.5, 12, 4.0, 0.7),
        (0.55, 0.3, 4.0, 0.9, 12, 8.0, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8.0, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12.0, 0.55),
    ),
    cifar=(
        (0.1, 0.2, 1.0, 0.6, 8, 3.0, 0.95),
        (0.1, 0.2, 1.0, 0.5, 10, 4.0, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4.0, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6.0, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12.0, 0.8),
    ),
    method=_snow,
)
