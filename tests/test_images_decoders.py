"""Decoders: one contract over the table, colours against known values, bad streams refused."""

import contextlib
import io
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from images.decoders import DECODERS, REQUIREMENTS
from images.streams import encode_jpeg

RNG = np.random.default_rng(7)
PATTERN = RNG.integers(0, 256, (7, 9, 4), dtype=np.uint8)
everywhere = pytest.mark.parametrize("name", DECODERS)


def stream(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def flat(colour: tuple[int, int, int], side: int = 8) -> NDArray[np.uint8]:
    return np.full((side, side, 3), colour, np.uint8)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int, depth: int) -> bytes:
    body = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", body) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@everywhere
@pytest.mark.parametrize(
    "colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (16, 16, 16), (250,) * 3]
)
def test_decoder_keeps_flat_colours(name: str, colour: tuple[int, int, int]) -> None:
    pixels = DECODERS[name](encode_jpeg(flat(colour)))
    assert pixels.shape == (8, 8, 3)
    assert pixels.dtype == np.uint8
    # 8-bit YCbCr cannot hold every colour; a wrong range or channel order is off by 15 or more
    assert np.abs(pixels.astype(int) - colour).max() <= 3


@everywhere
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_decoder_converts_png_modes_to_rgb(name: str, mode: str) -> None:
    rgb, grey = PATTERN[..., :3].copy(), PATTERN[..., 0].copy()
    alpha = Image.fromarray(PATTERN[..., 3].copy())
    spread = np.repeat(grey[..., None], 3, axis=-1)
    palette = Image.fromarray(rgb).quantize(60)
    colours = np.array(palette.getpalette(), np.uint8).reshape(-1, 3)
    image, expected = {
        "RGB": (Image.fromarray(rgb), rgb),
        "RGBA": (Image.fromarray(PATTERN), rgb),  # alpha dropped, not blended
        "L": (Image.fromarray(grey), spread),
        "LA": (Image.merge("LA", (Image.fromarray(grey), alpha)), spread),
        "P": (palette, colours[np.asarray(palette)]),
        "1": (Image.fromarray(grey > 99), np.where(spread > 99, 255, 0)),
    }[mode]
    assert image.mode == mode
    np.testing.assert_array_equal(DECODERS[name](stream(image)), expected)


@everywhere
def test_decoder_drops_palette_transparency(name: str) -> None:
    palette = Image.fromarray(PATTERN[..., :3].copy()).quantize(60)
    plain = stream(palette)
    clear = stream(palette, transparency=bytes(range(60)))
    np.testing.assert_array_equal(DECODERS[name](clear), DECODERS[name](plain))


@everywhere
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_decoder_applies_exif_orientation(name: str, kind: str, orientation: int) -> None:
    ramp = np.zeros((8, 16, 3), np.uint8)
    ramp[..., 0] = np.linspace(0, 240, 16)
    ramp[..., 1] = np.linspace(0, 240, 8)[:, None]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = stream(
        Image.fromarray(ramp),
        kind,
        exif=exif,
        **({} if kind == "PNG" else {"quality": 98, "subsampling": 0}),
    )
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))  # Pillow's own reading
    expected = np.asarray(turned).astype(int)
    found = DECODERS[name](data)
    assert found.shape == expected.shape
    assert found.flags.c_contiguous
    assert np.abs(found - expected).mean() < 4  # other turns are off by 50 or more


@everywhere
@pytest.mark.parametrize("block", [b"Exif\x00\x00garbage", b"Exif\x00\x00MM\x00*\xff\xff\xff\xff"])
def test_decoder_ignores_damaged_exif(name: str, block: bytes) -> None:
    assert DECODERS[name](stream(Image.fromarray(flat((9, 9, 9))), "JPEG", exif=block)).shape == (
        8,
        8,
        3,
    )


@everywhere
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3), (2, 2), (33, 17)])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_decoder_reads_any_shape(name: str, shape: tuple[int, int], subsampling: int) -> None:
    image = Image.fromarray(np.full((*shape, 3), (200, 120, 40), np.uint8))
    pixels = DECODERS[name](stream(image, "JPEG", quality=95, subsampling=subsampling))
    assert pixels.shape == (*shape, 3)
    assert np.abs(pixels.astype(int) - (200, 120, 40)).max() <= 3


@everywhere
def test_decoder_converts_cmyk(name: str) -> None:
    cmyk = Image.fromarray(flat((200, 120, 40), 16)).convert("CMYK")
    pixels = DECODERS[name](stream(cmyk, "JPEG", quality=95))
    assert np.abs(pixels.astype(int) - (200, 120, 40)).max() <= 5


@everywhere
def test_decoder_reads_jpegs_that_store_rgb(name: str) -> None:
    rgb = np.full((16, 16, 3), (200, 120, 40), np.uint8)
    pixels = DECODERS[name](stream(Image.fromarray(rgb), "JPEG", quality=95, keep_rgb=True))
    assert np.abs(pixels.astype(int) - rgb).max() <= 2


