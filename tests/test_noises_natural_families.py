"""Camera, geometry and pattern corruptions against closed forms and independent libraries."""

import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy import ndimage, stats

from noises.draws import generators
from noises.natural.camera import iso_channel
from noises.natural.geometry import warp
from noises.natural.pattern import spectral_noise
from noises.natural.sparkles import shine
from noises.natural.table import NATURAL_NOISES
from tests.test_noises_natural import pictures
from tests.test_noises_natural_noise import K, applied, flat, probabilities

SEVERITIES = (1, 2, 3, 4, 5)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_color_quant_equals_posterize_of_pillow(severity):
    pixels = pictures(1, 64)
    wanted = ImageOps.posterize(Image.fromarray(pixels[0]), 6 - severity)
    np.testing.assert_array_equal(applied("color_quant", pixels, severity)[0], np.asarray(wanted))


def test_iso_channel_is_a_normal_around_each_count_of_photons():
    got = probabilities(iso_channel(25.0, 0.1))
    counts = np.arange(400)
    for level in (0, 40, 128, 255):
        normal = stats.norm(np.minimum(counts / 25.0, 1.0)[:, None] * 255, 25.5)
        below = stats.poisson(level / 255 * 25).pmf(counts) @ normal.cdf(np.append(K, 256))
        below[0], below[-1] = 0.0, 1.0
        np.testing.assert_allclose(got[level], np.diff(below), atol=1e-7)


def test_low_light_squares_dims_and_has_the_noise_of_photons():
    pixels = flat(100).copy()
    pixels[0, 0, 0], pixels[0, 0, 1] = 0, 200  # the range: 100 is half of it
    out = applied("low_light", pixels, 1)[0, 1:] / 255.0
    light = 0.6 * 0.5**2
    assert light > 3 * np.sqrt(light / 120 + 0.018**2)  # little is clipped
    assert out.mean() + 0.5 / 255 == pytest.approx(light, abs=0.001)
    assert out.var() == pytest.approx(light / 120 + 0.018**2, rel=0.05)


def test_low_light_of_one_level_is_black_but_for_noise():
    assert applied("low_light", flat(200), 3).max() <= 0.018 * 255 * 6


AFFINES = {
    "turn": (0.9, 0.4, 0.0, -0.4, 0.9, 0.0),
    "move": (1.0, 0.0, 2.75, 0.0, 1.0, -5.5),
    "shrink": (1.3, 0.0, 0.0, 0.0, 1.3, 0.0),
    "shear": (1.0, 0.0, 0.0, 0.2, 1.0, 0.0),
}


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_warp_equals_scipy(affine):
    image = pictures(1, 64)[0]
    hh, hw, h0, wh, ww, w0 = affine
    matrix, shift = np.array([[hh, hw], [wh, ww]]), np.array([h0, w0])
    middle = np.full(2, 31.5)
    offset = middle - matrix @ middle + shift
    wanted = [
        ndimage.affine_transform(channel, matrix, offset, order=1, mode="reflect")
        for channel in np.moveaxis(image.astype(float), 2, 0)
    ]
    out = np.empty_like(image)
    warp(image, affine, out)
    assert np.abs(out + 0.5 - np.stack(wanted, axis=2)).max() < 0.51


@pytest.mark.parametrize(
    ("name", "severity", "row", "column"),
    [("rotation", 5, 60.0, 0.0), ("scaling", 5, 60.0, 0.0), ("shear", 5, 60.0, 0.0)],
)
def test_geometry_moves_a_point_by_the_published_amount(name, severity, row, column):
    point = np.zeros((8, 225, 225, 3), np.uint8)
    at = (112 + int(row), 112 + int(column))
    point[:, at[0] - 2 : at[0] + 3, at[1] - 2 : at[1] + 3] = 200
    ids = [str(i) for i in range(8)]
    out = NATURAL_NOISES[name].apply(point, severity, generators(0, name, severity, ids))
    found = {
        tuple(np.round(np.array(ndimage.center_of_mass(o[..., 0])) - 112, 1).tolist()) for o in out
    }
    thirty, slope = np.deg2rad(30), np.tan(np.deg2rad(15))
    wanted = {
        "rotation": [(60 * np.cos(thirty), s * 60 * np.sin(thirty)) for s in (-1, 1)],
        "scaling": [(60 * 1.3, 0.0), (60 / 1.3, 0.0)],
        "shear": [(60.0, s * 60 * slope) for s in (-1, 1)],
    }[name]
    assert len(found) == 2  # both directions are drawn
    np.testing.assert_allclose(sorted(found), sorted(wanted), atol=0.2)


