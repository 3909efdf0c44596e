"""All natural noises, one line each, in the order of the published lists."""

from noises.natural.blur import DEFOCUS_BLUR, GAUSSIAN_BLUR, GLASS_BLUR, ZOOM_BLUR
from noises.natural.colour import BRIGHTNESS, CONTRAST, SATURATE
from noises.natural.corruption import Corruption
from noises.natural.digital import JPEG_COMPRESSION, PIXELATE
from noises.natural.elastic import ELASTIC_TRANSFORM
from noises.natural.fog import FOG
from noises.natural.frost import FROST
from noises.natural.motion import MOTION_BLUR
from noises.natural.noise import GAUSSIAN_NOISE, IMPULSE_NOISE, SHOT_NOISE, SPECKLE_NOISE
from noises.natural.snow import SNOW
from noises.natural.spatter import SPATTER

NATURAL_NOISES: dict[str, Corruption] = {
    corruption.name: corruption
    for corruption in (
        GAUSSIAN_NOISE,
        SHOT_NOISE,
        IMPULSE_NOISE,
        DEFOCUS_BLUR,
        GLASS_BLUR,
        MOTION_BLUR,
        ZOOM_BLUR,
        SNOW,
        FROST,
        FOG,
        BRIGHTNESS,
        CONTRAST,
        ELASTIC_TRANSFORM,
        PIXELATE,
        JPEG_COMPRESSION,
        SPECKLE_NOISE,
        GAUSSIAN_BLUR,
        SPATTER,
        SATURATE,
    )
}
