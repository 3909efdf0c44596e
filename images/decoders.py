"""How bytes become pixels: one function per decoder, in the table `DECODERS`.

All of them accept the same streams (`images.streams.open_image`), apply the EXIF orientation, drop
alpha (the colour stored beside it is kept, nothing is blended), spread grey over the three
channels, look palettes up, ignore colour profiles, and convert CMYK by a formula of their own.
Pillow and OpenCV both rest on libjpeg-turbo and usually agree on every pixel; FFmpeg has its own
inverse DCT, repeats chroma instead of interpolating it, and converts YCbCr in its own arithmetic.
"""

from collections.abc import Callable

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

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


DEFAULT_DECODER = "pillow"
DECODERS: dict[str, Decoder] = {
    "pillow": decode_pillow,
    "opencv": decode_opencv,
    "ffmpeg": decode_ffmpeg,
}
