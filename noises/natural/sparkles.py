"""Sparkles: five rayed stars of white light; inverse: white light everywhere but in one star.

Source: see `pattern`.
"""

import numpy as np
from numpy.typing import NDArray

from noises.natural.compiled import compiled
from noises.natural.corruption import Constants, Corruption, Generators, Pixels
from noises.natural.pattern import MINTUN

_STARS = 5


@compiled
def shine(
    light: NDArray[np.float32],
    centre: NDArray[np.float64],
    rays: NDArray[np.float64],
    exponent: float,
    inverse: bool,
) -> None:
    """Draw the levels (S, S, 3) towards white by one star, or by all but the star."""
    count = rays.size
    for h in range(light.shape[0]):
        for w in range(light.shape[1]):
            y, x = h - centre[0], w - centre[1]
            turn = (np.arctan2(x, y) + np.pi) / (2.0 * np.pi) * count
            ray = int(turn)
            between = turn - ray
            first, second = rays[ray % count], rays[(ray + 1) % count]
            length = first + between * (second - first)
            reach = (length * length / (x * x + y * y + 1e-4)) ** exponent
            share = min((1.0 - (between - 0.5) ** 2) * reach, 1.0)
            share = 1.0 - share if inverse else share
            for c in range(3):
                light[h, w, c] += np.float32(share * (255.0 - light[h, w, c]))


def _rays(radius: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """50 to 199 lengths around a radius, deviation a quarter of it."""
    return radius + 0.25 * radius * generator.standard_normal(int(generator.integers(50, 200)))


def _sparkles(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    size = pixels.shape[1]
    out = np.empty_like(pixels)
    for image, bright, generator in zip(pixels, out, generators, strict=True):
        light = image.astype(np.float32)
        for _ in range(_STARS):
            rays = np.maximum(_rays(constants[0] * size, generator), 1.0)
            shine(light, generator.uniform(0.0, size, 2), rays, 1.0, False)
        bright[...] = np.clip(light, 0.0, 255.0)
    return out


def _inverse(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    size = pixels.shape[1]
    out = np.empty_like(pixels)
    for image, bright, generator in zip(pixels, out, generators, strict=True):
        light = image.astype(np.float32)
        rays = _rays(0.25 * size, generator)
        shine(light, generator.uniform(0.25 * size, 0.75 * size, 2), rays, constants[0], True)
        bright[...] = np.clip(light, 0.0, 255.0)
    return out


SPARKLES = Corruption(
    name="sparkles",
    group="pattern",
    random=True,
    parameters=("radius",),  # of the side
    imagenet=((0.01,), (0.02,), (0.03,), (0.05,), (0.06,)),
    cifar=((0.007,), (0.035,), (0.056,), (0.063,), (0.07,)),
    method=_sparkles,
    source=MINTUN,
)

INVERSE_SPARKLES = Corruption(
    name="inverse_sparkles",
    group="pattern",
    random=True,
    parameters=("exponent",),
    imagenet=((0.13,), (0.26,), (0.52,), (1.17,), (1.3,)),
    cifar=((0.13,), (0.195,), (0.325,), (0.585,), (0.65,)),
    method=_inverse,
    source=MINTUN,
)
