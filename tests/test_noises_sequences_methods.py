"""The frames of perturbation sequences against hand-worked cases and independent libraries."""

import colorsys

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from scipy.spatial.transform import Rotation

from noises.draws import generators
from noises.sequences.table import SEQUENCES

RNG = np.random.default_rng(5)
NOISY = RNG.integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
COARSE = RNG.integers(0, 256, (7, 7, 3), dtype=np.uint8)
SMOOTH = {
    size: np.asarray(Image.fromarray(COARSE).resize((size, size), Image.Resampling.BICUBIC))
    for size in (32, 224)
}
BOTH = pytest.mark.parametrize("size", [32, 224])


def applied(name, pixels, difficulty=1, seed=0):
    ids = [str(i) for i in range(len(pixels))]
    drawn = generators(seed, f"{name}_p", difficulty, ids)
    return SEQUENCES[name].apply(pixels, drawn, difficulty)


def flat(*rgb, size=32):
    return np.broadcast_to(np.array(rgb, np.uint8), (1, size, size, 3))


@pytest.mark.parametrize(
    ("size", "difficulty", "deviation"),
    [(32, 1, 0.02), (32, 2, 0.04), (32, 3, 0.06), (224, 1, 0.03), (224, 2, 0.05), (224, 3, 0.08)],
)
def test_gaussian_noise_has_the_published_deviation(size, difficulty, deviation):
    change = applied("gaussian_noise", flat(128, 128, 128, size=size), difficulty)[0, 1:] - 127.5
    # Truncation to whole levels adds the variance of a uniform error.
    wanted = np.sqrt((255 * deviation) ** 2 + 1 / 12)
    assert abs(change.std() - wanted) < 4 * wanted / np.sqrt(2 * change.size)
    assert abs(change.mean()) < 4 * wanted / np.sqrt(change.size)


@pytest.mark.parametrize(("size", "photons"), [(32, (700, 400, 200)), (224, (300, 120, 60))])
def test_shot_noise_has_the_published_variance(size, photons):
    for difficulty, count in enumerate(photons, start=1):
        out = applied("shot_noise", flat(102, 102, 102, size=size), difficulty)[0, 1:] / 255
        assert out.var() == pytest.approx(0.4 / count + 1 / 12 / 255**2, rel=0.03)


@pytest.mark.parametrize(("size", "shares"), [(32, (0.05, 0.07, 0.1)), (224, (0.05, 0.1, 0.15))])
def test_speckle_noise_has_the_published_deviation_and_keeps_black(size, shares):
    for difficulty, share in enumerate(shares, start=1):
        out = applied("speckle_noise", flat(128, 64, 0, size=size), difficulty)[0, 1:]
        for channel, level in ((0, 128), (1, 64)):
            wanted = np.sqrt((level * share) ** 2 + 1 / 12)
            assert out[..., channel].std() == pytest.approx(wanted, rel=0.02)
        assert not out[..., 2].any()


def test_noise_frames_are_drawn_independently():
    change = applied("gaussian_noise", flat(128, 128, 128))[0, 1:] - 127.5
    between = np.corrcoef(change.reshape(30, -1))[np.triu_indices(30, 1)]
    assert np.abs(between).max() < 5 / np.sqrt(32 * 32 * 3)


@pytest.mark.parametrize(
    ("size", "truncate", "first", "step"), [(32, 7, 0.3, 0.015), (224, 6, 0.25, 0.035)]
)
def test_gaussian_blur_equals_scipy_truncated(size, truncate, first, step):
    image = SMOOTH[size]
    out = applied("gaussian_blur", image[None])[0]
    for i in (0, 7, 30):
        sigma = first + step * i
        light = ndimage.gaussian_filter(
            image / 255.0, (sigma, sigma, 0), mode="nearest", truncate=truncate
        )
        np.testing.assert_array_equal(out[i], (np.clip(light, 0, 1) * 255).astype(np.uint8))


