"""Snow whose wind turns, water that runs down the lens, and brightness that rises."""

import numpy as np

from noises.natural.colour import through_hsv
from noises.natural.corruption import Constants, Generators, Pixels
from noises.natural.motion import blur_along_line
from noises.natural.snow import flakes, lay_over
from noises.natural.spatter import drops, water
from noises.sequences.sequence import Frames, PerturbationSequence


def _snow(pixels: Pixels, constants: Constants, generators: Generators, out: Frames) -> None:
    radius, sigma, keep, first, step = constants[4:]
    for image, frames, generator in zip(pixels, out, generators, strict=True):
        still = flakes(pixels.shape[1], constants, generator)
        for i, frame in enumerate(frames):
            layer = blur_along_line(still, radius, sigma, first + step * i)
            lay_over(image, layer[:, :, 0], keep, frame)


def _spatter(pixels: Pixels, constants: Constants, generators: Generators, out: Frames) -> None:
    """One field of drops, higher than the image, seen through a window that moves up a row a frame.

    The source moves its water too; how is not known to us.
    """
    strength = constants[4]
    size, count = pixels.shape[1], out.shape[1]
    for image, frames, generator in zip(pixels, out, generators, strict=True):
        field = drops(size + count - 1, constants, generator)
        for i, frame in enumerate(frames):
            top = count - 1 - i
            unit = water(image, field[top : top + size, :size], strength)
            frame[...] = np.multiply(np.clip(unit, 0.0, 1.0), 255.0)


def _brightness(pixels: Pixels, constants: Constants, _generators: Generators, out: Frames) -> None:
    first, step = constants
    for i in range(out.shape[1]):
        out[:, i] = through_hsv(pixels, 1.0, 0.0, first + step * i)


SNOW = PerturbationSequence(
    name="snow",
    group="weather",
    random=True,
    parameters=(
        *("mean", "deviation", "zoom", "threshold"),
        *("radius", "sigma", "keep", "first_angle", "step"),
    ),
    imagenet=((0.05, 0.3, 3.0, 0.5, 14, 4.0, 0.85, -150.0, 4.0),),
    cifar=((0.05, 0.3, 2.0, 0.5, 10, 2.0, 0.85, -150.0, 4.0),),
    method=_snow,
)

# The strength is the one of spatter of severity 1 in ImageNet-C.
SPATTER = PerturbationSequence(
    name="spatter",
    group="weather",
    random=True,
    parameters=("mean", "deviation", "sigma", "threshold", "strength"),
    imagenet=((0.65, 0.27, 3.7, 0.69, 0.6),),
    cifar=((0.6, 0.265, 1.75, 0.7, 0.6),),
    method=_spatter,
)

BRIGHTNESS = PerturbationSequence(
    name="brightness",
    group="weather",
    random=False,
    parameters=("first_add", "step"),
    imagenet=((-0.3, 0.02),),
    cifar=((-0.225, 0.015),),
    method=_brightness,
)
