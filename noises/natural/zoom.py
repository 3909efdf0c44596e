"""Zooming into the centre of an image, as a linear operator.

A zoom by spline order 1 is a matrix that acts on rows and on columns. The matrix is read off
`scipy.ndimage.zoom` applied to unit vectors, so it is the published one with every rounding of
sizes, and its sum over many zooms is one sparse matrix made once per size.
"""

from functools import cache, lru_cache
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from noises.natural.corruption import Pixels

_IMAGES_AT_ONCE = 16  # 48 columns: rows of the dense factor stay in the cache
# Sums of weights miss 1 by rounding; a flat area must not fall a grey level when it is truncated.
_ROUNDING = 1e-3


@cache
def zoom_matrix(size: int, zoom: float) -> NDArray[np.float64]:
    """(size, size) matrix that crops ceil(size / zoom) from the centre, enlarges and trims."""
    crop = ceil(size / zoom)
    top = (size - crop) // 2
    enlarged = ndimage.zoom(np.eye(crop), (zoom, 1.0), order=1)
    trim = (len(enlarged) - size) // 2
    matrix = np.zeros((size, size))
    matrix[:, top : top + crop] = enlarged[trim : trim + size]
    matrix.flags.writeable = False  # cached
    return matrix


def zoom_field(field: NDArray[np.float64], zoom: float) -> NDArray[np.float64]:
    """Field (S, S) enlarged about its centre; S and zoom as in `zoom_matrix`."""
    matrix = _sparse_zoom(field.shape[0], zoom)
    rows: NDArray[np.float64] = matrix @ field
    return np.ascontiguousarray((matrix @ rows.T).T)


@cache
def _sparse_zoom(size: int, zoom: float) -> sparse.csr_array:
    return sparse.csr_array(zoom_matrix(size, zoom))


@lru_cache(maxsize=5)
def zoom_blur_operator(size: int, stop: float, step: float) -> sparse.csr_array:
    """(size^2, size^2) mean of the image and its zooms 1, 1 + step, ... below `stop`.

    NumPy's `arange` decides whether `stop` itself is among them, as in the source: by rounding. The
    zoom of 1 is among them too, so the image counts twice among n + 1.
    """
    zooms = np.arange(1.0, stop, step)
    total = sparse.eye_array(size * size, format="csr")
    for zoom in zooms:
        matrix = _sparse_zoom(size, float(zoom))
        total = total + sparse.kron(matrix, matrix, format="csr")
    return sparse.csr_array(total / (len(zooms) + 1)).astype(np.float32)


def blur_by_zooming(pixels: Pixels, stop: float, step: float) -> Pixels:
    """Mean of each image and its centre zooms, truncated; (B, S, S, 3)."""
    size = pixels.shape[1]
    operator = zoom_blur_operator(size, stop, step)
    out = np.empty_like(pixels)
    for start in range(0, len(pixels), _IMAGES_AT_ONCE):
        chunk = pixels[start : start + _IMAGES_AT_ONCE]
        b = len(chunk)
        # (B, S, S, 3) -> (S S, B 3): one sparse row then acts on all images and channels at once
        columns = chunk.reshape(b, size * size, 3).transpose(1, 0, 2).reshape(size * size, 3 * b)
        blurred = operator @ columns.astype(np.float32) + _ROUNDING
        grey = np.clip(blurred, 0.0, 255.0).astype(np.uint8)
        out[start : start + b] = grey.reshape(size, size, b, 3).transpose(2, 0, 1, 3)
    return out
