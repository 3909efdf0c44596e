"""System noise: one contract over the table, the geometry by hand, distinct variants."""

import io
import os
import tarfile
from dataclasses import FrozenInstanceError, asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from images.colour import COLOURS
from images.datasets import load_dataset
from images.decoders import DECODERS, REQUIREMENTS
from images.resizers import RESIZERS, resize_all
from images.streams import encode_jpeg
from noises.system import (
    EXTRA_CHOICES,
    REFERENCE,
    SYSTEM_NOISES,
    Comparison,
    SystemNoise,
    find_system_noise,
    render_all,
    resize_side,
)

HERE = [n for n, choice in EXTRA_CHOICES.items() if choice.get("decoder", "pillow") in DECODERS]
everywhere = pytest.mark.parametrize("name", [*SYSTEM_NOISES, *HERE])
RNG = np.random.default_rng(2)


def streams(count: int, shape: tuple[int, int] = (12, 15)) -> list[bytes]:
    return [encode_jpeg(RNG.integers(0, 256, (*shape, 3), dtype=np.uint8)) for _ in range(count)]


def test_system_noises_change_one_choice_each() -> None:
    origin = SYSTEM_NOISES[REFERENCE]
    assert (origin.decoder, origin.resizer, origin.colour) == ("pillow", "pillow_bilinear", "")
    assert next(iter(SYSTEM_NOISES)) == REFERENCE
    changes = [
        {
            k: v
            for k, v in asdict(noise).items()
            if v != asdict(origin)[k] and k in ("decoder", "resizer", "colour")
        }
        for noise in list(SYSTEM_NOISES.values())[1:]
    ]
    assert all(len(change) == 1 for change in changes)
    resizers = {c["resizer"] for c in changes if "resizer" in c}
    decoders = {c["decoder"] for c in changes if "decoder" in c}
    assert resizers == set(RESIZERS) - {origin.resizer} - set(EXTRA_CHOICES)
    assert decoders == set(DECODERS) - {origin.decoder} - set(REQUIREMENTS)
    assert {c["colour"] for c in changes if "colour" in c} == set(COLOURS)
    assert len(changes) >= 13


@everywhere
def test_system_noise_renders_its_contract(name: str) -> None:
    noise = find_system_noise(name)
    encoded = streams(3)
    before = list(encoded)
    pixels = noise.render(encoded, 16)
    assert (noise.name, noise.family) == (name, "system")
    assert noise.source
    assert pixels.shape == (3, 16, 16, 3)
    assert pixels.dtype == np.uint8
    assert encoded == before
    np.testing.assert_array_equal(noise.render(encoded[::-1], 16), pixels[::-1])
    with pytest.raises(FrozenInstanceError):
        noise.decoder = "opencv"  # type: ignore[misc]


@everywhere
def test_system_noise_resizes_straight_to_a_square_and_crops(name: str) -> None:
    noise = find_system_noise(name)
    encoded = streams(1, (12, 30))[0]
    decoded = DECODERS[noise.decoder](encoded)
    through = COLOURS[noise.colour](decoded) if noise.colour else decoded
    expected = RESIZERS[noise.resizer](through, (19, 19))[1:17, 1:17]
    np.testing.assert_array_equal(noise.render([encoded], 16)[0], expected)


def test_reference_is_pillow_alone() -> None:
    encoded = streams(1)[0]
    image = Image.open(io.BytesIO(encoded)).resize((37, 37), Image.Resampling.BILINEAR)
    expected = np.asarray(image.crop((2, 2, 34, 34)))
    np.testing.assert_array_equal(SYSTEM_NOISES[REFERENCE].render([encoded], 32)[0], expected)


@pytest.mark.parametrize(("size", "side"), [(16, 19), (32, 37), (224, 256), (7, 8), (1, 2)])
def test_resize_side_is_eight_sevenths(size: int, side: int) -> None:
    assert resize_side(size) == side


@everywhere
def test_system_noise_renders_a_single_pixel(name: str) -> None:
    pixels = find_system_noise(name).render([encode_jpeg(np.full((1, 1, 3), 90, np.uint8))], 8)
    assert np.abs(pixels.astype(int) - 90).max() <= 1


def test_render_all_equals_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = streams(2)
    calls: list[str] = []
    for name, decode in list(DECODERS.items()):

        def counted(data: bytes, name: str = name, decode: object = decode) -> NDArray[np.uint8]:
            calls.append(name)
            return decode(data)  # type: ignore[operator,no-any-return]

        monkeypatch.setitem(DECODERS, name, counted)
    variants = [find_system_noise(name) for name in [*SYSTEM_NOISES, *HERE]]
    rendered = render_all(variants, encoded, 16)
    assert sorted(calls) == sorted([*DECODERS, *DECODERS])  # once per decoder and stream
    assert list(rendered) == [*SYSTEM_NOISES, *HERE]
    for noise in variants:
        np.testing.assert_array_equal(rendered[noise.name], noise.render(encoded, 16))


