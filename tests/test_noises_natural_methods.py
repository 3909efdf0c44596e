"""Blurs, weather and digital corruptions against hand-worked cases and independent libraries."""

import colorsys
import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from noises.draws import generators
from noises.natural.blur import defocus_kernel
from noises.natural.fog import plasma
from noises.natural.motion import blur_along_line
from noises.natural.table import NATURAL_NOISES

RNG = np.random.default_rng(5)
NOISY = RNG.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
LARGE = np.asarray(Image.fromarray(NOISY[0]).resize((224, 224), Image.Resampling.BICUBIC))[None]


def applied(name, pixels, severity, seed=0):
    ids = [str(i) for i in range(len(pixels))]
    return NATURAL_NOISES[name].apply(pixels, severity, generators(seed, name, severity, ids))


def flat(*rgb, size=32):
    return np.broadcast_to(np.array(rgb, np.uint8), (1, size, size, 3))


@pytest.mark.parametrize(("pixels", "sigma"), [(NOISY, 0.8), (LARGE, 4.0)], ids=["32", "224"])
def test_gaussian_blur_equals_scipy_truncated(pixels, sigma):
    light = ndimage.gaussian_filter(pixels / 255.0, (0, sigma, sigma, 0), mode="nearest")
    wanted = (np.clip(light, 0, 1) * 255).astype(np.uint8)
    np.testing.assert_array_equal(applied("gaussian_blur", pixels, 4), wanted)


def test_defocus_kernel_is_a_smoothed_disk():
    kernel = defocus_kernel(3.0, 0.1)  # so little smoothing that the disk is left as it is
    y, x = np.mgrid[-3:4, -3:4]
    np.testing.assert_allclose(kernel, (x**2 + y**2 <= 9) / 29, atol=1e-7)
    assert defocus_kernel(6.0, 0.5).sum() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(("radius", "side"), [(8, 3), (10, 5)])
