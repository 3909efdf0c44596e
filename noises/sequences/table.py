"""All perturbation sequences, one line each: the ten that are averaged, then the extra four."""

from noises.sequences.blur import GAUSSIAN_BLUR, MOTION_BLUR, ZOOM_BLUR
from noises.sequences.geometry import ROTATE, SCALE, SHEAR, TILT, TRANSLATE
from noises.sequences.noise import GAUSSIAN_NOISE, SHOT_NOISE, SPECKLE_NOISE
from noises.sequences.sequence import PerturbationSequence
from noises.sequences.weather import BRIGHTNESS, SNOW, SPATTER

_AVERAGED = (
    GAUSSIAN_NOISE,
    SHOT_NOISE,
    MOTION_BLUR,
    ZOOM_BLUR,
    SNOW,
    BRIGHTNESS,
    TRANSLATE,
    ROTATE,
    TILT,
    SCALE,
)

_EXTRA = (SPECKLE_NOISE, GAUSSIAN_BLUR, SPATTER, SHEAR)

SEQUENCES: dict[str, PerturbationSequence] = {s.name: s for s in (*_AVERAGED, *_EXTRA)}

AVERAGED: tuple[str, ...] = tuple(s.name for s in _AVERAGED)
"""The ten whose flip rates make mFR and mT5D; the CIFAR script has spatter in the place of snow."""
