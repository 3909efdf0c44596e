"""How bytes become pixels: one function per decoder, in the table `DECODERS`.

All of them accept the same streams (`images.streams.open_image`), apply the EXIF orientation, drop
alpha (the colour stored beside it is kept, nothing is blended), spread grey over the three
channels, look palettes up, ignore colour profiles, and convert CMYK by a formula of their own.
Pillow and OpenCV both rest on libjpeg-turbo and usually agree on every pixel; FFmpeg has its own
inverse DCT, repeats chroma instead of interpolating it, and converts YCbCr in its own arithmetic.

Optional decoders (`REQUIREMENTS`) are in the table where what they need is installed. They are JPEG
decoders: kornia_rs has an inverse DCT in Rust, TurboJPEG is libjpeg-turbo with its faster, coarser
inverse DCT or with chroma repeated. PNG (lossless) and CMYK streams go through Pillow for them.
"""

import importlib
import warnings
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray
from PIL import Image

from images.streams import CORRUPT, open_image, upright

Decoder = Callable[[bytes], NDArray[np.uint8]]


def _unreadable(decoder: str, reason: object) -> ValueError:
    return ValueError(
        f"image.stream must be readable by {decoder}; got {str(reason) or 'no pixels'!r}. "
        "Replace or remove it."
    )


def decode_pillow(data: bytes) -> NDArray[np.uint8]:
    """(H, W, 3) RGB pixels decoded by Pillow.

    Raises:
        ValueError: The stream is not accepted, truncated or damaged.
    """
    image = open_image(data)
    try:
        image.load()
        if image.mode != "RGB":
            image.info.pop("transparency", None)  # alpha is dropped, so is its substitute
            image = image.convert("RGB")
    except CORRUPT as error:
        raise _unreadable("Pillow", error) from None
    return upright(np.array(image), image)


def decode_opencv(data: bytes) -> NDArray[np.uint8]:
    """(H, W, 3) RGB pixels decoded by OpenCV.

    Raises:
        ValueError: The stream is not accepted, truncated or damaged.
    """
    header = open_image(data)
    # orientation is applied below, from one reading of the header for all decoders
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise _unreadable("OpenCV", error) from None
    if bgr is None:
        raise _unreadable("OpenCV", "")
    return upright(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False), header)


def decode_ffmpeg(data: bytes) -> NDArray[np.uint8]:
    """(H, W, 3) RGB pixels decoded by FFmpeg (PyAV), with swscale's default conversion to RGB.

    The codec is given the bytes directly: no container is opened, so nothing is guessed from them.

    Raises:
        ValueError: The stream is not accepted, truncated or damaged.
    """
    header = open_image(data)
    context = av.CodecContext.create("png" if header.format == "PNG" else "mjpeg", "r")
    context.thread_count = 1  # frame threads would delay the only frame
    try:
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    except (av.FFmpegError, ValueError) as error:
        raise _unreadable("FFmpeg", error) from None
    if not frames:
        raise _unreadable("FFmpeg", "")
    return upright(_rgb(frames[0]), header)


def _rgb(frame: VideoFrame) -> NDArray[np.uint8]:
    # JFIF: BT.601, full range. Frames of grey and of the deprecated yuvj formats do not all say so,
    # and a guess of limited range would stretch the contrast by 255 / 219.
    full = frame.reformat(
        format="rgb24",
        src_colorspace=Colorspace.ITU601,
        dst_colorspace=Colorspace.ITU601,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.JPEG,
        threads=1,  # more only cost: they are started anew for every image
    )
    return full.to_ndarray().astype(np.uint8, copy=False)


def _optional(module: str) -> ModuleType | None:
    try:
        return importlib.import_module(module)
    except (ImportError, OSError):
        return None


def _beyond_jpeg(header: Image.Image) -> bool:
    """Whether only the decoders of every kind can read the stream."""
    return header.format == "PNG" or header.mode == "CMYK"


_kornia = _optional("kornia_rs")


def decode_kornia(data: bytes) -> NDArray[np.uint8]:
    """(H, W, 3) RGB pixels decoded by kornia_rs; PNG and CMYK streams by Pillow.

    Raises:
        ValueError: The stream is not accepted, truncated or damaged.
    """
    assert _kornia is not None
    header = open_image(data)
    if _beyond_jpeg(header):
        return decode_pillow(data)
    try:
        pixels = _kornia.io.decode_image_jpeg(data)
    except Exception as error:  # its errors have no class of their own
        raise _unreadable("kornia_rs", error) from None
    return upright(pixels if pixels.shape[2] == 3 else pixels.repeat(3, axis=2), header)


_turbojpeg = _optional("turbojpeg")


def _open_turbojpeg() -> Any:
    try:
        if _turbojpeg is None or not hasattr(_turbojpeg, "TJFLAG_FASTUPSAMPLE"):
            return None
        return _turbojpeg.TurboJPEG()
    except (RuntimeError, OSError, AttributeError):  # no library, or one of another version
        return None


_turbo = _open_turbojpeg()


def decode_turbojpeg(data: bytes, flag: str) -> NDArray[np.uint8]:
    """(H, W, 3) RGB pixels decoded by TurboJPEG in a fast mode; PNG and CMYK streams by Pillow.

    Args:
        data: The stream.
        flag: "TJFLAG_FASTDCT" or "TJFLAG_FASTUPSAMPLE".

    Raises:
        ValueError: The stream is not accepted, truncated or damaged.
    """
    assert _turbojpeg is not None
    header = open_image(data)
    if _beyond_jpeg(header):
        return decode_pillow(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damage that Pillow too passes over
            pixels = _turbo.decode(data, _turbojpeg.TJPF_RGB, flags=getattr(_turbojpeg, flag))
    except (OSError, ValueError) as error:
        raise _unreadable("TurboJPEG", error) from None
    return upright(pixels, header)


DEFAULT_DECODER = "pillow"
DECODERS: dict[str, Decoder] = {
    "pillow": decode_pillow,
    "opencv": decode_opencv,
    "ffmpeg": decode_ffmpeg,
}

_TURBOJPEG = "the library libturbojpeg 2.1 or 2.0 and the package PyTurboJPEG below 2"
REQUIREMENTS = {
    "kornia_rs": "the package kornia_rs",
    "turbojpeg_fast_dct": _TURBOJPEG,
    "turbojpeg_fast_upsampling": _TURBOJPEG,
}
"""Optional decoders and what they need; `DECODERS` holds those that work here."""

if _kornia is not None:
    DECODERS["kornia_rs"] = decode_kornia
if _turbo is not None:
    DECODERS["turbojpeg_fast_dct"] = partial(decode_turbojpeg, flag="TJFLAG_FASTDCT")
    DECODERS["turbojpeg_fast_upsampling"] = partial(decode_turbojpeg, flag="TJFLAG_FASTUPSAMPLE")
