"""What system variants do to one image: a sheet of amplified differences, as plain pixels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from noises.system.rendering import render_all
from noises.system.variants import REFERENCE, SYSTEM_NOISES, find_system_noise

COLUMNS = 4
"""Tiles in a row."""

GAIN = 8
"""Grey levels shown per grey level of difference; +-16 fills the range."""

_GREY, _WHITE, _GAP = 128, 255, 4


def difference_sheet(
    stream: bytes, size: int, names: Sequence[str] = tuple(SYSTEM_NOISES), gain: int = GAIN
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Tiles of size x size pixels, `COLUMNS` in a row, white between them, and their names.

    The first tile is the reference variant itself. Each other tile is 128 + gain (variant -
    reference), cut at 0 and 255: equal pixels are mid-grey, a bright channel is one the variant
    raised.

    Args:
        stream: One encoded image.
        size: Side of a tile, pixels: that of the protocol.
        names: Variants, extra ones too; the reference comes first whether it is named or not.
        gain: At least 1.

    Raises:
        ValueError: The stream is not accepted, a name is unknown or gain is below 1.
    """
    if gain < 1:
        raise ValueError(f"difference_sheet.gain must be at least 1; got {gain}. Raise it.")
    shown = (REFERENCE, *(name for name in names if name != REFERENCE))
    rendered = render_all([find_system_noise(name) for name in shown], [stream], size)
    reference = rendered[REFERENCE][0]
    tiles = [reference]
    for name in shown[1:]:
        gap = rendered[name][0].astype(np.int16) - reference
        tiles.append((_GREY + gain * gap).clip(0, 255).astype(np.uint8))
    return _laid_out(tiles, size), shown


def _laid_out(tiles: Sequence[NDArray[np.uint8]], size: int) -> NDArray[np.uint8]:
    """(H, W, 3): the tiles row by row."""
    rows, step = -(-len(tiles) // COLUMNS), size + _GAP
    sheet = np.full((rows * step + _GAP, COLUMNS * step + _GAP, 3), _WHITE, np.uint8)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, COLUMNS)
        top, left = _GAP + row * step, _GAP + column * step
        sheet[top : top + size, left : left + size] = tile
    return sheet
