"""Blurs: Gaussian, defocus, glass and zoom (motion blur has its own module)."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from noises.natural.compiled import compiled
from noises.natural.corruption import Constants, Corruption, Generators, Pixels
from noises.natural.filters import blur_pixels
from noises.natural.zoom import blur_by_zooming


def _gaussian(pixels: Pixels, constants: Constants, _generators: Generators) -> Pixels:
    (sigma,) = constants
    return blur_pixels(pixels, sigma)


@cache
def defocus_kernel(radius: float, alias_sigma: float) -> NDArray[np.float32]:
    """Normalised disk smoothed at its edge, cropped to the smallest centred square it fits.

    The source keeps a grid of at least 17 x 17, which for the small radii of 32 px is mostly zeros.
    As there, disks of radius 8 and 10 touch the edge of their grid and their weights sum to 1.01:
    the smoothing mirrors the inside of the disk there.
    """
    reach = 8 if radius <= 8 else int(radius)
    x = np.arange(-reach, reach + 1)
    inside = (x[:, None] ** 2 + x[None, :] ** 2 <= radius**2).astype(np.float32)
    side = 3 if radius <= 8 else 5
    kernel = cv2.GaussianBlur(inside / inside.sum(), (side, side), alias_sigma)
    used = np.flatnonzero(kernel.max(axis=0) > 1e-17)  # less than the last bit of a float64 sum
    return np.ascontiguousarray(kernel[used[0] : used[-1] + 1, used[0] : used[-1] + 1])


def _defocus(pixels: Pixels, constants: Constants, _generators: Generators) -> Pixels:
    kernel = defocus_kernel(*constants)
    out = np.empty_like(pixels)
    for image, blurred in zip(pixels, out, strict=True):
        light = cv2.filter2D(image / 255.0, -1, kernel)  # border: OpenCV's default, reflect-101
        blurred[...] = np.clip(light, 0.0, 1.0) * 255.0
    return out


def _glass(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    sigma, shift, rounds = constants[0], int(constants[1]), int(constants[2])
    out = blur_pixels(pixels, sigma)
    moved = out.shape[1] - 2 * shift
    for image, generator in zip(out, generators, strict=True):
        shifts = generator.integers(-shift, shift, (rounds, moved, moved, 2), dtype=np.int8)
        _shuffle(image, shifts, shift)
    return blur_pixels(out, sigma)


@compiled
def _shuffle(image: NDArray[np.uint8], shifts: NDArray[np.int8], reach: int) -> None:
    """Move pixels in place, from the bottom right corner to the top left.

    The source means to swap two pixels, but both sides of its swap are views of one array, so the
    second assignment restores what the first one wrote: it is a copy, and so is ours.
    """
    size = image.shape[0]
    for turn in range(shifts.shape[0]):
        for h in range(size - reach, reach, -1):
            for w in range(size - reach, reach, -1):
                dx, dy = shifts[turn, h - reach - 1, w - reach - 1]
                for c in range(3):
                    image[h, w, c] = image[h + dy, w + dx, c]


def _zoom(pixels: Pixels, constants: Constants, _generators: Generators) -> Pixels:
    stop, step = constants
    return blur_by_zooming(pixels, stop, step)


GAUSSIAN_BLUR = Corruption(
    name="gaussian_blur",
    group="blur",
    random=False,
    parameters=("sigma",),
    imagenet=((1.0,), (2.0,), (3.0,), (4.0,), (6.0,)),
    cifar=((0.4,), (0.6,), (0.7,), (0.8,), (1.0,)),
    method=_gaussian,
)

DEFOCUS_BLUR = Corruption(
    name="defocus_blur",
    group="blur",
    random=False,
    parameters=("radius", "alias_sigma"),
    imagenet=((3.0, 0.1), (4.0, 0.5), (6.0, 0.5), (8.0, 0.5), (10.0, 0.5)),
    cifar=((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1)),
    method=_defocus,
)

GLASS_BLUR = Corruption(
    name="glass_blur",
    group="blur",
    random=True,
    parameters=("sigma", "shift", "rounds"),
    imagenet=((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    cifar=((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
    method=_glass,
)

ZOOM_BLUR = Corruption(
    name="zoom_blur",
    group="blur",
    random=False,
    parameters=("stop", "step"),
    imagenet=((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
    cifar=((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)),
    method=_zoom,
)