def test_defocus_kernel_gains_where_the_disk_meets_the_edge_of_its_grid(radius, side):
    # The four ends of the disk lie on the border, where reflect-101 mirrors the inside outwards.
    bell = np.exp(-((np.arange(side) - side // 2) ** 2) / 0.5)
    bell /= bell.sum()
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = (x**2 + y**2 <= radius**2).astype(float)
    wanted = ndimage.correlate1d(disk / disk.sum(), bell, axis=0, mode="mirror")
    wanted = ndimage.correlate1d(wanted, bell, axis=1, mode="mirror")
    np.testing.assert_allclose(defocus_kernel(radius, 0.5), wanted, atol=1e-7)
    assert 1.01 < wanted.sum() < 1.02


def test_defocus_blur_spreads_a_point_by_its_kernel():
    point = np.zeros((1, 224, 224, 3), np.uint8)
    point[0, 100, 50] = 255
    out = applied("defocus_blur", point, 1)[0]
    assert (out[97:104, 47:54, 0] > 0).sum() == 29
    assert out.max() == int(255 / 29)


def test_glass_blur_copies_from_the_upper_left():
    # At severity 1 of 32 px the blur is the identity and shifts are 0 or -1. Sources lie where the
    # scan has not been yet, so each pixel is one of four of the input: copies, never swaps.
    out = applied("glass_blur", NOISY, 1)
    np.testing.assert_array_equal(out[:, :2], NOISY[:, :2])
    np.testing.assert_array_equal(out[:, :, :2], NOISY[:, :, :2])
    inner = out[:, 2:, 2:]
    sources = [NOISY[:, 2 - dy : 32 - dy, 2 - dx : 32 - dx] for dy in (0, 1) for dx in (0, 1)]
    hits = np.array([(inner == source).all(axis=-1) for source in sources])
    assert hits.any(axis=0).all()
    np.testing.assert_allclose(hits.mean(axis=(1, 2, 3)), 0.25, atol=0.05)


def test_glass_blur_shuffles_up_to_its_reach():
    # A bright column at 100 of 224 px: shift 4 twice and a blur of reach 6, twice.
    column = np.zeros((1, 224, 224, 3), np.uint8)
    column[:, :, 100] = 255
    touched = np.flatnonzero(applied("glass_blur", column, 5).any(axis=(0, 1, 3)))
    assert 100 - 12 - 2 * 3 <= touched.min() < 97
    assert 103 < touched.max() <= 100 + 12 + 2 * 4


@pytest.mark.parametrize(
    ("pixels", "severity", "zooms"),
    [(NOISY, 1, np.arange(1, 1.06, 0.01)), (LARGE, 5, np.arange(1, 1.31, 0.03))],
    ids=["32", "224"],
)
def test_zoom_blur_is_the_mean_over_zooms(pixels, severity, zooms):
    image = pixels[0] / 255.0
    size = len(image)
    total = 2 * image  # itself, and the zoom of 1
    for zoom in zooms[1:]:
        crop = int(np.ceil(size / zoom))
        top = (size - crop) // 2
        part = image[top : top + crop, top : top + crop]
        large = ndimage.zoom(part, (zoom, zoom, 1), order=1)
        trim = (len(large) - size) // 2
        total += large[trim : trim + size, trim : trim + size]
    wanted = total / (len(zooms) + 1) * 255
    out = applied("zoom_blur", pixels, severity)[0].astype(float)
    assert np.all((out <= wanted + 0.01) & (out > wanted - 1.01))


def test_motion_blur_weights_are_one_sided():
    point = np.zeros((15, 15, 1), np.uint8)
    point[7, 9] = 255
    out = blur_along_line(point, 2, 1.0, 0.0)[:, :, 0]  # reads to the right: smears to the left
    weights = np.exp(-(np.arange(5) ** 2) / 2)
    wanted = (255 * weights / weights.sum() + 1e-9).astype(int)
    np.testing.assert_array_equal(out[7, 9:4:-1], wanted)
    assert np.count_nonzero(out) == np.count_nonzero(wanted)


def test_motion_blur_turns_clockwise_with_the_angle():
    point = np.zeros((15, 15, 1), np.uint8)
    point[7, 7] = 255
    down = blur_along_line(point, 2, 1.0, 90.0)[:, :, 0]
    assert np.flatnonzero(down.any(axis=1)).tolist() == [4, 5, 6, 7]
    assert np.flatnonzero(down.any(axis=0)).tolist() == [7]


@pytest.mark.parametrize(
    "name", ["gaussian_blur", "defocus_blur", "glass_blur", "zoom_blur", "motion_blur"]
)
def test_blurs_keep_a_flat_image(name):
    for severity in (1, 5):
        out = applied(name, flat(255, 90, 0), severity).astype(int)
        assert np.abs(out - (255, 90, 0)).max() <= 1


def test_contrast_draws_values_towards_their_mean():
    pixels = np.zeros((1, 8, 8, 3), np.uint8)
    pixels[:, :4] = (200, 10, 0)
    pixels[:, 4:] = (100, 30, 0)
    out = applied("contrast", pixels, 1)  # factor 0.75, means 150, 20 and 0
    assert out[0, 0, 0].tolist() == [187, 12, 0]
    assert out[0, 7, 0].tolist() == [112, 27, 0]


def test_brightness_of_hand_worked_pixels():
    # Severity 2 adds 0.1 = 25.5 levels to the maximum and scales the others along.
    assert applied("brightness", flat(100, 50, 0), 2)[0, 0, 0].tolist() == [125, 62, 0]
    assert applied("brightness", flat(0, 0, 0), 2)[0, 0, 0].tolist() == [25, 25, 25]
    assert applied("brightness", flat(250, 125, 10), 2)[0, 0, 0].tolist() == [255, 127, 10]


@pytest.mark.parametrize(
    ("name", "severity", "factor", "add", "value"),
    [("brightness", 5, 1, 0, 0.3), ("saturate", 1, 0.3, 0, 0), ("saturate", 5, 2.5, 0.2, 0)],
)
def test_colour_agrees_with_colorsys(name, severity, factor, add, value):
    out = applied(name, NOISY, severity).reshape(-1, 3)
    for pixel, got in zip(NOISY.reshape(-1, 3)[:500], out, strict=False):
        h, s, v = colorsys.rgb_to_hsv(*(pixel / 255.0))
        rgb = colorsys.hsv_to_rgb(h, min(s * factor + add, 1.0), min(v + value, 1.0))
        assert np.abs(np.array(rgb) * 255 - 0.5 - got).max() < 0.501


def test_saturate_tints_grey_red_as_the_source_does():
    assert applied("saturate", flat(100, 100, 100), 5)[0, 0, 0].tolist() == [100, 80, 80]


@pytest.mark.parametrize("pixels", [NOISY, LARGE], ids=["32", "224"])
def test_jpeg_compression_equals_pillow(pixels):
    for severity in (1, 2, 3, 4, 5):
        quality = NATURAL_NOISES["jpeg_compression"].constants(severity, pixels.shape[1])
        stream = io.BytesIO()
        Image.fromarray(pixels[0]).save(stream, "JPEG", quality=int(quality["quality"]))
        out = applied("jpeg_compression", pixels, severity)
        np.testing.assert_array_equal(out[0], np.asarray(Image.open(stream)))


def test_pixelate_by_half_is_the_mean_of_two_by_two_blocks():
    out = applied("pixelate", LARGE, 2)[0].astype(float)
    blocks = LARGE[0].reshape(112, 2, 112, 2, 3).mean(axis=(1, 3))
    assert np.abs(out - blocks.repeat(2, axis=0).repeat(2, axis=1)).max() <= 1


def test_fog_plasma_spans_zero_to_one_and_is_smoother_with_decay():
    rng = np.random.default_rng(0)
    rough, smooth = plasma(224, 1.4, rng), plasma(224, 3.0, rng)
    for field in (rough, smooth):
        assert field.shape == (256, 256)
        assert (field.min(), field.max()) == (0.0, 1.0)
    assert np.abs(np.diff(rough)).mean() > 3 * np.abs(np.diff(smooth)).mean()


def test_fog_plasma_of_side_two_is_worked_by_hand():
    class Draws:
        def random(self, count):
            return np.array([0.5, 0.75, 0.25, 0.0])

    # Corner 0; middle 0 + 0; edges +-5000 (wobble 100, squared, x 2 x 0.25): minimum -5000.
    field = plasma(2, 3.0, Draws())
    np.testing.assert_allclose(field, [[0.5, 1.0], [0.0, 0.5]])


def test_fog_keeps_black_black_and_veils_white():
    assert not applied("fog", flat(0, 0, 0), 5).any()
    white = applied("fog", flat(255, 255, 255), 5)
    assert white.max() == 255
    assert white.min() == int(255 / 2.5)  # (1 + 0) / (1 + 1.5)


def test_snow_lies_symmetric_under_a_half_turn():
    out = applied("snow", flat(80, 80, 80), 5)[0]
    np.testing.assert_array_equal(out, out[::-1, ::-1])
    # keep 0.8: 0.8 x 80 + 0.2 x (1.5 x 80 + 127.5) = 113.5 without a flake
    assert out.min() == 113


def test_spatter_water_only_adds_light_and_mud_covers():
    dark = flat(40, 40, 40)
    assert (applied("spatter", dark, 3) >= 40).all()
    mud = applied("spatter", flat(255, 255, 255, size=224), 5)[0]
    covered = mud[mud[..., 0] < 255]
    assert 0.01 < len(covered) / 224**2 < 0.9
    assert (covered.max(axis=0) <= [102, 85, 67]).all()  # at least 0.8 mud
    assert (covered.min(axis=0) >= [63, 42, 20]).all()


def test_spatter_without_a_drop_changes_nothing():
    image = np.full((1, 8, 8, 3), 77, np.uint8)
    outs = [applied("spatter", image, 1, seed=seed) for seed in range(40)]
    assert any(np.array_equal(out, image) for out in outs)


def test_elastic_transform_moves_but_does_not_recolour():
    same = applied("elastic_transform", flat(255, 90, 0), 5).astype(int)
    assert np.abs(same - (255, 90, 0)).max() <= 1
    ramp = np.broadcast_to(np.arange(224, dtype=np.uint8)[:, None], (1, 224, 224, 3))
    out = applied("elastic_transform", np.ascontiguousarray(ramp), 3)[0, 40:-40, 40:-40, 0]
    moved = out.astype(float) - ramp[0, 40:-40, 40:-40, 0]
    # Three corners of a square move by up to 0.02 x 244 = 5 px; inside it little more is reached.
    assert 0.5 < np.abs(moved).max() < 25
