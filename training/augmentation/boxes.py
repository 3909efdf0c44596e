"""Boxes in an image: random sides, and where a box covers pixels."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.augmentation.protocol import per_image
from training.checks import require_within

Integers = NDArray[np.int64]
TRIES = 10
"""Boxes that are tried before an image goes without one, as in torchvision."""


class Boxes(NamedTuple):
    """One box for each image, in whole pixels, each field (B,)."""

    top: Integers
    left: Integers
    height: Integers
    width: Integers

    def mask(self, images: Tensor) -> Tensor:
        """(B, 1, s, s), true inside the boxes."""
        top, left, height, width = (per_image(field, images) for field in self)
        rows = torch.arange(images.shape[2], device=images.device)[:, None]
        columns = torch.arange(images.shape[3], device=images.device)
        inside = (rows >= top) & (rows < top + height)
        return inside & (columns >= left) & (columns < left + width)


def draw_sides(
    rng: np.random.Generator,
    count: int,
    side: int,
    limit: int,
    area: tuple[float, float],
    ratio: tuple[float, float],
) -> tuple[Integers, Integers]:
    """Heights and widths (B,) of random boxes: the first of ten draws that fits, or else 0.

    Args:
        rng: Draws uniform areas and log-uniform ratios.
        count: Boxes.
        side: Of the square images, in pixels.
        limit: Longest side of a box, in pixels.
        area: Smallest and largest area as shares of the image.
        ratio: Smallest and largest width over height.
    """
    areas = side * side * rng.uniform(*area, (TRIES, count))
    ratios = np.exp(rng.uniform(np.log(ratio[0]), np.log(ratio[1]), (TRIES, count)))
    heights, widths = np.rint(np.sqrt([areas / ratios, areas * ratios])).astype(np.int64)
    fits = (np.minimum(heights, widths) > 0) & (np.maximum(heights, widths) <= limit)
    first = fits.argmax(0), np.arange(count)
    return np.where(fits[first], heights[first], 0), np.where(fits[first], widths[first], 0)


def require_shape(owner: str, area: tuple[float, float], ratio: tuple[float, float]) -> None:
    """Refuse ranges of area and ratio that hold no box.

    Raises:
        ValueError: Naming the owner, the field and the numbers.
    """
    require_within(f"{owner}.area[0]", area[0], 0.0, 1.0)
    require_within(f"{owner}.area[1]", area[1], area[0], 1.0)
    require_within(f"{owner}.ratio[0]", ratio[0], 0.01, 1.0)
    require_within(f"{owner}.ratio[1]", ratio[1], 1.0, 100.0)
