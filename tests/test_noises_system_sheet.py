"""The sheet shows the reference, then each difference, amplified, at a place known by its name."""

import numpy as np
import pytest

from images.streams import encode_jpeg
from noises.system import REFERENCE, SYSTEM_NOISES, find_system_noise
from noises.system.sheet import COLUMNS, difference_sheet

STREAM = encode_jpeg(np.random.default_rng(6).integers(0, 256, (24, 30, 3), dtype=np.uint8))
SIZE = 16


def tile(sheet, place):
    row, column = divmod(place, COLUMNS)
    top, left = 4 + row * (SIZE + 4), 4 + column * (SIZE + 4)
    return sheet[top : top + SIZE, left : left + SIZE]


def pixels(name):
    return find_system_noise(name).render([STREAM], SIZE)[0].astype(int)


def test_sheet_shows_every_variant_where_its_name_says():
    sheet, names = difference_sheet(STREAM, SIZE)
    assert names == tuple(SYSTEM_NOISES)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (4 * 20 + 4, COLUMNS * 20 + 4, 3)
    np.testing.assert_array_equal(tile(sheet, 0), pixels(REFERENCE))
    for place, name in enumerate(names[1:], 1):
        difference = pixels(name) - pixels(REFERENCE)
        np.testing.assert_array_equal(tile(sheet, place), np.clip(128 + 8 * difference, 0, 255))


def test_sheet_is_grey_where_nothing_changes_and_white_elsewhere():
    sheet, names = difference_sheet(STREAM, SIZE, ["opencv_decoder", "torch_bicubic"], gain=1)
    assert names == (REFERENCE, "opencv_decoder", "torch_bicubic")
    assert (tile(sheet, 1) == 128).all()
    expected = 128 + pixels("torch_bicubic") - pixels(REFERENCE)
    np.testing.assert_array_equal(tile(sheet, 2), np.clip(expected, 0, 255))
    assert (tile(sheet, 3) == 255).all()
    assert (sheet[:4] == 255).all()


def test_sheet_refuses_unknown_names_and_gains():
    with pytest.raises(ValueError, match=r"SystemNoise\.name must be one of"):
        difference_sheet(STREAM, SIZE, ["gimp"])
    with pytest.raises(ValueError, match=r"gain must be at least 1; got 0\. Raise it\."):
        difference_sheet(STREAM, SIZE, gain=0)
