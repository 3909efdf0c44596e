"""Elastic transform (Simard et al., ICDAR 2003): a random affine map and a smooth displacement."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from noises.natural.corruption import Constants, Corruption, Generators, Pixels
from noises.natural.displaced import read_displaced


@cache
def smoothing_matrix(size: int, sigma: float) -> NDArray[np.float32]:
    """(size, size) Gaussian filter along a line, reflected at its ends, cut at 3 sigma.

    As a matrix, because sigma may be as long as the line, where a filter folds over many times.
    """
    whole = ndimage.gaussian_filter1d(np.eye(size), sigma, axis=0, mode="reflect", truncate=3.0)
    matrix: NDArray[np.float32] = whole.astype(np.float32)
    matrix.flags.writeable = False  # cached
    return matrix


def _affine(
    image: NDArray[np.float32], reach: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Image (S, S, 3) after three points around the centre moved by up to `reach` pixels."""
    size = image.shape[0]
    low, high = size // 2 - size // 3, size // 2 + size // 3
    before = np.array([[high, high], [high, low], [low, low]], dtype=np.float32)
    after = before + generator.uniform(-reach, reach, (3, 2)).astype(np.float32)
    matrix = cv2.getAffineTransform(before, after)
    moved = cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, dtype=np.float32)


def _displacement(
    size: int, alpha: float, sigma: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """(S, S) pixels to move along one axis."""
    field = generator.random((size, size), dtype=np.float32) * np.float32(2.0) - np.float32(1.0)
    if alpha == 0.0:
        return np.zeros((size, size), dtype=np.float32)
    smooth = smoothing_matrix(size, sigma)
    displacement: NDArray[np.float32] = smooth @ field @ smooth.T * np.float32(alpha)
    return displacement


def _elastic(pixels: Pixels, constants: Constants, generators: Generators) -> Pixels:
    alpha, sigma, reach = constants
    size = pixels.shape[1]
    out = np.empty_like(pixels)
    for image, warped, generator in zip(pixels, out, generators, strict=True):
        moved = _affine(image.astype(np.float32) / np.float32(255.0), reach, generator)
        right = _displacement(size, alpha, sigma, generator)
        down = _displacement(size, alpha, sigma, generator)
        read_displaced(moved, down, right, warped)
    return out


# Published in units of a size: 244 at 224 px (so in the source) and 32 at 32 px. In pixels here.
ELASTIC_TRANSFORM = Corruption(
    name="elastic_transform",
    group="digital",
    random=True,
    parameters=("alpha", "sigma", "affine"),
    imagenet=(
        (244 * 2, 244 * 0.7, 244 * 0.1),
        (244 * 2, 244 * 0.08, 244 * 0.2),
        (244 * 0.05, 244 * 0.01, 244 * 0.02),
        (244 * 0.07, 244 * 0.01, 244 * 0.02),
        (244 * 0.12, 244 * 0.01, 244 * 0.02),
    ),
    cifar=(
        (0.0, 0.0, 32 * 0.08),
        (32 * 0.05, 32 * 0.2, 32 * 0.07),
        (32 * 0.08, 32 * 0.06, 32 * 0.06),
        (32 * 0.1, 32 * 0.04, 32 * 0.05),
        (32 * 0.1, 32 * 0.03, 32 * 0.03),
    ),
    method=_elastic,
)
