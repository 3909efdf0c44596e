"""What colour subsampling leaves of an image: RGB -> YUV 4:2:0 -> RGB, in the table `COLOURS`.

Both round trips use OpenCV's BT.601 limited-range integers (luma 16-235) and repeat each chroma
sample over its 2x2 block on the way back. They differ in the chroma of a block: `i420` keeps that
of its top left pixel, as OpenCV's own conversion does; `nv12` keeps the mean over the block, as
video hardware does, in interleaved order. The memory layouts alone would give equal pixels, and so
would the rounding to 8-bit YUV, which SysNoise is about: it is the same in both, a level or two.
A side of odd length is padded by repeating its last row or column, and cropped afterwards.
Source of the idea: Wang et al., SysNoise, arXiv 2307.00280, colour mode; the details are ours.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def _padded(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    padding = ((0, height % 2), (0, width % 2), (0, 0))
    return np.ascontiguousarray(np.pad(pixels, padding, mode="edge"))


def through_i420(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) RGB pixels after a round trip through planar YUV 4:2:0."""
    height, width = pixels.shape[:2]
    yuv = cv2.cvtColor(_padded(pixels), cv2.COLOR_RGB2YUV_I420)  # (3H / 2, W)
    rgb = cv2.cvtColor(yuv, cv2.COLOR_YUV2RGB_I420)
    return rgb[:height, :width].astype(np.uint8, copy=False)


def through_nv12(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) RGB pixels after a round trip through interleaved YUV 4:2:0 with mean chroma."""
    height, width = pixels.shape[:2]
    padded = _padded(pixels)
    h, w = padded.shape[:2]
    luma = cv2.cvtColor(padded, cv2.COLOR_RGB2YUV_I420)[:h]
    # a block filled with its mean colour has the mean chroma in its top left pixel
    means = cv2.resize(padded, (w // 2, h // 2), interpolation=cv2.INTER_AREA)
    flat = cv2.cvtColor(means.repeat(2, 0).repeat(2, 1), cv2.COLOR_RGB2YUV_I420).reshape(-1)
    u, v = flat[h * w : h * w * 5 // 4], flat[h * w * 5 // 4 :]
    chroma = np.stack([u, v], axis=-1).reshape(h // 2, w)
    rgb = cv2.cvtColor(np.concatenate([luma, chroma]), cv2.COLOR_YUV2RGB_NV12)
    return rgb[:height, :width].astype(np.uint8, copy=False)


COLOURS: dict[str, Colour] = {"i420": through_i420, "nv12": through_nv12}
