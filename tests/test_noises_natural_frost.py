"""Frost: the sum of a weighted image and a weighted crop, and which pictures the crop is from."""

from dataclasses import replace

import numpy as np
import pytest

from noises.draws import generators
from noises.natural import frost
from noises.natural.frost_pictures import draw_frost
from noises.natural.table import NATURAL_NOISES
from tests.test_noises_natural import pictures

FROST = NATURAL_NOISES["frost"]


def with_pictures(photographs):
    """Frost with the photographs or the drawn pictures, whatever is installed."""
    tables = [tuple((*row[:3], photographs) for row in t) for t in (FROST.imagenet, FROST.cifar)]
    return replace(FROST, imagenet=tables[0], cifar=tables[1])


DRAWN = with_pictures(0.0)


@pytest.mark.parametrize("size", [32, 224])
@pytest.mark.parametrize("severity", [1, 3, 5])
def test_frost_adds_a_crop_of_one_picture(size, severity):
    drawn = generators(3, "frost", severity, ["a"])
    image = pictures(1, size)
    out = DRAWN.apply(image, severity, drawn)[0]
    again = generators(3, "frost", severity, ["a"])[0]
    picture = frost.scaled_picture(int(again.integers(5)), False, 0.2 if size == 32 else 1.0, size)
    top, left = (int(again.integers(n - size)) for n in picture.shape[:2])
    keep, add = list(DRAWN.constants(severity, size).values())[:2]
    wanted = keep * image[0] + add * picture[top : top + size, left : left + size]
    np.testing.assert_array_equal(out, np.clip(wanted, 0, 255).astype(np.uint8))


def test_frost_uses_every_picture_and_every_place():
    black = np.zeros((1, 32, 32, 3), np.uint8)
    outs = {DRAWN.apply(black, 1, generators(0, "frost", 1, [str(i)])).tobytes() for i in range(50)}
    assert len(outs) == 50


def test_frost_says_which_pictures_it_used():
    installed = frost.PHOTOGRAPHS is not None
    assert FROST.constants(1, 32)["photographs"] == float(installed)
    assert FROST.constants(1, 32) != with_pictures(float(not installed)).constants(1, 32)
    assert DRAWN.constants(1, 32) == {"image": 1.0, "frost": 0.2, "scale": 0.2, "photographs": 0.0}


def test_frost_without_the_package_has_no_photographs(monkeypatch):
    def absent(name):
        raise frost.PackageNotFoundError(name)

    monkeypatch.setattr(frost, "distribution", absent)
    assert frost._photographs() is None


def test_frost_refuses_photographs_that_are_not_there(monkeypatch):
    frost.frost_picture.cache_clear()
    frost.scaled_picture.cache_clear()
    monkeypatch.setattr(frost, "PHOTOGRAPHS", None)
    with pytest.raises(
        ValueError, match=r"frost\.photographs must be readable; got none for .*png"
    ):
        frost.frost_picture(0, True)


def test_drawn_frost_is_the_same_at_every_call_and_pale():
    first = draw_frost(2)
    np.testing.assert_array_equal(draw_frost(2), first)
    assert (draw_frost(3) != first).any()
    assert first.shape == (400, 600, 3)
    assert 100 < first.mean() < 210  # the photographs have means of 123 to 207
    assert 20 < first.std() < 50  # and deviations of 23 to 44
    assert (first[..., 2] >= first[..., 0]).all()  # bluish


@pytest.mark.parametrize("size", [84, 500])
def test_frost_enlarges_pictures_that_are_too_small(size):
    for scale in (0.2, 1.0):
        picture = frost.scaled_picture(1, False, scale, size)
        assert min(picture.shape[:2]) > size
        assert picture.shape[1] / picture.shape[0] == pytest.approx(1.5, rel=0.02)
