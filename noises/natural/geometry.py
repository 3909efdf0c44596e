"""Rotation, translation, scaling and shear about the centre of the image.

Not part of ImageNet-C. The direction of each is drawn per image, its amount is the severity's.
Constants are ours: five even steps up to the largest published ones, +-30 degrees and +-10 % of the
side (Engstrom et al., ICML 2019, arXiv 1712.02779), and the ends of the sequences of CIFAR-10-P for
scaling, 0.7 to 1.3, and shear, 15 degrees (Hendrycks and Dietterich, ICLR 2019). Differs from both:
the image is continued by mirroring, so no black corner tells the angle.
"""

from collections.abc import Callable
from functools import cache
from math import cos, pi, radians, sin, tan

import numpy as np
from numpy.typing import NDArray

from noises.natural.corruption import (
    HENDRYCKS,
    Constants,
    Corruption,
    Generators,
    Method,
    Pixels,
)
from noises.natural.displaced import read_displaced

ENGSTROM = "Engstrom et al., ICML 2019, arXiv 1712.02779; steps are ours"
SEQUENCES = f"{HENDRYCKS}, ends of the sequences of CIFAR-10-P; steps are ours"

Affine = tuple[float, float, float, float, float, float]
"""Row then column read: (hh, hw, h0, wh, ww, w0) of offsets from the centre."""


@cache
def _offsets(size: int) -> NDArray[np.float32]:
    """(S,) offset of each row or column from the centre, pixels."""
    offsets = (np.arange(size) - (size - 1) / 2.0).astype(np.float32)
    offsets.flags.writeable = False  # cached
    return offsets


def warp(image: Pixels, affine: Affine, out: Pixels) -> None:
    """Write what lies at the affine image of every position, bilinear, mirrored, truncated."""
    hh, hw, h0, wh, ww, w0 = (np.float32(v) for v in affine)
    x = _offsets(image.shape[0])
    y = x[:, None]
    one = np.float32(1.0)
    down, right = (hh - one) * y + hw * x + h0, wh * y + (ww - one) * x + w0
    read_displaced(image.astype(np.float32) / np.float32(255.0), down, right, out)


def _sign(generator: np.random.Generator) -> float:
    return 1.0 if generator.random() < 0.5 else -1.0


def _rotated(constants: Constants, generator: np.random.Generator) -> Affine:
    angle = radians(constants[0]) * _sign(generator)
    return (cos(angle), sin(angle), 0.0, -sin(angle), cos(angle), 0.0)


def _translated(constants: Constants, generator: np.random.Generator) -> Affine:
    angle = generator.uniform(0.0, 2.0 * pi)
    return (1.0, 0.0, constants[0] * sin(angle), 0.0, 1.0, constants[0] * cos(angle))


def _scaled(constants: Constants, generator: np.random.Generator) -> Affine:
    step = constants[0] ** _sign(generator)
    return (step, 0.0, 0.0, 0.0, step, 0.0)


def _sheared(constants: Constants, generator: np.random.Generator) -> Affine:
    slope = tan(radians(constants[0])) * _sign(generator)
    return (1.0, 0.0, 0.0, slope, 1.0, 0.0)


def _method(draw: Callable[[Constants, np.random.Generator], Affine]) -> Method:
    """Corruption of a batch by one affine map per image."""

    def method(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
        out = np.empty_like(pixels)
        for image, warped, generator in zip(pixels, out, generators, strict=True):
            warp(image, draw(constants, generator), warped)
        return out

    return method


def _steps(*values: float) -> tuple[Constants, ...]:
    return tuple((value,) for value in values)


ROTATION = Corruption(
    name="rotation",
    group="geometry",
    random=True,
    parameters=("degrees",),
    imagenet=_steps(6.0, 12.0, 18.0, 24.0, 30.0),
    cifar=_steps(6.0, 12.0, 18.0, 24.0, 30.0),
    method=_method(_rotated),
    source=ENGSTROM,
)

TRANSLATION = Corruption(
    name="translation",
    group="geometry",
    random=True,
    parameters=("distance",),
    imagenet=_steps(4.8, 9.6, 14.4, 19.2, 24.0),
    cifar=_steps(0.6, 1.2, 1.8, 2.4, 3.0),
    method=_method(_translated),
    source=ENGSTROM,
)

SCALING = Corruption(
    name="scaling",
    group="geometry",
    random=True,
    parameters=("factor",),
    imagenet=_steps(1.06, 1.12, 1.18, 1.24, 1.30),
    cifar=_steps(1.06, 1.12, 1.18, 1.24, 1.30),
    method=_method(_scaled),
    source=SEQUENCES,
)

SHEAR = Corruption(
    name="shear",
    group="geometry",
    random=True,
    parameters=("degrees",),
    imagenet=_steps(3.0, 6.0, 9.0, 12.0, 15.0),
    cifar=_steps(3.0, 6.0, 9.0, 12.0, 15.0),
    method=_method(_sheared),
    source=SEQUENCES,
)
