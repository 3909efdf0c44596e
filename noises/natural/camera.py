"""What a camera adds: little light, a high ISO setting, few bits per colour.

Source of names, constants and methods: Kar, Yeo, Atanov and Zamir, "3D common corruptions and data
augmentation", CVPR 2022 (EPFL-VILAB/3DCommonCorruptions@62894083), three corruptions of its 3DCC
that need no depth. Published for large images; the same constants are used at every size.
"""

from functools import cache

import numpy as np
from scipy.special import ndtr
from scipy.stats import poisson

from noises.natural.channel import LEVELS, Channel, channel_from_below, send
from noises.natural.corruption import Constants, Corruption, Generators, Pixels

KAR = "Kar et al., CVPR 2022, arXiv 2203.01441"


@cache
def iso_channel(photons: float, deviation: float) -> Channel:
    """min(Poisson(x photons) / photons, 1) + N(0, deviation)."""
    counts = np.arange(int(photons) + 1)
    # (256, counts): the last one stands for all that saturate
    expected = np.arange(LEVELS)[:, None] / 255.0 * photons
    mass = np.asarray(poisson.pmf(counts, expected))
    mass[:, -1] = 1.0 - mass[:, :-1].sum(axis=1)
    edges = np.arange(1, LEVELS) / 255.0
    return channel_from_below(mass @ ndtr((edges - counts[:, None] / photons) / deviation))


def _iso(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    return send(pixels, iso_channel(*constants), generators)


def _low_light(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    """Range stretched, squared and dimmed, then photon and electronic noise.

    An image of one level has no range to stretch and turns black, where the source divides by 0.
    """
    light, photons, deviation = constants
    out = np.empty_like(pixels)
    for image, dark, generator in zip(pixels, out, generators, strict=True):
        low, high = float(image.min()), float(image.max())
        stretched = (np.arange(LEVELS) - low).clip(0.0) / max(high - low, 1.0)
        photon = generator.poisson((stretched**2 * light * photons)[image]) / photons
        noisy = np.minimum(photon, 1.0) + generator.normal(0.0, deviation, image.shape)
        dark[...] = np.clip(noisy, 0.0, 1.0) * 255.0
    return out


def _quantise(pixels: Pixels, constants: Constants, _generators: Generators) -> Pixels:
    """Only the leading bits kept, as Pillow's posterize does."""
    return pixels & np.uint8(256 - (1 << (8 - int(constants[0]))))


_LOW_LIGHT = tuple((light, 120.0, 0.018) for light in (0.6, 0.5, 0.4, 0.3, 0.2))
LOW_LIGHT = Corruption(
    name="low_light",
    group="camera",
    random=True,
    parameters=("light", "photons", "deviation"),
    imagenet=_LOW_LIGHT,
    cifar=_LOW_LIGHT,
    method=_low_light,
    source=KAR,
)

_ISO = tuple((25.0, 0.7 * deviation) for deviation in (0.08, 0.12, 0.18, 0.26, 0.38))
ISO_NOISE = Corruption(
    name="iso_noise",
    group="camera",
    random=True,
    parameters=("photons", "deviation"),
    imagenet=_ISO,
    cifar=_ISO,
    method=_iso,
    source=KAR,
)

_BITS = ((5.0,), (4.0,), (3.0,), (2.0,), (1.0,))
COLOR_QUANT = Corruption(
    name="color_quant",
    group="camera",
    random=False,
    parameters=("bits",),
    imagenet=_BITS,
    cifar=_BITS,
    method=_quantise,
    source=KAR,
)
