"""Training techniques keep shape and range, follow their generator, and do what they say."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from training.techniques import TECHNIQUES, HorizontalFlip, RandomShift, RandomZoom

EVERY = pytest.mark.parametrize("technique", TECHNIQUES.values(), ids=list(TECHNIQUES))


def images(count=12, size=16, low=0.0):
    generator = torch.Generator().manual_seed(0)
    return low + (1 - low) * torch.rand(count, 3, size, size, generator=generator)


def apply(technique, x, seed=0):
    return technique.apply(x, np.random.default_rng(seed))


@EVERY
@pytest.mark.parametrize("shape", [(1, 16), (12, 16), (5, 33)])
def test_technique_keeps_shape_type_and_range(technique, shape):
    x = images(*shape)
    y = apply(technique, x)
    assert (y.shape, y.dtype) == (x.shape, torch.float32)
    assert 0.0 <= float(y.min()) <= float(y.max()) <= 1.0


@EVERY
def test_technique_changes_copies_of_some_images(technique):
    x = images()
    kept = x.clone()
    y = apply(technique, x)
    assert torch.equal(x, kept)
    assert not torch.equal(y, x)


@EVERY
def test_equal_generators_give_equal_images(technique):
    x = images()
    assert torch.equal(apply(technique, x, 3), apply(technique, x, 3))
    assert not torch.equal(apply(technique, x, 3), apply(technique, x, 4))


@EVERY
def test_technique_does_not_depend_on_the_memory_format(technique):
    x = images()
    other = x.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(apply(technique, x), apply(technique, other), atol=1e-6, rtol=0)


@EVERY
def test_technique_does_the_same_to_every_channel(technique):
    grey = images()[:, :1].expand(-1, 3, -1, -1)
    y = apply(technique, grey)
    torch.testing.assert_close(y, y[:, :1].expand_as(y), atol=1e-6, rtol=0)


@EVERY
def test_technique_is_listed_under_its_name(technique):
    assert TECHNIQUES[technique.name] is technique


def test_flip_twice_is_the_identity():
    always, x = HorizontalFlip(probability=1.0), images()
    once = apply(always, x)
    assert torch.equal(once[..., 0], x[..., -1])
    assert torch.equal(apply(always, once), x)


def test_flip_mirrors_half_of_the_images_and_none_at_probability_zero():
    x = images(400, 4)
    y = apply(HorizontalFlip(), x)
    mirrored = (y == x.flip(3)).all(3).all(2).all(1)
    assert abs(int(mirrored.sum()) - 200) < 40  # four standard deviations
    assert torch.equal(y[~mirrored], x[~mirrored])
    assert torch.equal(apply(HorizontalFlip(0.0), x), x)


def test_shift_by_zero_is_the_identity():
    x = images()
    assert torch.equal(apply(RandomShift(share=0.0), x), x)


def test_shift_moves_each_image_and_fills_with_zeros():
    x, seen = images(300, 16, low=0.1), set()
    for one, moved in zip(x, apply(RandomShift(), x), strict=True):
        padded = F.pad(one, (2, 2, 2, 2))  # 0.125 of 16 px
        places = [(r, c) for r in range(5) for c in range(5)]
        found = [p for p in places if torch.equal(padded[:, p[0] :, p[1] :][:, :16, :16], moved)]
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) == 25  # every shift occurs, the one by nothing too


def test_zoom_by_one_is_the_identity():
    x = images()
    torch.testing.assert_close(apply(RandomZoom(factor=1.0), x), x, atol=1e-5, rtol=0)


def test_zoom_scales_about_the_centre_within_its_factor():
    # coordinates as pixel values: a zoom by z multiplies the slope by 1 / z and keeps the centre
    ramp = torch.linspace(-0.3, 0.3, 16).expand(3, 16, 16)
    x = torch.stack([ramp + 0.5, ramp.mT + 0.5]).repeat(100, 1, 1, 1)
    y = apply(RandomZoom(factor=1.5), x)
    slopes = torch.cat(((y[::2, 0, 8, 9] - y[::2, 0, 8, 6]), (y[1::2, 0, 9, 8] - y[1::2, 0, 6, 8])))
    zoom = (ramp[0, 8, 9] - ramp[0, 8, 6]) / slopes
    assert 1 / 1.501 < float(zoom.min()) < 0.75
    assert 1.4 < float(zoom.max()) < 1.501
    assert abs(float(zoom.log().mean())) < 4 * np.log(1.5) / np.sqrt(3 * 200)  # log-uniform
    torch.testing.assert_close(y[:, :, 7:9, 7:9].mean((2, 3)), torch.full((200, 3), 0.5))


def test_zoom_out_shows_black_around_the_image():
    y = apply(RandomZoom(factor=2.0), torch.ones(60, 3, 16, 16))
    black = y[:, 0, 0, 0] == 0
    assert 0 < int(black.sum()) < 60
    assert bool((y[:, 0, 8, 8] == 1).all())
