"""Image folders: order, labels, geometry, streams, and every way they can be wrong."""

import os
import re
import tarfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from images.datasets import Dataset, load_dataset
from images.decoders import DECODERS
from images.resizers import fit_square


def write(path: Path, shade: int = 0, shape: tuple[int, int] = (8, 8)) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*shape, 3), shade, np.uint8)).save(path)
    return path.read_bytes()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shade = 0
    for split in ("train", "test"):
        for name in ("cat", "Dog"):
            for file in ("10.png", "2.jpg", "a2.jpeg", "a10.PNG"):
                shade += 10
                write(tmp_path / split / name / file, shade)
    return tmp_path


def load(root: Path, size: int = 8) -> Dataset:
    return load_dataset(f"folder:{root}", size)


def test_folder_orders_classes_by_name_and_files_naturally(root: Path) -> None:
    data = load(root)
    assert data.classes == ("Dog", "cat")
    assert data.test.ids[:4] == (
        "test/Dog/2.jpg",
        "test/Dog/10.png",
        "test/Dog/a2.jpeg",
        "test/Dog/a10.PNG",
    )
    assert data.test.labels.tolist() == [0] * 4 + [1] * 4
    # shades were written cat first, and 10 before 2
    assert data.train.pixels[:, 0, 0, 0].tolist() == [60, 50, 70, 80, 20, 10, 30, 40]
    assert data.name == f"folder:{root.name}"
    assert data.notes == ()


def test_folder_gives_the_files_as_streams(root: Path) -> None:
    data = load(root)
    assert data.test.encoded([1, 0]) == [
        (root / "test/Dog/10.png").read_bytes(),
        (root / "test/Dog/2.jpg").read_bytes(),
    ]
    taken = data.test.take(np.array([5]))
    assert taken.encoded([0]) == [(root / "test/cat/10.png").read_bytes()]
    (root / "test/cat/10.png").unlink()
    with pytest.raises(ValueError, match=re.escape(f"got {root}/test/cat/10.png")):
        taken.encoded([0])


def test_folder_brings_images_to_size_and_says_so(root: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 31, 3), dtype=np.uint8)
    Image.fromarray(noise).save(root / "test/Dog/2.jpg")
    write(root / "test/Dog/10.png", 77, (1, 1))
    data = load(root)
    pixels = np.asarray(Image.open(root / "test/Dog/2.jpg"))
    np.testing.assert_array_equal(data.test.pixels[0], fit_square(pixels, 8))
    assert (data.test.pixels[1] == 77).all()
    assert data.notes[0].startswith("2 of 16 images were of another size")


def test_folder_takes_val_for_test_when_there_is_none(root: Path) -> None:
    (root / "test").rename(root / "val")
    assert load(root).test.ids[0] == "val/Dog/2.jpg"
    (root / "val/Dog").rename(root / "val/dog")
    with pytest.raises(ValueError, match=r"same in train/ and val/; got Dog, dog in only one"):
        load(root)


def test_folder_passes_over_hidden_names_and_files_beside_classes(root: Path) -> None:
    expected = load(root).sha256
    (root / "test/.cache").mkdir()
    (root / "test/classes.txt").write_text("Dog cat")
    (root / "test/cat/.DS_Store").write_bytes(b"x")
    assert load(root).sha256 == expected


def test_folder_tells_formats_by_content(root: Path) -> None:
    (root / "test/cat/2.jpg").write_bytes((root / "test/cat/10.png").read_bytes())
    data = load(root)
    np.testing.assert_array_equal(data.test.pixels[4], data.test.pixels[5])


def test_folder_shows_progress(root: Path) -> None:
    seen: list[tuple[int, str]] = []

    def track(items: Iterable[Path], total: int, what: str) -> Iterable[Path]:
        seen.append((total, what))
        return items

    load_dataset(f"folder:{root}", 8, track)
    assert seen == [(8, "reading train images"), (8, "reading test images")]


@pytest.mark.parametrize(("gone", "missing"), [("train", "train/"), ("test", "test/ or val/")])
def test_folder_refuses_a_missing_split(root: Path, gone: str, missing: str) -> None:
    (root / gone).rename(root / "elsewhere")
    with pytest.raises(ValueError, match=re.escape(f"must hold {missing}; got {root} without it")):
        load(root)


def test_folder_refuses_classes_that_differ(root: Path) -> None:
    write(root / "train/emu/1.png")
    with pytest.raises(ValueError, match=r"same in train/ and test/; got emu in only one of them"):
        load(root)


def test_folder_refuses_empty_places(root: Path) -> None:
    (root / "test/emu").mkdir()
    with pytest.raises(ValueError, match=re.escape(f"got none in {root}/test/emu")):
        load(root)
    (root / "val").mkdir()
    (root / "test").rename(root / "elsewhere")
    with pytest.raises(
        ValueError, match=re.escape(f"one folder per class; got {root}/val with none")
    ):
        load(root)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must be a complete JPEG or PNG; got 0 bytes"),
        (b"hello", "must be a complete JPEG or PNG; got 5 bytes"),
        (None, "must be a complete JPEG or PNG"),
    ],
)
def test_folder_names_an_unreadable_image(root: Path, content: bytes | None, message: str) -> None:
    path = root / "test/cat/2.jpg"
    path.write_bytes(path.read_bytes()[:-30] if content is None else content)
    with pytest.raises(ValueError, match=message) as caught:
        load(root)
    assert str(caught.value).startswith(f"{path}: image.stream")
    assert "\n" not in str(caught.value)


def test_folder_refuses_a_folder_among_images(root: Path) -> None:
    (root / "test/cat/deeper").mkdir()
    with pytest.raises(ValueError, match=re.escape(f"got {root}/test/cat/deeper, which is none")):
        load(root)


@pytest.fixture(scope="module")
def cifar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 400 training and 200 test images of the reference CIFAR-10 JPEG copy."""
    reference = os.environ.get("ROBUSTSCOPE_REFERENCE")
    if not reference:
        pytest.skip("ROBUSTSCOPE_REFERENCE is not set: no reference images")
    target = tmp_path_factory.mktemp("cifar")
    counts: dict[Path, int] = {}
    with tarfile.open(Path(reference) / "cifar10-jpeg.tar.xz") as archive:
        for member in archive:
            path = target / member.name
            limit = 40 if "/train/" in member.name else 20
            if member.isfile() and counts.get(path.parent, 0) < limit:
                counts[path.parent] = counts.get(path.parent, 0) + 1
                archive.extract(member, target, filter="data")
    return target / "cifar10"


@pytest.mark.reference
@pytest.mark.slow
def test_folder_reads_real_images(cifar: Path) -> None:
    start = time.process_time()
    data = load(cifar, 32)
    assert time.process_time() - start < 2  # 60,000 in well under a minute is 0.6 s for 600
    assert (len(data.train), len(data.test), len(data.classes)) == (400, 200, 10)
    stream = data.test.encoded([0])[0]
    np.testing.assert_array_equal(data.test.pixels[0], DECODERS["pillow"](stream))
    gaps = [
        np.abs(DECODERS["ffmpeg"](s).astype(int) - p).mean()
        for s, p in zip(data.test.encoded(range(50)), data.test.pixels[:50], strict=True)
    ]
    assert 0.1 < np.mean(gaps) < 5  # another decoder, the same picture
