"""Spatter: drops of water (severity 1 to 3) or mud (4 and 5) on the lens."""

import cv2
import numpy as np
from numpy.typing import NDArray

from noises.natural.corruption import Constants, Corruption, Generators, Pixels
from noises.natural.filters import blur_field

WATER = np.array([175, 238, 238], dtype=np.float32) / np.float32(255)  # pale turquoise, RGB
MUD = np.array([63, 42, 20]) / 255.0  # brown, RGB
_EMBOSS = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], dtype=np.float32)


def drops(size: int, constants: Constants, generator: np.random.Generator) -> NDArray[np.float64]:
    """(S, S) thickness of the liquid, 0 where it is below the threshold."""
    mean, deviation, sigma, threshold = constants[:4]
    field = blur_field(generator.normal(mean, deviation, (size, size)), sigma)
    field[field < threshold] = 0.0
    return field


def water(image: Pixels, liquid: NDArray[np.float64], strength: float) -> NDArray[np.float32]:
    """(S, S, 3) image in [0, 1] with light on the edges of the drops."""
    # Above 1 wraps around, as in the source.
    layer = (liquid * 255.0).astype(np.int32).astype(np.uint8)
    away = cv2.distanceTransform(255 - cv2.Canny(layer, 50, 150), cv2.DIST_L2, 5)
    near = cv2.blur(np.minimum(away, np.float32(20.0)), (3, 3)).astype(np.uint8)
    relief = cv2.filter2D(cv2.equalizeHist(near), cv2.CV_8U, _EMBOSS)
    light = layer * cv2.blur(relief, (3, 3)).astype(np.float32)
    brightest = light.max()
    unit = image.astype(np.float32) / np.float32(255.0)
    if brightest == 0.0:  # no drop at all: the source divides by zero here
        return unit
    out: NDArray[np.float32] = unit + (light * np.float32(strength) / brightest)[:, :, None] * WATER
    return out


def _mud(image: Pixels, liquid: NDArray[np.float64], constants: Constants) -> NDArray[np.float64]:
    """(S, S, 3) image in [0, 1] with opaque brown blots."""
    threshold, sigma = constants[3:5]
    mask = blur_field((liquid > threshold).astype(np.float64), sigma)[:, :, None]
    mask[mask < 0.8] = 0.0
    out: NDArray[np.float64] = image / 255.0 * (1.0 - mask) + MUD * mask
    return out


def _spatter(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    strength, muddy = constants[4:]
    out = np.empty_like(pixels)
    for image, dirty, generator in zip(pixels, out, generators, strict=True):
        liquid = drops(pixels.shape[1], constants, generator)
        unit = _mud(image, liquid, constants) if muddy else water(image, liquid, strength)
        dirty[...] = np.multiply(np.clip(unit, 0.0, 1.0), 255.0)
    return out


SPATTER = Corruption(
    name="spatter",
    group="weather",
    random=True,
    parameters=("mean", "deviation", "sigma", "threshold", "strength", "mud"),
    imagenet=(
        (0.65, 0.3, 4.0, 0.69, 0.6, 0),
        (0.65, 0.3, 3.0, 0.68, 0.6, 0),
        (0.65, 0.3, 2.0, 0.68, 0.5, 0),
        (0.65, 0.3, 1.0, 0.65, 1.5, 1),
        (0.67, 0.4, 1.0, 0.65, 1.5, 1),
    ),
    cifar=(
        (0.62, 0.1, 0.7, 0.7, 0.5, 0),
        (0.65, 0.1, 0.8, 0.7, 0.5, 0),
        (0.65, 0.3, 1.0, 0.69, 0.5, 0),
        (0.65, 0.1, 0.7, 0.69, 0.6, 1),
        (0.65, 0.1, 0.5, 0.68, 0.6, 1),
    ),
    method=_spatter,
)
