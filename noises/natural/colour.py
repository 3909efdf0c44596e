"""Corruptions of tone and colour: contrast, brightness and saturation."""

import cv2
import numpy as np
from numpy.typing import NDArray

from noises.natural.compiled import compiled
from noises.natural.corruption import Constants, Corruption, Generators, Pixels

_UNIT = np.arange(256) / 255.0  # (256,) grey levels in [0, 1]


def _contrast(pixels: Pixels, constants: Constants, _generators: Generators) -> Pixels:
    (factor,) = constants
    out = np.empty_like(pixels)
    for image, changed in zip(pixels, out, strict=True):
        means = channel_means(image)
        levels = (_UNIT[:, None] - means) * factor + means  # (256, 3)
        table = (np.clip(levels, 0.0, 1.0) * 255.0).astype(np.uint8)
        cv2.LUT(image, table[None], dst=changed)
    return out


@compiled
def channel_means(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(3,) means in [0, 1], summed pixel by pixel as `np.mean(image / 255, axis=(0, 1))` does.

    The order matters: where the mean is a whole level, the last bit decides what is truncated.
    """
    flat = image.reshape(-1, 3)
    sums = np.zeros(3)
    for i in range(len(flat)):
        for c in range(3):
            sums[c] += flat[i, c] / 255.0
    return sums / len(flat)


def _brightness(pixels: Pixels, constants: Constants, _generators: Generators) -> Pixels:
    (add,) = constants
    return through_hsv(pixels, 1.0, 0.0, add)


def _saturate(pixels: Pixels, constants: Constants, _generators: Generators) -> Pixels:
    factor, add = constants
    return through_hsv(pixels, factor, add, 0.0)


@compiled
def through_hsv(
    pixels: NDArray[np.uint8], factor: float, add: float, add_value: float
) -> NDArray[np.uint8]:
    """Saturation x factor + add and value + add_value in HSV (Smith 1978), truncated.

    Every product is taken in the order of scikit-image's conversion: many results are whole grey
    levels, and the last bit decides whether they are truncated to the level below.
    """
    flat = pixels.reshape(-1, 3)
    out = np.empty_like(flat)
    for i in range(len(flat)):
        hue, saturation, value = _hsv(flat[i, 0] / 255.0, flat[i, 1] / 255.0, flat[i, 2] / 255.0)
        saturation = min(max(saturation * factor + add, 0.0), 1.0)
        value = min(max(value + add_value, 0.0), 1.0)
        rgb = _rgb(hue, saturation, value)
        for c in range(3):
            out[i, c] = np.uint8(min(max(rgb[c], 0.0), 1.0) * 255.0)
    return out.reshape(pixels.shape)


@compiled
def _hsv(red: float, green: float, blue: float) -> tuple[float, float, float]:
    """Hue of a grey pixel is 0, which is red: an added saturation tints it, as in the source."""
    value = max(red, green, blue)
    spread = value - min(red, green, blue)
    if spread == 0.0:
        return 0.0, 0.0, value
    if blue == value:
        hue = 4.0 + (red - green) / spread
    elif green == value:
        hue = 2.0 + (blue - red) / spread
    else:
        hue = (green - blue) / spread
    return (hue / 6.0) % 1.0, spread / value, value


@compiled
def _rgb(hue: float, saturation: float, value: float) -> tuple[float, float, float]:
    sector = np.floor(hue * 6.0)
    rest = hue * 6.0 - sector
    p = value * (1.0 - saturation)
    q = value * (1.0 - rest * saturation)
    t = value * (1.0 - (1.0 - rest) * saturation)
    # A hue that rounds up to 1 is the first sector again.
    turns = (
        (value, t, p),
        (q, value, p),
        (p, value, t),
        (p, q, value),
        (t, p, value),
        (value, p, q),
    )
    return turns[int(sector) % 6]


CONTRAST = Corruption(
    name="contrast",
    group="digital",
    random=False,
    parameters=("factor",),
    imagenet=((0.4,), (0.3,), (0.2,), (0.1,), (0.05,)),
    cifar=((0.75,), (0.5,), (0.4,), (0.3,), (0.15,)),
    method=_contrast,
)

BRIGHTNESS = Corruption(
    name="brightness",
    group="weather",
    random=False,
    parameters=("add",),
    imagenet=((0.1,), (0.2,), (0.3,), (0.4,), (0.5,)),
    cifar=((0.05,), (0.1,), (0.15,), (0.2,), (0.3,)),
    method=_brightness,
)

SATURATE = Corruption(
    name="saturate",
    group="digital",
    random=False,
    parameters=("factor", "add"),
    imagenet=((0.3, 0.0), (0.1, 0.0), (2.0, 0.0), (5.0, 0.1), (20.0, 0.2)),
    cifar=((0.3, 0.0), (0.1, 0.0), (1.5, 0.0), (2.0, 0.1), (2.5, 0.2)),
    method=_saturate,
)
