"""Colour round trips against BT.601 worked out in floating point."""

import numpy as np
import pytest
from numpy.typing import NDArray

from images.colour import COLOURS

RNG = np.random.default_rng(11)
everywhere = pytest.mark.parametrize("name", COLOURS)


def bt601(pixels: NDArray[np.uint8], mean_chroma: bool) -> NDArray[np.float64]:
    """The round trip in real numbers, but for the rounding of Y, U and V to integers."""
    red, green, blue = np.moveaxis(pixels.astype(float), -1, 0)
    y = np.rint(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255)
    u = 128 + (-37.797 * red - 74.203 * green + 112.0 * blue) / 255
    v = 128 + (112.0 * red - 93.786 * green - 18.214 * blue) / 255
    u, v = (
        np.rint(_blocks(plane, mean_chroma)).repeat(2, 0).repeat(2, 1) - 128 for plane in (u, v)
    )
    luma = 255 / 219 * (y - 16)
    rgb = (luma + 1.596 * v, luma - 0.391 * u - 0.813 * v, luma + 2.018 * u)
    clipped: NDArray[np.float64] = np.clip(np.stack(rgb, axis=-1), 0, 255)
    return clipped


def _blocks(plane: NDArray[np.float64], mean: bool) -> NDArray[np.float64]:
    if not mean:
        return plane[::2, ::2]
    height, width = plane.shape
    means: NDArray[np.float64] = plane.reshape(height // 2, 2, width // 2, 2).mean((1, 3))
    return means


@everywhere
@pytest.mark.parametrize("shape", [(2, 2), (6, 10), (32, 32)])
def test_colour_is_bt601_limited_range(name: str, shape: tuple[int, int]) -> None:
    pixels = RNG.integers(0, 256, (*shape, 3), dtype=np.uint8)
    expected = bt601(pixels, mean_chroma=name == "nv12")
    # where roundings fall apart: a step of chroma is 2.02 levels, one of luma 1.16, the last 0.5
    assert np.abs(COLOURS[name](pixels) - expected).max() < 3.7


@everywhere
def test_colour_keeps_grey_to_one_level(name: str) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, -1)
    assert np.abs(COLOURS[name](ramp).astype(int) - ramp).max() == 1  # 219 levels for 256


@everywhere
@pytest.mark.parametrize("shape", [(1, 1), (7, 4), (4, 7), (5, 5)])
def test_colour_pads_odd_sides_by_their_edge(name: str, shape: tuple[int, int]) -> None:
    height, width = shape
    pixels = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
    rows = [*range(height), *[height - 1] * (height % 2)]
    columns = [*range(width), *[width - 1] * (width % 2)]
    even = pixels[rows][:, columns]
    found = COLOURS[name](pixels)
    assert found.shape == pixels.shape
    np.testing.assert_array_equal(found, COLOURS[name](even)[:height, :width])


def test_colours_differ_only_in_the_chroma_within_a_block() -> None:
    blocks = RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8).repeat(2, 0).repeat(2, 1)
    i420 = COLOURS["i420"](blocks)
    np.testing.assert_array_equal(i420, COLOURS["nv12"](blocks))
    rounded = np.abs(i420.astype(int) - blocks)  # what is left is the rounding of Y, U and V
    assert 0 < rounded.max() <= 3
    shifted = blocks[1:-1, 1:-1]  # colour edges inside the blocks
    assert np.abs(COLOURS["i420"](shifted).astype(int) - COLOURS["nv12"](shifted)).mean() > 10