def test_translation_moves_by_its_distance_in_any_direction():
    point = np.zeros((40, 224, 224, 3), np.uint8)
    point[:, 110:115, 110:115] = 200
    ids = [str(i) for i in range(40)]
    out = NATURAL_NOISES["translation"].apply(point, 5, generators(0, "translation", 5, ids))
    moved = np.array([ndimage.center_of_mass(o[..., 0]) for o in out]) - 112
    np.testing.assert_allclose(np.hypot(*moved.T), 24.0, atol=0.2)
    assert len(np.unique(np.sign(moved), axis=0)) == 4


def test_spectral_noise_is_a_sum_of_waves():
    class Draws:
        def uniform(self, low, high, count):
            return np.linspace(low, high, count)

    frequency = np.arange(8) - 4
    half = np.linspace(0, 2 * np.pi, 32)
    phase = np.concatenate((half, half[::-1])).reshape(8, 8)
    field = np.zeros((8, 8))
    y, x = np.mgrid[:8, :8]
    for i, j in np.ndindex(8, 8):
        distance = np.hypot(frequency[i], frequency[j])
        wave = 2 * np.pi * (frequency[i] * y + frequency[j] * x) / 8 + phase[i, j]
        field += distance * np.cos(wave)
    np.testing.assert_allclose(spectral_noise(8, False, Draws()), field / field.std(), atol=1e-9)


@pytest.mark.parametrize("size", [32, 33])
def test_spectral_noise_is_smooth_or_rough(size):
    rng = np.random.default_rng(0)
    for brownish in (True, False):
        field = spectral_noise(size, brownish, rng)
        assert field.std() == pytest.approx(1.0)
        neighbours = np.corrcoef(field[:, 1:].ravel(), field[:, :-1].ravel())[0, 1]
        assert neighbours > 0.8 if brownish else neighbours < 0.0


def test_brownish_noise_has_the_published_deviation():
    change = applied("brownish_noise", flat(128), 2).astype(float) - 128
    np.testing.assert_allclose(change.std(axis=(1, 2)), 12.8, rtol=0.03)  # each channel its own
    assert np.abs(np.corrcoef(change.reshape(-1, 3).T)[np.triu_indices(3, 1)]).max() < 0.9


def test_blue_noise_sample_keeps_or_blackens_pixels():
    out = applied("blue_noise_sample", flat(99), 5)
    assert set(np.unique(out)) == {0, 99}
    assert (out[..., 0] == out[..., 2]).all()
    assert (out == 0).mean() == pytest.approx(stats.norm.cdf(-0.82), abs=0.02)


def test_checkerboard_cutout_greys_a_share_of_every_other_square():
    pixels = np.full((60, 128, 128, 3), 7, np.uint8)
    drawn = generators(0, "checkerboard_cutout", 4, [str(i) for i in range(60)])
    out = NATURAL_NOISES["checkerboard_cutout"].apply(pixels, 4, drawn)
    assert set(np.unique(out)) == {7, 128}
    assert (out == 128).mean() == pytest.approx(0.5 / 2, abs=0.04)
    board = NATURAL_NOISES["checkerboard_cutout"].method(pixels, (1.0,), drawn)
    assert (board == 128).mean() == pytest.approx(0.5, abs=0.02)


def test_a_star_of_equal_rays_is_worked_by_hand():
    light = np.full((21, 21, 3), 100.0, np.float32)
    shine(light, np.array([10.0, 10.0]), np.full(4, 3.0), 1.0, False)
    assert light[10, 10].tolist() == [255.0] * 3  # the centre is white
    # 6 px down: angle 0 is half way through all four rays, at the start of one: 1 - 0.5^2 of 9 / 36
    assert light[16, 10, 0] == pytest.approx(100 + 155 * 0.75 * 9 / 36, abs=0.01)
    inverse = np.full((21, 21, 3), 100.0, np.float32)
    shine(inverse, np.array([10.0, 10.0]), np.full(4, 3.0), 1.0, True)
    np.testing.assert_allclose(inverse + light, 355.0, atol=0.01)


def test_sparkles_only_brighten_and_keep_white():
    for name in ("sparkles", "inverse_sparkles"):
        assert (applied(name, flat(90, 32), 5) >= 90).all()
        assert (applied(name, flat(255, 32), 5) == 255).all()
