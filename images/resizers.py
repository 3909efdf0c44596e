"""How pixels change their size: one function per library, in the table `RESIZERS`.

A resizer takes one image (H, W, 3) or a batch (B, H, W, 3), uint8, and the wanted (height, width).
Pillow and PyTorch widen their filters when shrinking (antialiasing); OpenCV's do not, except area.
PyTorch here computes in floating point and rounds once; Pillow rounds and clips between its two
passes, which shows where a bicubic filter overshoots black or white.
"""

from collections.abc import Callable, Iterable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from images.streams import MAX_PIXELS

Resizer = Callable[[NDArray[np.uint8], tuple[int, int]], NDArray[np.uint8]]


def _checked(pixels: NDArray[np.uint8], shape: tuple[int, int]) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4) or pixels.shape[-1] != 3:
        raise ValueError(
            "resizer.pixels must be uint8 of shape (H, W, 3) or (B, H, W, 3); "
            f"got {pixels.dtype} of shape {pixels.shape}. Convert them to RGB bytes."
        )
    if min(shape) < 1:
        raise ValueError(
            f"resizer.shape must be (height, width) of at least 1 pixel; got {shape}. Enlarge it."
        )


def _each(
    one: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    pixels: NDArray[np.uint8],
    shape: tuple[int, int],
) -> NDArray[np.uint8]:
    _checked(pixels, shape)
    if pixels.ndim == 3:
        return one(pixels)
    resized = np.empty((len(pixels), *shape, 3), np.uint8)
    for index, image in enumerate(pixels):
        resized[index] = one(image)
    return resized


def _pillow(
    pixels: NDArray[np.uint8], shape: tuple[int, int], filter_: Image.Resampling
) -> NDArray[np.uint8]:
    height, width = shape
    return _each(
        lambda p: np.array(Image.fromarray(p).resize((width, height), filter_)), pixels, shape
    )


def _opencv(
    pixels: NDArray[np.uint8], shape: tuple[int, int], interpolation: int
) -> NDArray[np.uint8]:
    height, width = shape

    def one(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        resized = cv2.resize(
            np.ascontiguousarray(image), (width, height), interpolation=interpolation
        )
        return resized.astype(np.uint8, copy=False)

    return _each(one, pixels, shape)


def _torch(pixels: NDArray[np.uint8], shape: tuple[int, int], mode: str) -> NDArray[np.uint8]:
    import torch  # seconds to import, and only these entries need it

    _checked(pixels, shape)
    batch = pixels[None] if pixels.ndim == 3 else pixels
    tensor = torch.from_numpy(batch.transpose(0, 3, 1, 2).astype(np.float32))  # (B, 3, H, W)
    resized = torch.nn.functional.interpolate(
        tensor, shape, mode=mode, align_corners=False, antialias=True
    )
    rounded: NDArray[np.uint8] = resized.round_().clamp_(0, 255).byte().numpy()
    out = np.ascontiguousarray(rounded.transpose(0, 2, 3, 1))  # (B, H, W, 3)
    return out[0] if pixels.ndim == 3 else out


DEFAULT_RESIZER = "pillow_bilinear"
_PILLOW: dict[str, Image.Resampling] = {
    "pillow_bilinear": Image.Resampling.BILINEAR,
    "pillow_nearest": Image.Resampling.NEAREST,
    "pillow_box": Image.Resampling.BOX,
    "pillow_hamming": Image.Resampling.HAMMING,
    "pillow_bicubic": Image.Resampling.BICUBIC,
    "pillow_lanczos": Image.Resampling.LANCZOS,
}
RESIZERS: dict[str, Resizer] = {
    **{name: partial(_pillow, filter_=filter_) for name, filter_ in _PILLOW.items()},
    "opencv_nearest": partial(_opencv, interpolation=cv2.INTER_NEAREST),
    "opencv_bilinear": partial(_opencv, interpolation=cv2.INTER_LINEAR),
    "opencv_area": partial(_opencv, interpolation=cv2.INTER_AREA),
    "opencv_cubic": partial(_opencv, interpolation=cv2.INTER_CUBIC),
    "opencv_lanczos4": partial(_opencv, interpolation=cv2.INTER_LANCZOS4),
    "torch_bilinear": partial(_torch, mode="bilinear"),
    "torch_bicubic": partial(_torch, mode="bicubic"),
}


def resize_all(
    pixels: NDArray[np.uint8], shape: tuple[int, int], names: Iterable[str]
) -> dict[str, NDArray[np.uint8]]:
    """Resizer name to (height, width, 3): one image (H, W, 3) by each of `RESIZERS`' `names`.

    Equal to each alone; Pillow's own form of the image, a third of its bilinear's time, is made
    once.
    """
    _checked(pixels, shape)
    names, (height, width) = set(names), shape
    resized = {name: RESIZERS[name](pixels, shape) for name in names - set(_PILLOW)}
    if names & set(_PILLOW):
        image = Image.fromarray(pixels)
        for name in names & set(_PILLOW):
            resized[name] = np.asarray(image.resize((width, height), _PILLOW[name]))
    return resized


def centre_crop(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The (..., size, size, 3) middle of (..., H, W, 3) pixels; odd margins are larger below."""
    height, width = pixels.shape[-3:-1]
    if min(height, width) < size:
        raise ValueError(
            f"centre_crop.size must be at most the shorter side; got {size} for {height} x {width}."
            " Resize first."
        )
    top, left = (height - size) // 2, (width - size) // 2
    return pixels[..., top : top + size, left : left + size, :]


def fit_square(
    pixels: NDArray[np.uint8], size: int, resizer: str = DEFAULT_RESIZER
) -> NDArray[np.uint8]:
    """(size, size, 3): the shorter side of (H, W, 3) pixels brought to `size`, then the centre.

    The longer side is rounded down, as torchvision's Resize does.
    """
    height, width = pixels.shape[:2]
    if (height, width) == (size, size):
        return pixels
    short, long = min(height, width), max(height, width)
    longer = size * long // short
    if longer * size > MAX_PIXELS:
        raise ValueError(
            f"image.sides must stay below {MAX_PIXELS} pixels when resized to {size}; "
            f"got {height} x {width}. Crop or remove it."
        )
    shape = (size, longer) if height <= width else (longer, size)
    return centre_crop(RESIZERS[resizer](pixels, shape), size)