def test_render_all_does_the_work_of_equal_decoders_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(*arguments: Any) -> dict[str, NDArray[np.uint8]]:
        calls.append(1)
        return resize_all(*arguments)

    monkeypatch.setattr("noises.system.rendering.resize_all", counted)
    names = ("pillow", "opencv", "ffmpeg")  # the first two agree on every pixel
    variants = [SystemNoise(name, decoder=name, resizer="pillow_box") for name in names]
    encoded = streams(3)
    rendered = render_all(variants, encoded, 16)
    assert len(calls) == 2 * len(encoded)
    for variant in variants:
        np.testing.assert_array_equal(rendered[variant.name], variant.render(encoded, 16))


def test_twins_and_distances_cover_decoders() -> None:
    rows = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    photo = np.asarray(Image.fromarray(rows).resize((80, 60), Image.Resampling.BICUBIC))
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", quality=90, subsampling=2)
    variants = [SYSTEM_NOISES[n] for n in (REFERENCE, "opencv_decoder", "ffmpeg_decoder")]
    rendered = render_all(variants, [buffer.getvalue()], 32)
    comparison = compared(rendered)
    assert comparison.twins() == {"opencv_decoder": REFERENCE}
    distances = comparison.distances()
    assert distances["opencv_decoder"].maximum == 0
    assert distances["ffmpeg_decoder"].mean > 0


def test_extra_variants_are_in_no_table_but_have_names() -> None:
    assert not set(EXTRA_CHOICES) & set(SYSTEM_NOISES)
    for name in HERE:
        noise = find_system_noise(name)
        choices = {"decoder": "pillow", "resizer": "pillow_bilinear"} | EXTRA_CHOICES[name]
        assert {k: getattr(noise, k) for k in choices} == choices
    assert find_system_noise("i420") is SYSTEM_NOISES["i420"]
    with pytest.raises(ValueError, match=r"one of system_reference, .*torch_bicubic.*; got 'gimp'"):
        find_system_noise("gimp")


def test_variant_whose_decoder_is_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in REQUIREMENTS:
        monkeypatch.delitem(DECODERS, name, raising=False)
    for name, choice in EXTRA_CHOICES.items():
        if "decoder" in choice:
            with pytest.raises(
                ValueError, match=r"must be installed; got .* Install the"
            ) as caught:
                find_system_noise(name)
            assert "\n" not in str(caught.value)


def compared(rendered: dict[str, np.ndarray], reference: str = REFERENCE) -> Comparison:
    """Two blocks of images, one after the other."""
    comparison = Comparison(reference)
    for part in (slice(0, 1), slice(1, None)):
        comparison.add({name: pixels[part] for name, pixels in rendered.items()})
    return comparison


def test_twins_name_the_earliest_of_equal_pixels() -> None:
    zero, one = np.zeros((2, 3, 3, 3), np.uint8), np.ones((2, 3, 3, 3), np.uint8)
    almost = zero.copy()
    almost[1, 2, 2, 2] = 1
    rendered = {"a": zero, "b": one, "c": zero.copy(), "d": almost, "e": one[::-1]}
    assert compared(rendered, "a").twins() == {"c": "a", "e": "b"}


def test_distance_is_largest_and_mean_difference() -> None:
    base = np.full((2, 2, 1, 3), 100, np.uint8)
    other = base.copy()
    other[0, 0, 0] = (90, 100, 102)
    other[1, 1, 0] = (88, 100, 100)
    found = compared({REFERENCE: base, "x": other}).distances()
    assert (found["x"].maximum, found["x"].mean) == (12, 2.0)
    assert (found[REFERENCE].maximum, found[REFERENCE].mean) == (0, 0.0)
    assert compared({REFERENCE: base, "x": other}, "x").distances()[REFERENCE] == found["x"]
    with pytest.raises(ValueError, match=r"must be rendered too; got 'system_reference'"):
        compared({"x": other})


@pytest.mark.parametrize("field", ["decoder", "resizer", "colour"])
def test_system_noise_refuses_unknown_choices(field: str) -> None:
    with pytest.raises(ValueError, match=rf"SystemNoise\.{field} must be one of .*; got 'gimp'"):
        SystemNoise("mine", **{field: "gimp"})


def distinct(encoded: list[bytes], size: int) -> set[str]:
    rendered = render_all(SYSTEM_NOISES.values(), encoded, size)
    return set(rendered) - set(compared(rendered).twins()) - {REFERENCE}


def test_digits_have_eight_distinct_variants() -> None:
    test = load_dataset("digits", 16).test
    found = distinct(test.encoded(range(60)), 16)
    assert len(found) >= 8
    assert "ffmpeg_decoder" in found


@pytest.mark.reference
@pytest.mark.parametrize(
    ("archive", "size"), [("cifar10-jpeg.tar.xz", 32), ("imagenet-sample-224.tar", 224)]
)
def test_reference_images_have_eight_distinct_variants(archive: str, size: int) -> None:
    folder = os.environ.get("ROBUSTSCOPE_REFERENCE")
    if not folder:
        pytest.skip("ROBUSTSCOPE_REFERENCE is not set: no reference images")
    with tarfile.open(Path(folder) / archive) as content:
        files = (content.extractfile(m) for m in content if m.name.endswith(".jpg"))
        encoded = [file.read() for file in islice(files, 20) if file is not None]
    found = distinct(encoded, size)
    assert len(found) >= 8
    assert {"ffmpeg_decoder", "i420", "nv12"} <= found
