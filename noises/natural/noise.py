"""Noise of the sensor, value by value: Gaussian, shot, impulse and speckle noise.

Each is the published formula on values in [0, 1], clipped, scaled by 255 and truncated, written as
the exact distribution of the resulting 8-bit value (see `channel`).
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, pdtr

from noises.natural.channel import (
    LEVELS,
    Channel,
    channel_from_below,
    channel_from_probabilities,
    send,
)
from noises.natural.corruption import Constants, Corruption, Generators, Pixels

_VALUES = np.arange(LEVELS, dtype=np.float64)[:, None]  # (256, 1) values in
_EDGES = np.arange(1, LEVELS, dtype=np.float64)  # (255,) out < k means the real value is < k


@cache
def gaussian_channel(deviation: float) -> Channel:
    """X + N(0, deviation); the standard deviation is in units of the [0, 1] range."""
    return channel_from_below(ndtr((_EDGES - _VALUES) / (255.0 * deviation)))


@cache
def speckle_channel(deviation: float) -> Channel:
    """X + x N(0, deviation); black stays black."""
    scale = np.maximum(deviation * _VALUES, 1e-9)
    return channel_from_below(ndtr((_EDGES - _VALUES) / scale))


@cache
def shot_channel(photons: float) -> Channel:
    """Poisson(x photons) / photons."""
    counts = np.arange(int(photons) + 1)
    levels = (counts / photons * 255.0).astype(np.uint8)  # truncated as the source truncates
    first = np.searchsorted(levels, _EDGES)  # smallest count that reaches level k
    below: NDArray[np.float64] = pdtr(np.maximum(first - 1, 0), _VALUES / 255.0 * photons)
    return channel_from_below(below)


@cache
def impulse_channel(share: float) -> Channel:
    """A share of the values replaced by 0 or 255, half each."""
    probabilities = (1.0 - share) * np.eye(LEVELS)
    probabilities[:, [0, LEVELS - 1]] += share / 2.0
    return channel_from_probabilities(probabilities)


def _gaussian(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    return send(pixels, gaussian_channel(*constants), generators)


def _shot(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    return send(pixels, shot_channel(*constants), generators)


def _impulse(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    return send(pixels, impulse_channel(*constants), generators)


def _speckle(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    return send(pixels, speckle_channel(*constants), generators)


GAUSSIAN_NOISE = Corruption(
    name="gaussian_noise",
    group="noise",
    random=True,
    parameters=("deviation",),
    imagenet=((0.08,), (0.12,), (0.18,), (0.26,), (0.38,)),
    cifar=((0.04,), (0.06,), (0.08,), (0.09,), (0.10,)),
    method=_gaussian,
)

SHOT_NOISE = Corruption(
    name="shot_noise",
    group="noise",
    random=True,
    parameters=("photons",),
    imagenet=((60.0,), (25.0,), (12.0,), (5.0,), (3.0,)),
    cifar=((500.0,), (250.0,), (100.0,), (75.0,), (50.0,)),
    method=_shot,
)

IMPULSE_NOISE = Corruption(
    name="impulse_noise",
    group="noise",
    random=True,
    parameters=("share",),
    imagenet=((0.03,), (0.06,), (0.09,), (0.17,), (0.27,)),
    cifar=((0.01,), (0.02,), (0.03,), (0.05,), (0.07,)),
    method=_impulse,
)

SPECKLE_NOISE = Corruption(
    name="speckle_noise",
    group="noise",
    random=True,
    parameters=("deviation",),
    imagenet=((0.15,), (0.20,), (0.35,), (0.45,), (0.60,)),
    cifar=((0.06,), (0.10,), (0.12,), (0.16,), (0.20,)),
    method=_speckle,
)
