"""Encoded images as bytes: what is accepted, which way up it is, and how raw pixels are encoded.

Accepted are complete JPEG and PNG streams (told by content, not by file name) of 8 bits or fewer
per channel: RGB, grey, palette, alpha, CMYK. Everything else is refused, in one place, before any
decoder sees it, so that all decoders take and refuse the same files.
"""

import io
import struct
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

JPEG_QUALITY = 95
"""Quality of the streams made from raw pixels, 4:4:4 chroma, Huffman tables not optimised."""

MAX_PIXELS = 89_478_485
"""Largest accepted width x height: Pillow's own threshold for a decompression bomb."""

CORRUPT = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error)
"""What Pillow raises on damaged streams."""

_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK")
_EXIF_ORIENTATION = 0x0112
_UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    # EXIF 2.32, tag 274: where row 0 and column 0 of the stored pixels belong
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: p[::-1].swapaxes(0, 1),
    7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
    8: lambda p: p[:, ::-1].swapaxes(0, 1),
}


def open_image(data: bytes) -> Image.Image:
    """The stream as a Pillow image whose header is read and accepted, its pixels not yet decoded.

    Raises:
        ValueError: Not a complete JPEG or PNG, 16 bits per channel, or more than `MAX_PIXELS`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on metadata, which is not used
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise ValueError(
            f"image.size must be at most {MAX_PIXELS} pixels; got more. Shrink or remove it."
        ) from None
    except CORRUPT:
        raise ValueError(
            f"image.stream must be a complete JPEG or PNG; got {len(data)} bytes without a usable "
            "header. Replace or remove it."
        ) from None
    if not _is_complete(data, image.format):
        raise ValueError(
            f"image.stream must be a complete JPEG or PNG; got {len(data)} bytes without the end "
            "marker. Replace or remove it."
        )
    if image.mode not in _MODES or (image.format == "PNG" and data[24] == 16):  # IHDR bit depth
        raise ValueError(
            f"image.mode must have at most 8 bits per channel; got 16 bits (mode {image.mode}). "
            "Convert it to 8 bits."
        )
    return image


def _is_complete(data: bytes, kind: str | None) -> bool:
    # OpenCV and FFmpeg fill what is missing with grey and say nothing
    if kind == "PNG":
        return b"IEND" in data
    return data.find(b"\xff\xd9", data.find(b"\xff\xda")) > 0


def upright(pixels: NDArray[np.uint8], image: Image.Image) -> NDArray[np.uint8]:
    """(H, W, 3) pixels as the EXIF orientation of the header wants them shown, contiguous.

    An orientation that is absent, unreadable or undefined leaves the pixels as they are stored.
    """
    turn = _UPRIGHT.get(_orientation(image))
    return np.ascontiguousarray(pixels if turn is None else turn(pixels))


def _orientation(image: Image.Image) -> int:
    raw = image.info.get("exif")
    if not isinstance(raw, bytes):
        return 1
    exif = Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged EXIF blocks are common in collected data
            exif.load(raw)
            value = exif.get(_EXIF_ORIENTATION, 1)
    except CORRUPT:
        return 1
    return value if isinstance(value, int) else 1


def encode_jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """The JPEG stream of (H, W, 3) RGB pixels: `JPEG_QUALITY`, 4:4:4, the same bytes every time."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(
        buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=False
    )
    return buffer.getvalue()
