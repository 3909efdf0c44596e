"""Patterns over the image: coloured and thresholded spectra, and a torn chequerboard.

Source of names, constants and methods, here and in `sparkles`: Mintun, Kirillov and Xie, "On
interaction between augmentations and corruptions in natural corruption robustness", NeurIPS 2021
(facebookresearch/augmentation-corruption@c7d90e3). Of ImageNet-C-bar and CIFAR-10-C-bar, ten each,
these two modules have the five that are in both, with the constants of both.
"""

from functools import cache
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from noises.natural.compiled import compiled
from noises.natural.corruption import Constants, Corruption, Generators, Pixels

MINTUN = "Mintun et al., NeurIPS 2021, arXiv 2102.11273"
_GREY = 128


@cache
def _amplitudes(size: int, brownish: bool) -> NDArray[np.float64]:
    """(S, S) amplitude per frequency, 0 at the corner: 1 / (f^2 + 1), or f for blue noise."""
    axis = np.fft.ifftshift(np.arange(size) - size / 2.0)
    squared = axis[:, None] ** 2 + axis**2
    amplitudes: NDArray[np.float64] = 1.0 / (squared + 1.0) if brownish else np.sqrt(squared)
    amplitudes.flags.writeable = False  # cached
    return amplitudes


def spectral_noise(
    size: int, brownish: bool, generator: np.random.Generator
) -> NDArray[np.float64]:
    """(S, S) field of deviation 1 with random phases.

    As in the source, phases are equal at frequencies mirrored about half a step beside zero.
    """
    half = generator.uniform(0.0, 2.0 * pi, size * size // 2)
    middle = np.zeros(size % 2)
    phases = np.concatenate((half, middle, half[::-1])).reshape(size, size)
    spectrum = _amplitudes(size, brownish) * np.exp(1j * np.fft.ifftshift(phases))
    field = np.real(fft.ifft2(spectrum))
    return np.asarray(field / field.std())


def _brownish(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    size = pixels.shape[1]
    out = np.empty_like(pixels)
    for image, noisy, generator in zip(pixels, out, generators, strict=True):
        fields = [spectral_noise(size, True, generator) for _ in range(3)]
        noisy[...] = np.clip(image + constants[0] * np.stack(fields, axis=2), 0.0, 255.0)
    return out


def _blue_sample(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    size = pixels.shape[1]
    out = np.empty_like(pixels)
    for image, sampled, generator in zip(pixels, out, generators, strict=True):
        kept = spectral_noise(size, False, generator) > constants[0]
        np.multiply(image, kept[:, :, None], out=sampled)
    return out


@compiled
def _cut(
    image: NDArray[np.uint8],
    step: tuple[float, float],
    chosen: NDArray[np.bool_],
    out: NDArray[np.uint8],
) -> None:
    """Grey out the chosen dark squares of a board turned about the top left corner.

    Truncation towards zero and indices that wrap from the end are the source's.
    """
    down, right = step
    for h in range(image.shape[0]):
        for w in range(image.shape[1]):
            y, x = down * h + right * w, down * w - right * h
            dark = int(y % 2.0) == int(x % 2.0)
            cut = dark and chosen[int(y) % len(chosen), int(x) % len(chosen)]
            for c in range(3):
                out[h, w, c] = _GREY if cut else image[h, w, c]


def _chequerboard(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    size = pixels.shape[1]
    out = np.empty_like(pixels)
    for image, torn, generator in zip(pixels, out, generators, strict=True):
        angle = generator.uniform(0.0, 2.0 * pi)
        side = max(generator.uniform(0.1, 0.25) * size, 1.0)
        squares = int(4 * size // side)
        chosen = generator.random((squares, squares)) < constants[0]
        _cut(image, (cos(angle) / side, sin(angle) / side), chosen, torn)
    return out


BROWNISH_NOISE = Corruption(
    name="brownish_noise",
    group="pattern",
    random=True,
    parameters=("deviation",),  # grey levels
    imagenet=((6.4,), (12.8,), (19.2,), (25.6,), (32.0,)),
    cifar=((16.0,), (25.6,), (35.2,), (41.6,), (44.8,)),
    method=_brownish,
    source=MINTUN,
)

BLUE_NOISE_SAMPLE = Corruption(
    name="blue_noise_sample",
    group="pattern",
    random=True,
    parameters=("threshold",),
    imagenet=((-2.26,), (-2.02,), (-1.78,), (-1.3,), (-0.82,)),
    cifar=((-2.29,), (-2.08,), (-1.87,), (-1.45,), (-1.24,)),
    method=_blue_sample,
    source=MINTUN,
)

CHECKERBOARD_CUTOUT = Corruption(
    name="checkerboard_cutout",
    group="pattern",
    random=True,
    parameters=("share",),
    imagenet=((0.2,), (0.3,), (0.4,), (0.5,), (0.6,)),
    cifar=((0.1,), (0.2,), (0.3,), (0.4,), (0.5,)),
    method=_chequerboard,
    source=MINTUN,
)
