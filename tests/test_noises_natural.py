"""The contract of every natural noise, over the whole table."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from noises.draws import generators
from noises.natural.corruption import HENDRYCKS, Corruption
from noises.natural.table import BENCHMARK_15, BENCHMARK_19, NATURAL_NOISES

EVERY = pytest.mark.parametrize("noise", NATURAL_NOISES.values(), ids=list(NATURAL_NOISES))

# Their published constants do not rise with the severity, or trade one effect for another.
NOT_MONOTONE = {
    "glass_blur",
    "motion_blur",
    "snow",
    "frost",
    "elastic_transform",
    "spatter",
    "saturate",
}


def pictures(count, size, seed=0):
    """Smooth colours with hard edges: (count, size, size, 3)."""
    rng = np.random.default_rng(seed)
    out = np.empty((count, size, size, 3), dtype=np.uint8)
    for image in out:
        coarse = Image.fromarray(rng.integers(20, 236, (4, 4, 3), dtype=np.uint8))
        image[...] = coarse.resize((size, size), Image.Resampling.BICUBIC)
        top, left = rng.integers(0, size // 2, 2)
        image[top : top + size // 3, left : left + size // 3] = rng.integers(0, 256, 3)
    return out


def corrupted(noise, pixels, severity=3, seed=0, ids=None):
    ids = [str(i) for i in range(len(pixels))] if ids is None else ids
    return noise.apply(pixels, severity, generators(seed, noise.name, severity, ids))


@EVERY
@pytest.mark.parametrize("size", [8, 16, 32, 50, 224])
def test_natural_keeps_type_and_shape_and_its_input(noise, size):
    pixels = pictures(2, size)
    before = pixels.copy()
    for severity in (1, 5):
        out = corrupted(noise, pixels, severity)
        assert (out.dtype, out.shape) == (np.uint8, pixels.shape)
        assert out.flags.c_contiguous
        assert not np.shares_memory(out, pixels)
    assert (out != pixels).any()  # at severity 5; a zoom of 1.06 leaves 8 px as they are
    np.testing.assert_array_equal(pixels, before)


@EVERY
def test_natural_takes_views_and_read_only_pixels(noise):
    pixels = pictures(3, 32)
    pixels.flags.writeable = False
    flipped = pixels[:, ::-1]
    np.testing.assert_array_equal(
        corrupted(noise, flipped), corrupted(noise, np.ascontiguousarray(flipped))
    )


@EVERY
@pytest.mark.parametrize("size", [16, 32])
def test_natural_does_not_depend_on_the_batch(noise, size):
    pixels = pictures(20, size)
    ids = [f"image{i}" for i in range(20)]
    together = corrupted(noise, pixels, ids=ids)
    order = np.random.default_rng(1).permutation(20)
    shuffled = corrupted(noise, pixels[order], ids=[ids[i] for i in order])
    np.testing.assert_array_equal(shuffled, together[order])
    for i in (0, 7, 19):
        alone = corrupted(noise, pixels[i : i + 1], ids=[ids[i]])
        np.testing.assert_array_equal(alone[0], together[i])


@EVERY
def test_natural_depends_on_the_seed_if_and_only_if_random(noise):
    pixels = pictures(4, 32)
    same = np.array_equal(corrupted(noise, pixels, seed=0), corrupted(noise, pixels, seed=1))
    assert same is not noise.random


@pytest.mark.parametrize("name", [n for n in NATURAL_NOISES if n not in NOT_MONOTONE])
@pytest.mark.parametrize("size", [32, 224])
def test_natural_severity_raises_the_distortion(name, size):
    noise = NATURAL_NOISES[name]
    pixels = pictures(24 if size == 32 else 6, size)
    change = [
        np.abs(corrupted(noise, pixels, s).astype(float) - pixels).mean() for s in range(1, 6)
    ]
    assert np.all(np.diff(change) > 0), change


@EVERY
def test_natural_of_no_images_is_no_images(noise):
    assert noise.apply(np.empty((0, 32, 32, 3), np.uint8), 1, []).shape == (0, 32, 32, 3)


@EVERY
def test_natural_constants_come_from_the_nearest_table(noise):
    for severity in (1, 2, 3, 4, 5):
        small = dict(zip(noise.parameters, noise.cifar[severity - 1], strict=True))
        large = dict(zip(noise.parameters, noise.imagenet[severity - 1], strict=True))
        assert [noise.constants(severity, s) for s in (16, 32, 64, 84)] == [small] * 4
        assert [noise.constants(severity, s) for s in (85, 160, 224, 384)] == [large] * 4


def test_natural_table_has_the_published_groups():
    groups = Counter(noise.group for noise in NATURAL_NOISES.values())
    benchmark = {"noise": 4, "blur": 5, "weather": 5, "digital": 5}
    assert groups == {**benchmark, "camera": 3, "geometry": 4, "pattern": 5}
    assert Counter(NATURAL_NOISES[name].group for name in BENCHMARK_19) == benchmark
    assert {n.family for n in NATURAL_NOISES.values()} == {"natural"}
    assert all(name == noise.name for name, noise in NATURAL_NOISES.items())


def test_natural_benchmark_is_in_published_order():
    published = (
        "gaussian_noise, shot_noise, impulse_noise, defocus_blur, glass_blur, motion_blur, "
        "zoom_blur, snow, frost, fog, brightness, contrast, elastic_transform, pixelate, "
        "jpeg_compression"
    )
    assert ", ".join(BENCHMARK_15) == published
    assert BENCHMARK_19[15:] == ("speckle_noise", "gaussian_blur", "spatter", "saturate")
    assert tuple(NATURAL_NOISES)[:19] == BENCHMARK_19
    sources = {name: NATURAL_NOISES[name].source == HENDRYCKS for name in NATURAL_NOISES}
    assert [name for name, ours in sources.items() if ours] == list(BENCHMARK_19)


GOOD = np.zeros((2, 16, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("pixels", "severity", "count", "message"),
    [
        (GOOD.astype(float), 1, 2, r"fog\.pixels must be an array of uint8; got float64"),
        ([[0]], 1, 2, r"fog\.pixels must be an array of uint8; got list"),
        (GOOD[0], 1, 2, r"must be \(B, S, S, 3\).*got \(16, 16, 3\)"),
        (GOOD[:, :12], 1, 2, r"got \(2, 12, 16, 3\)\. Crop or resize"),
        (GOOD[:, :4, :4], 1, 2, r"S at least 8; got \(2, 4, 4, 3\)"),
        (GOOD[..., :1], 1, 2, r"got \(2, 16, 16, 1\)"),
        (GOOD, 0, 2, r"fog\.severity must be one of 1, 2, 3, 4, 5; got 0"),
        (GOOD, 6, 2, r"fog\.severity must be .* got 6"),
        (GOOD, 1, 1, r"fog\.generators must be one per image \(2\); got 1"),
    ],
    ids=str,
)
def test_natural_refuses_bad_input(pixels, severity, count, message):
    with pytest.raises(ValueError, match=message):
        NATURAL_NOISES["fog"].apply(pixels, severity, generators(0, "fog", 1, ["a"] * count))


def test_corruption_refuses_an_incomplete_table():
    with pytest.raises(ValueError, match=r"dim\.constants must be 5 rows of 1 numbers"):
        Corruption("dim", "digital", False, ("factor",), ((0.5,),), ((0.5,),), lambda p, c, g: p)
