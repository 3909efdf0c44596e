"""Eight outcomes in a byte: the least significant bit of byte 0 is image 0."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def pack(bits: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Packed bits of the last axis: (..., I) bool to (..., ceil(I / 8)) uint8, padded with 0."""
    return np.packbits(bits, axis=-1, bitorder="little")


def unpack(packed: NDArray[np.uint8], n_images: int) -> NDArray[np.bool_]:
    """The inverse of `pack`: (..., ceil(I / 8)) uint8 to (..., I) bool, I = `n_images`."""
    return np.unpackbits(packed, axis=-1, count=n_images, bitorder="little").view(np.bool_)


def popcount(packed: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Number of ones along the last axis: (..., ceil(I / 8)) uint8 to (...,) uint32."""
    counts: NDArray[Any] = np.bitwise_count(packed).sum(axis=-1, dtype=np.uint32)
    return counts


def n_bytes(n_images: int) -> int:
    """Bytes that hold `n_images` bits."""
    return (n_images + 7) // 8


def padding_mask(n_images: int) -> int:
    """The bits of the last byte that belong to no image and must be 0."""
    used = n_images % 8
    return 0 if used == 0 else 0xFF & ~((1 << used) - 1)
