"""Resizers and geometry: one contract over the table, values by hand, the libraries themselves."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from images.resizers import DEFAULT_RESIZER, RESIZERS, centre_crop, fit_square, resize_all

RNG = np.random.default_rng(5)
everywhere = pytest.mark.parametrize("name", RESIZERS)
PILLOW = {
    "pillow_bilinear": Image.Resampling.BILINEAR,
    "pillow_nearest": Image.Resampling.NEAREST,
    "pillow_box": Image.Resampling.BOX,
    "pillow_hamming": Image.Resampling.HAMMING,
    "pillow_bicubic": Image.Resampling.BICUBIC,
    "pillow_lanczos": Image.Resampling.LANCZOS,
}
OPENCV = {
    "opencv_nearest": cv2.INTER_NEAREST,
    "opencv_bilinear": cv2.INTER_LINEAR,
    "opencv_area": cv2.INTER_AREA,
    "opencv_cubic": cv2.INTER_CUBIC,
    "opencv_lanczos4": cv2.INTER_LANCZOS4,
}


def test_resizers_table_is_complete() -> None:
    assert set(RESIZERS) == {*PILLOW, *OPENCV, "torch_bilinear", "torch_bicubic"}
    assert next(iter(RESIZERS)) == DEFAULT_RESIZER


@everywhere
@pytest.mark.parametrize("shape", [(19, 19), (5, 3), (1, 1), (8, 12)])
def test_resizer_treats_a_batch_as_its_images(name: str, shape: tuple[int, int]) -> None:
    batch = RNG.integers(0, 256, (3, 8, 12, 3), dtype=np.uint8)
    resized = RESIZERS[name](batch, shape)
    assert resized.shape == (3, *shape, 3)
    assert resized.dtype == np.uint8
    np.testing.assert_array_equal(resized[1], RESIZERS[name](batch[1], shape))


@everywhere
@pytest.mark.parametrize("shape", [(19, 19), (5, 3), (8, 12)])
def test_resizer_keeps_flat_colour_and_identity(name: str, shape: tuple[int, int]) -> None:
    flat = np.full((8, 12, 3), (250, 128, 3), np.uint8)
    assert (RESIZERS[name](flat, shape) == (250, 128, 3)).all()
    noise = RNG.integers(0, 256, (8, 12, 3), dtype=np.uint8)
    np.testing.assert_array_equal(RESIZERS[name](noise, (8, 12)), noise)


@everywhere
def test_resizer_accepts_strided_and_read_only_pixels(name: str) -> None:
    pixels = RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    mirrored = pixels[:, ::-1]
    mirrored.flags.writeable = False
    expected = RESIZERS[name](mirrored.copy(), (5, 5))
    np.testing.assert_array_equal(RESIZERS[name](mirrored, (5, 5)), expected)


@pytest.mark.parametrize("names", [tuple(RESIZERS), ("opencv_area",), ("pillow_box",), ()])
def test_resize_all_equals_each_alone(names: tuple[str, ...]) -> None:
    pixels = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    resized = resize_all(pixels, (11, 37), names)
    assert set(resized) == set(names)
    for name in names:
        np.testing.assert_array_equal(resized[name], RESIZERS[name](pixels, (11, 37)))
    with pytest.raises(ValueError, match=r"resizer\.pixels must be uint8"):
        resize_all(pixels[..., 0], (2, 2), names)


def test_resizer_halves_a_checkerboard_as_by_hand() -> None:
    checker = np.zeros((4, 4, 3), np.uint8)
    checker[::2, ::2] = checker[1::2, 1::2] = 200
    for name in ("pillow_box", "opencv_area", "opencv_bilinear"):
        assert (RESIZERS[name](checker, (2, 2)) == 100).all()  # two of each 2x2 block
    for name in ("pillow_bilinear", "torch_bilinear"):
        # triangle over 4 pixels, cut at the edge: weights 3/7, 3/7, 1/7, so 200 (4^2 + 3^2) / 49
        halved = RESIZERS[name](checker, (2, 2))[..., 0]
        np.testing.assert_array_equal(halved, [[102, 98], [98, 102]])


def test_resizer_area_enlarges_as_by_hand() -> None:
    row = np.array([[0, 100]], np.uint8)[..., None].repeat(3, -1)
    doubled = RESIZERS["opencv_area"](row, (1, 4))[0, :, 0]
    np.testing.assert_array_equal(doubled, [0, 0, 100, 100])
    # half-pixel centres: weights 0, 1/4, 3/4, 1 of the second pixel
    np.testing.assert_array_equal(
        RESIZERS["torch_bilinear"](row, (1, 4))[0, :, 0], [0, 25, 75, 100]
    )


@pytest.mark.parametrize("name", PILLOW)
def test_resizer_is_pillow(name: str) -> None:
    pixels = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(pixels).resize((11, 37), PILLOW[name]))
    np.testing.assert_array_equal(RESIZERS[name](pixels, (37, 11)), expected)


@pytest.mark.parametrize("name", OPENCV)
def test_resizer_is_opencv(name: str) -> None:
    pixels = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    expected = cv2.resize(pixels, (11, 37), interpolation=OPENCV[name])
    np.testing.assert_array_equal(RESIZERS[name](pixels, (37, 11)), expected)


def test_resizer_torch_is_antialiased_like_pillow() -> None:
    pixels = RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    ours = RESIZERS["torch_bilinear"](pixels, (9, 13)).astype(int)
    assert np.abs(ours - RESIZERS["pillow_bilinear"](pixels, (9, 13))).max() <= 1
    plain = torch.nn.functional.interpolate(
        torch.from_numpy(pixels).permute(2, 0, 1)[None].float(), (9, 13), mode="bilinear"
    )
    assert np.abs(ours - plain[0].permute(1, 2, 0).numpy()).max() > 20


@pytest.mark.parametrize("shape", [(9, 13), (55, 71)])
def test_resizer_torch_bicubic_is_pillow_but_for_rounding(shape: tuple[int, int]) -> None:
    grey = RNG.integers(80, 176, (40, 40, 3), dtype=np.uint8)  # no overshoot leaves 0 to 255
    ours = RESIZERS["torch_bicubic"](grey, shape).astype(int)
    assert np.abs(ours - RESIZERS["pillow_bicubic"](grey, shape)).max() <= 1
    # OpenCV takes a = -0.75 for the cubic, both others -0.5
    assert np.abs(ours - RESIZERS["opencv_cubic"](grey, shape)).max() > 3


def test_resizer_torch_bicubic_clips_once() -> None:
    noise = RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    ours = RESIZERS["torch_bicubic"](noise, (55, 71)).astype(int)
    assert np.abs(ours - RESIZERS["pillow_bicubic"](noise, (55, 71))).max() > 3


@everywhere
def test_resizer_refuses_bad_input(name: str) -> None:
    good = np.zeros((4, 4, 3), np.uint8)
    for bad in (good.astype(np.float32), good[..., 0], np.zeros((4, 4, 4), np.uint8)):
        with pytest.raises(ValueError, match=r"resizer\.pixels must be uint8"):
            RESIZERS[name](bad, (2, 2))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"resizer\.shape must be"):
        RESIZERS[name](good, (0, 2))


def test_centre_crop_takes_the_middle() -> None:
    pixels = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
    np.testing.assert_array_equal(centre_crop(pixels, 2), pixels[1:3, 2:4])
    np.testing.assert_array_equal(centre_crop(pixels[None], 2)[0], pixels[1:3, 2:4])
    with pytest.raises(ValueError, match="got 6 for 5 x 6"):
        centre_crop(pixels, 6)


@pytest.mark.parametrize(
    ("height", "width", "box"), [(30, 20, (0, 5, 20, 25)), (20, 30, (5, 0, 25, 20))]
)
def test_fit_square_crops_the_longer_side(
    height: int, width: int, box: tuple[int, int, int, int]
) -> None:
    pixels = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
    expected = Image.fromarray(pixels).crop(box)
    np.testing.assert_array_equal(fit_square(pixels, 20), np.asarray(expected))
    assert fit_square(pixels, 7).shape == (7, 7, 3)


def test_fit_square_refuses_a_strip_that_would_explode() -> None:
    with pytest.raises(ValueError, match="got 1 x 2000000"):
        fit_square(np.zeros((1, 2_000_000, 3), np.uint8), 224)