@pytest.mark.parametrize(
    ("size", "last", "down"), [(32, 20, 10), (224, 30, None)], ids=["32", "224"]
)
def test_motion_blur_turns_to_a_line_along_the_row(size, last, down):
    point = np.zeros((1, size, size, 3), np.uint8)
    point[0, size // 2, size // 2] = 255
    out = applied("motion_blur", point)[0, ..., 0]
    rows, columns = np.nonzero(out[last])  # angle 0: one row, smeared to the left
    assert set(rows) == {size // 2}
    assert columns.max() == size // 2
    if down is not None:  # angle -90: one column
        assert set(np.nonzero(out[down])[1]) == {size // 2}
    assert len({frame.tobytes() for frame in out}) > last // 2


@BOTH
def test_motion_blur_weights_have_the_published_sigma(size):
    point = np.zeros((1, size, size, 3), np.uint8)
    point[0, size // 2, size // 2] = 255
    line = applied("motion_blur", point)[0, -1, size // 2, size // 2 :: -1, 0]
    radius, sigma = (6, 1.8) if size == 32 else (10, 3.0)
    weights = np.exp(-(np.arange(2 * radius + 1) ** 2) / (2 * sigma**2))
    wanted = 255 * weights / weights.sum()
    np.testing.assert_allclose(line[: 2 * radius + 1], wanted - 0.5, atol=0.51)


@BOTH
def test_zoom_blur_is_the_mean_of_the_zooms_so_far(size):
    image = SMOOTH[size].astype(float)
    out = applied("zoom_blur", image.astype(np.uint8)[None])[0].astype(float)
    np.testing.assert_array_equal(out[0], image)
    zooms = []
    for i in range(31):
        to_source = np.diag([1 / (1 + 0.004 * i)] * 2 + [1.0])
        centre = np.array([(size - 1) / 2, (size - 1) / 2, 0])
        offset = centre - to_source @ centre
        zooms.append(ndimage.affine_transform(image, to_source, offset, order=1))
        wanted = np.mean(zooms, axis=0)
        assert np.abs(out[i] + 0.5 - wanted).max() < 1.5


@BOTH
def test_brightness_agrees_with_colorsys(size):
    step = 0.015 if size == 32 else 0.02
    image = NOISY[0] if size == 32 else np.tile(NOISY[0], (7, 7, 1))
    out = applied("brightness", image[None])[0]
    for i in (0, 4, 15, 30):
        for pixel, got in zip(image.reshape(-1, 3)[:200], out[i].reshape(-1, 3), strict=False):
            h, s, v = colorsys.rgb_to_hsv(*(pixel / 255.0))
            v = min(max(v + (i - 15) * step, 0.0), 1.0)
            rgb = np.array(colorsys.hsv_to_rgb(h, s, v))
            assert np.abs(rgb * 255 - 0.5 - got).max() < 0.501


def test_translate_moves_whole_pixels_to_the_right_and_brings_in_black():
    image = NOISY[0]
    for i, frame in enumerate(applied("translate", NOISY)[0]):
        wanted = np.zeros_like(image)
        move = i - 7
        if move >= 0:
            wanted[:, move:] = image[:, : 32 - move]
        else:
            wanted[:, :move] = image[:, -move:]
        np.testing.assert_array_equal(frame, wanted)


def test_translate_at_224_brings_in_the_mirrored_margin_before_black():
    image = SMOOTH[224]
    wide = np.pad(
        np.pad(image, ((0, 0), (16, 16), (0, 0)), mode="reflect"), ((0, 0), (4, 4), (0, 0))
    )
    for i, frame in enumerate(applied("translate", image[None])[0]):
        np.testing.assert_array_equal(frame, wide[:, 40 - i : 264 - i])


def source_positions(name, i, size, x, y):
    """Where the point (x, y) right of and below the centre of frame i comes from."""
    angle = np.radians(i - 15)
    if name == "rotate":  # clockwise on the screen: back by the same angle
        back = (x + 1j * y) * np.exp(-1j * angle)
        return back.real, back.imag
    if name == "scale":
        factor = (2 * i + 70) / 100 if size == 32 else (2.5 * i + 40) / 100
        return x / factor, y / factor
    if name == "shear":
        return x - np.tan(angle) * y, y
    focal = np.hypot(*[32 if size == 32 else 256] * 2)
    turn = Rotation.from_euler("x", i - 15, degrees=True) * Rotation.from_euler(
        "y", 15 - i, degrees=True
    )
    normal = turn.apply([0.0, 0.0, 1.0])
    rays = np.stack([x, y, np.full_like(x, focal)], axis=-1)  # from the eye, focal in front of 0
    hit = rays * (focal * normal[2] / (rays @ normal))[..., None] - [0.0, 0.0, focal]
    flat_hit = turn.inv().apply(hit.reshape(-1, 3))
    np.testing.assert_allclose(flat_hit[:, 2], 0, atol=1e-9 * focal)
    return flat_hit[:, 0].reshape(x.shape), flat_hit[:, 1].reshape(x.shape)


@BOTH
@pytest.mark.parametrize("name", ["rotate", "tilt", "scale", "shear"])
def test_geometry_agrees_with_scipy_at_the_positions_worked_out(name, size):
    image = SMOOTH[size]
    margin = 0 if size == 32 else 16
    wide = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="reflect").astype(float)
    out = applied(name, image[None])[0].astype(float)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    for i in (0, 3, 14, 15, 22, 30):
        u, v = source_positions(name, i, size, x, y)
        places = np.array([v, u]) + (len(wide) - 1) / 2
        inside = ((places >= 0) & (places <= len(wide) - 1)).all(axis=0)
        beyond = ((places < -1) | (places > len(wide))).any(axis=0)
        for c in range(3):
            wanted = ndimage.map_coordinates(wide[..., c], places, order=1)
            assert np.abs(out[i, ..., c] - wanted)[inside].max() < 4
            assert np.abs(out[i, ..., c] - wanted)[inside].mean() < 0.6
            assert not out[i, ..., c][beyond].any()


@BOTH
@pytest.mark.parametrize(("name", "neutral"), [("rotate", 15), ("tilt", 15), ("shear", 15)])
def test_geometry_of_size_zero_is_the_image(name, neutral, size):
    image = SMOOTH[size]
    np.testing.assert_array_equal(applied(name, image[None])[0, neutral], image)


@BOTH
def test_scale_of_one_is_the_image_to_rounding(size):
    image = SMOOTH[size].astype(int)
    assert (
        np.abs(applied("scale", SMOOTH[size][None])[0, 15 if size == 32 else 24] - image).max() <= 1
    )


@BOTH
def test_snow_lies_symmetric_under_a_half_turn_on_the_whitened_image(size):
    out = applied("snow", flat(80, 80, 80, size=size))[0]
    np.testing.assert_array_equal(out, out[:, ::-1, ::-1])
    # keep 0.85: 0.85 x 80 + 0.15 x (1.5 x 80 + 127.5) = 105.1 without a flake
    assert set(out.min(axis=(1, 2, 3))) == {105}
    assert (out > 105).any(axis=(1, 2, 3)).all()


def test_snow_falls_upright_where_the_angle_is_90_degrees():
    dark = flat(0, 0, 0, size=224)
    out = applied("snow", dark)[0, ..., 0].astype(float)

    def steepness(frame):  # change along the rows over change along the columns
        return np.abs(np.diff(frame, axis=1)).mean() / np.abs(np.diff(frame, axis=0)).mean()

    upright = [steepness(frame) for frame in out]
    assert abs(int(np.argmax(upright)) - 15) <= 2  # 4 x 15 - 150 = -90 degrees
    assert upright[0] < 1 < upright[15]


@pytest.mark.parametrize(("size", "seed"), [(224, 0), (32, 1)])
def test_spatter_adds_light_that_runs_down_a_row_a_frame(size, seed):
    dark = flat(40, 40, 40, size=size)
    light = applied("spatter", dark, seed=seed)[0, ..., 1].astype(float) - 40
    assert light.min() >= 0
    assert light.max() > 60
    wet = [i for i in range(30) if light[i].any() and light[i + 1].any()]
    assert wet
    moved = np.mean([np.abs(light[i + 1, 1:] - light[i, :-1]).mean() for i in wet])
    still = np.mean([np.abs(light[i + 1] - light[i]).mean() for i in wet])
    assert moved < 0.6 * still


@pytest.mark.parametrize("name", ["motion_blur", "zoom_blur", "gaussian_blur"])
@BOTH
def test_blurs_keep_a_flat_image(name, size):
    out = applied(name, flat(255, 90, 0, size=size)).astype(int)
    assert np.abs(out - (255, 90, 0)).max() <= 1
