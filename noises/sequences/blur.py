"""Motion blur that turns, zoom blur that reaches further, Gaussian blur that widens."""

import numpy as np

from noises.natural.corruption import Constants, Generators, Pixels
from noises.natural.filters import blur_pixels
from noises.natural.motion import blur_along_line
from noises.sequences.geometry import stretch, warp
from noises.sequences.sequence import Frames, PerturbationSequence


def _motion(pixels: Pixels, constants: Constants, _generators: Generators, out: Frames) -> None:
    radius, sigma, first, step = constants
    for image, frames in zip(pixels, out, strict=True):
        for i, frame in enumerate(frames):
            blur_along_line(image, radius, sigma, first + step * i, frame)


def _zoom(pixels: Pixels, constants: Constants, _generators: Generators, out: Frames) -> None:
    """Frame i is the mean of the zooms 1 to 1 + step i, each of them 8 bits, truncated.

    Zooms into the centre need no pixels from beyond the image, so there is no margin.
    """
    (step,) = constants
    zoomed = np.empty_like(pixels[:1])
    for image, frames in zip(pixels, out, strict=True):
        total = np.zeros(image.shape, dtype=np.uint16)
        for i, frame in enumerate(frames):
            warp(image, stretch(1.0 + step * i), zoomed[0])
            total += zoomed[0]
            np.floor_divide(total, i + 1, out=frame, casting="unsafe")


def _gaussian(pixels: Pixels, constants: Constants, _generators: Generators, out: Frames) -> None:
    truncate, first, step = constants
    for i in range(out.shape[1]):
        out[:, i] = blur_pixels(pixels, first + step * i, truncate)


MOTION_BLUR = PerturbationSequence(
    name="motion_blur",
    group="blur",
    random=False,
    parameters=("radius", "sigma", "first_angle", "step"),
    imagenet=((10, 3.0, -120.0, 4.0),),
    cifar=((6, 1.8, -180.0, 9.0),),
    method=_motion,
    cifar_frames=21,
)

ZOOM_BLUR = PerturbationSequence(
    name="zoom_blur",
    group="blur",
    random=False,
    parameters=("step",),
    imagenet=((0.004,),),
    cifar=((0.004,),),
    method=_zoom,
)

GAUSSIAN_BLUR = PerturbationSequence(
    name="gaussian_blur",
    group="blur",
    random=False,
    parameters=("truncate", "first_sigma", "step"),
    imagenet=((6.0, 0.25, 0.035),),
    cifar=((7.0, 0.3, 0.015),),
    method=_gaussian,
)
