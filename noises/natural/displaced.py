"""Reading an image at displaced positions: shared by elastic and geometric corruptions."""

import numpy as np
from numpy.typing import NDArray

from noises.natural.compiled import compiled


@compiled
def _reflected(position: float, size: int) -> float:
    """Position folded into [-0.5, size - 0.5], mirrored about the outer edges of the end pixels."""
    folded = position + 0.5
    if not 0.0 <= folded < 2.0 * size:  # a remainder costs more than all the rest
        folded %= 2.0 * size
    return min(folded, 2.0 * size - folded) - 0.5


@compiled
def read_displaced(
    image: NDArray[np.float32],
    down: NDArray[np.float32],
    right: NDArray[np.float32],
    out: NDArray[np.uint8],
) -> None:
    """Bilinear reading of (S, S, 3) at displaced positions; float32 where the source has it."""
    size = image.shape[0]
    for h in range(size):
        for w in range(size):
            y, x = _reflected(h + down[h, w], size), _reflected(w + right[h, w], size)
            top, left = int(np.floor(y)), int(np.floor(x))
            v, u = y - top, x - left
            above, below = max(top, 0), min(top + 1, size - 1)
            before, after = max(left, 0), min(left + 1, size - 1)
            for c in range(3):
                upper = image[above, before, c] * (1.0 - u) + image[above, after, c] * u
                lower = image[below, before, c] * (1.0 - u) + image[below, after, c] * u
                value = np.float32(upper * (1.0 - v) + lower * v)
                value = min(max(value, np.float32(0.0)), np.float32(1.0))
                out[h, w, c] = np.uint8(value * np.float32(255.0))
