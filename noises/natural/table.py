"""All natural noises, one line each: the benchmark in its published order, then those beyond it."""

from noises.natural.blur import DEFOCUS_BLUR, GAUSSIAN_BLUR, GLASS_BLUR, ZOOM_BLUR
from noises.natural.camera import COLOR_QUANT, ISO_NOISE, LOW_LIGHT
from noises.natural.colour import BRIGHTNESS, CONTRAST, SATURATE
from noises.natural.corruption import Corruption
from noises.natural.digital import JPEG_COMPRESSION, PIXELATE
from noises.natural.elastic import ELASTIC_TRANSFORM
from noises.natural.fog import FOG
from noises.natural.frost import FROST
from noises.natural.geometry import ROTATION, SCALING, SHEAR, TRANSLATION
from noises.natural.motion import MOTION_BLUR
from noises.natural.noise import GAUSSIAN_NOISE, IMPULSE_NOISE, SHOT_NOISE, SPECKLE_NOISE
from noises.natural.pattern import BLUE_NOISE_SAMPLE, BROWNISH_NOISE, CHECKERBOARD_CUTOUT
from noises.natural.snow import SNOW
from noises.natural.sparkles import INVERSE_SPARKLES, SPARKLES
from noises.natural.spatter import SPATTER

_COMMON = (
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
)
_EXTRA = (SPECKLE_NOISE, GAUSSIAN_BLUR, SPATTER, SATURATE)
_BEYOND = (
    LOW_LIGHT,
    ISO_NOISE,
    COLOR_QUANT,
    ROTATION,
    TRANSLATION,
    SCALING,
    SHEAR,
    BROWNISH_NOISE,
    BLUE_NOISE_SAMPLE,
    CHECKERBOARD_CUTOUT,
    SPARKLES,
    INVERSE_SPARKLES,
)

BENCHMARK_15 = tuple(corruption.name for corruption in _COMMON)
"""Names of the 15 corruptions that mCE is defined over, in published order."""

BENCHMARK_19 = BENCHMARK_15 + tuple(corruption.name for corruption in _EXTRA)
"""The 15 and the four the benchmark keeps for validation."""

NATURAL_NOISES: dict[str, Corruption] = {
    corruption.name: corruption for corruption in (*_COMMON, *_EXTRA, *_BEYOND)
}
