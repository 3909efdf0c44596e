"""Translation, rotation, tilt, scaling and shear: one bilinear warp by a homography per frame.

The published frames of ImageNet-P are warped at 256 px and then cropped to 224 px. Images come here
at their final size, so the margin that the crop would remove is mirrored from the image (a share of
its side, on all four; none at 32 px), and what lies beyond the margin is black. So the neutral
frame is the image itself and black appears where it did.

The sampler is OpenCV's: bilinear, in places fixed to a 32nd of a pixel in some of its versions, and
blended into the black over one pixel. The published sampler and the sense of rotation, tilt and
shear are not known to us; frames run from one sign to the other, so a sense the other way is the
same sequence backwards.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from noises.natural.corruption import Constants, Generators, Pixels
from noises.sequences.sequence import Frames, Method, PerturbationSequence

Homography = NDArray[np.float64]  # (3, 3), acts on (x, y, 1) relative to the centre, y downwards

MARGIN = 16 / 224  # of the side: (256 - 224) / 2 px at 224 px


def stretch(factor: float) -> Homography:
    """Scaling about the centre; above 1 enlarges."""
    return np.diag([factor, factor, 1.0])


def warp(image: Pixels, forward: Homography, out: Pixels) -> None:
    """Writes the centre of an image moved by a homography; beyond the image is black.

    Args:
        image: (P, P, 3).
        forward: From relative positions in `image` to relative positions in `out`.
        out: (S, S, 3), S at most P.
    """
    matrix = _shift((len(out) - 1) / 2) @ forward @ _shift((1 - len(image)) / 2)
    size = (out.shape[1], out.shape[0])
    out[...] = cv2.warpPerspective(image, matrix, size, flags=cv2.INTER_LINEAR)


def _shift(pixels: float) -> Homography:
    return np.array([[1.0, 0.0, pixels], [0.0, 1.0, pixels], [0.0, 0.0, 1.0]])


def _translated(pixels: float, _side: int) -> Homography:
    return np.array([[1.0, 0.0, pixels], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


def _rotated(degrees: float, _side: int) -> Homography:
    return _turn(degrees, 0, 1)


def _tilted(degrees: float, side: int) -> Homography:
    """Plane turned about its y and then its x axis, seen from one focal length away."""
    focal = side * np.sqrt(2.0)  # the diagonal
    turned = _turn(degrees, 1, 2) @ _turn(degrees, 0, 2)
    # A point (x, y, 0) of the plane goes to the ray (focal x', focal y', z' + focal).
    return np.diag([focal, focal, 1.0]) @ turned @ np.diag([1.0, 1.0, 0.0]) + np.diag(
        [0.0, 0.0, focal]
    )


def _scaled(factor: float, _side: int) -> Homography:
    return stretch(factor)


def _sheared(degrees: float, _side: int) -> Homography:
    return np.array([[1.0, np.tan(np.radians(degrees)), 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


def _turn(degrees: float, first: int, second: int) -> Homography:
    """Turn from the first towards the second axis: with x and y downwards, clockwise."""
    matrix = np.eye(3)
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix[[first, second], [first, second]] = cosine
    matrix[second, first], matrix[first, second] = sine, -sine
    return matrix


def _warped_by(homography: Callable[[float, int], Homography]) -> Method:
    """Method whose frame i is warped by `homography(first + step i, side with margins)`."""

    def method(pixels: Pixels, constants: Constants, _generators: Generators, out: Frames) -> None:
        first, step, share = constants
        margin = round(pixels.shape[1] * share)
        edges = (margin, margin, margin, margin)
        for image, frames in zip(pixels, out, strict=True):
            wide = cv2.copyMakeBorder(image, *edges, cv2.BORDER_REFLECT_101)
            for i, frame in enumerate(frames):
                warp(wide, homography(first + step * i, len(wide)), frame)

    return method


_PARAMETERS = ("first", "step", "margin")

TRANSLATE = PerturbationSequence(
    name="translate",  # pixels to the right
    group="digital",
    random=False,
    parameters=_PARAMETERS,
    imagenet=((-20.0, 1.0, MARGIN),),
    cifar=((-7.0, 1.0, 0.0),),
    method=_warped_by(_translated),
    imagenet_frames=41,
    cifar_frames=16,
)

ROTATE = PerturbationSequence(
    name="rotate",  # degrees clockwise
    group="digital",
    random=False,
    parameters=_PARAMETERS,
    imagenet=((-15.0, 1.0, MARGIN),),
    cifar=((-15.0, 1.0, 0.0),),
    method=_warped_by(_rotated),
)

TILT = PerturbationSequence(
    name="tilt",  # degrees about both axes
    group="digital",
    random=False,
    parameters=_PARAMETERS,
    imagenet=((-15.0, 1.0, MARGIN),),
    cifar=((-15.0, 1.0, 0.0),),
    method=_warped_by(_tilted),
)

SCALE = PerturbationSequence(
    name="scale",  # factor
    group="digital",
    random=False,
    parameters=_PARAMETERS,
    imagenet=((0.4, 0.025, MARGIN),),
    cifar=((0.7, 0.02, 0.0),),
    method=_warped_by(_scaled),
)

SHEAR = PerturbationSequence(
    name="shear",  # degrees that vertical lines lean
    group="digital",
    random=False,
    parameters=_PARAMETERS,
    imagenet=((-15.0, 1.0, MARGIN),),
    cifar=((-15.0, 1.0, 0.0),),
    method=_warped_by(_sheared),
)