@everywhere
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_decoder_spreads_grey_over_three_channels(name: str, kind: str) -> None:
    ramp = np.linspace(0, 255, 16 * 24).reshape(16, 24).astype(np.uint8)
    pixels = DECODERS[name](stream(Image.fromarray(ramp), kind))
    assert pixels.shape == (16, 24, 3)
    assert (pixels == pixels[..., :1]).all()
    assert np.abs(pixels[..., 0].astype(int) - ramp).max() <= 8 * (kind == "JPEG")


@everywhere
@pytest.mark.parametrize(("kind", "mark"), [("PNG", b"acTL"), ("MPO", b"MPF")])
def test_decoder_takes_the_first_of_several_images(name: str, kind: str, mark: bytes) -> None:
    frames = [Image.fromarray(flat(colour)) for colour in ((9, 8, 7), (200, 100, 50))]
    data = stream(frames[0], kind, save_all=True, append_images=frames[1:])
    assert mark in data
    assert np.abs(DECODERS[name](data).astype(int) - (9, 8, 7)).max() <= 3


@everywhere
def test_decoder_returns_writable_pixels_of_its_own(name: str) -> None:
    data = encode_jpeg(flat((10, 20, 30)))
    first = DECODERS[name](data)
    first[:] = 0
    assert DECODERS[name](data).max() > 0


def test_opencv_decoder_is_opencv() -> None:
    data = encode_jpeg(np.tile(PATTERN[..., :3], (4, 4, 1)))
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    expected = bgr[..., ::-1]
    np.testing.assert_array_equal(DECODERS["opencv"](data), expected)


def photo() -> NDArray[np.uint8]:
    """Colour edges and gradients: what inverse DCTs and chroma interpolation disagree on."""
    small = np.random.default_rng(1).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((160, 120), Image.Resampling.BICUBIC))


def from_pillow(name: str, subsampling: int) -> NDArray[np.int64]:
    data = stream(Image.fromarray(photo()), "JPEG", quality=90, subsampling=subsampling)
    return np.abs(DECODERS[name](data).astype(int) - DECODERS["pillow"](data))


def test_opencv_decodes_like_pillow() -> None:
    assert from_pillow("opencv", 2).max() == 0


@pytest.mark.parametrize("name", ["kornia_rs", "turbojpeg_fast_dct", "turbojpeg_fast_upsampling"])
def test_optional_decoder_differs_from_pillow_by_little(name: str) -> None:
    assert name in REQUIREMENTS
    if name not in DECODERS:
        pytest.skip(f"{name} needs {REQUIREMENTS[name]}")
    assert 0 < from_pillow(name, 2).mean() < 8
    # with chroma at full resolution nothing is upsampled: inverse DCTs differ by a few levels
    assert from_pillow(name, 0).max() <= (0 if name == "turbojpeg_fast_upsampling" else 8)


def test_optional_decoders_are_missing_without_their_packages() -> None:
    hide = "import sys; sys.modules.update(kornia_rs=None, turbojpeg=None)"
    show = "from images.decoders import DECODERS; print(*DECODERS)"
    command = [sys.executable, "-c", f"{hide}; {show}"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.split() == [name for name in DECODERS if name not in REQUIREMENTS]


BAD = {
    "empty": (b"", "without a usable header"),
    "text": (b"not an image at all", "without a usable header"),
    "gif": (stream(Image.fromarray(flat((1, 2, 3))), "GIF"), "without a usable header"),
    "null bytes": (bytes(5000), "without a usable header"),
    "jpeg start alone": (b"\xff\xd8\xff\xe0", "without a usable header"),
    "half jpeg": (encode_jpeg(flat((1, 2, 3), 32))[:-20], "without the end marker"),
    "half png": (stream(Image.fromarray(PATTERN))[:-16], "without the end marker"),
    "16-bit rgb": (cv2.imencode(".png", np.zeros((4, 4, 3), np.uint16))[1].tobytes(), "8 bits"),
    "16-bit grey": (cv2.imencode(".png", np.zeros((4, 4), np.uint16))[1].tobytes(), "8 bits"),
    "bomb": (png_header(20_000, 20_000, 8), "at most 89478485 pixels"),
    "large": (png_header(10_000, 10_000, 8), "at most 89478485 pixels"),  # Pillow only warns
    "no pixels": (png_header(4, 4, 8), "must be readable"),
}


@everywhere
@pytest.mark.parametrize("case", BAD)
def test_decoder_refuses_bad_streams_in_one_line(name: str, case: str) -> None:
    data, message = BAD[case]
    with pytest.raises(ValueError, match=message) as caught:
        DECODERS[name](data)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("image.")


@everywhere
def test_decoder_survives_damage(name: str) -> None:
    rng = np.random.default_rng(3)
    noise = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
    for data in [stream(noise, "JPEG"), stream(noise)] * 40:
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), 4):
            damaged[place] = rng.integers(0, 256)
        with contextlib.suppress(ValueError):  # any other error fails the test
            assert DECODERS[name](bytes(damaged)).shape[2] == 3
