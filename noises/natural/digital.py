"""What a computer does to pixels: JPEG compression and pixelation."""

import cv2
import numpy as np
from PIL import Image

from noises.natural.corruption import Constants, Corruption, Generators, Pixels


def _jpeg(pixels: Pixels, constants: Constants, _generators: Generators) -> Pixels:
    """Published with Pillow; OpenCV decodes to the same pixels in a sixth of the time."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(constants[0])]
    out = np.empty_like(pixels)
    for image, decoded in zip(pixels, out, strict=True):
        _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
        decoded[...] = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))[:, :, ::-1]
    return out


def _pixelate(pixels: Pixels, constants: Constants, _generators: Generators) -> Pixels:
    size = pixels.shape[1]
    small = int(size * constants[0])
    out = np.empty_like(pixels)
    for image, blocky in zip(pixels, out, strict=True):
        shrunk = Image.fromarray(image).resize((small, small), Image.Resampling.BOX)
        blocky[...] = shrunk.resize((size, size), Image.Resampling.BOX)
    return out


JPEG_COMPRESSION = Corruption(
    name="jpeg_compression",
    group="digital",
    random=False,
    parameters=("quality",),
    imagenet=((25.0,), (18.0,), (15.0,), (10.0,), (7.0,)),
    cifar=((80.0,), (65.0,), (58.0,), (50.0,), (40.0,)),
    method=_jpeg,
)

PIXELATE = Corruption(
    name="pixelate",
    group="digital",
    random=False,
    parameters=("scale",),
    imagenet=((0.6,), (0.5,), (0.4,), (0.3,), (0.25,)),
    cifar=((0.95,), (0.9,), (0.85,), (0.75,), (0.65,)),
    method=_pixelate,
)
