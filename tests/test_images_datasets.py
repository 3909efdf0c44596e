"""Data sets: digits against scikit-learn, the hash, subsets, specifications."""

import hashlib
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from images.datasets import Dataset, ImageSet, load_dataset
from images.streams import encode_jpeg

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", 16)


def test_digits_split_is_stratified_and_complete(digits: Dataset) -> None:
    assert (len(digits.train), len(digits.test)) == (1400, 397)
    target = load_digits().target
    wanted = np.bincount(target) * 397 / 1797
    assert np.abs(np.bincount(digits.test.labels) - wanted).max() < 1
    positions = [int(name.split("/")[1]) for name in digits.train.ids + digits.test.ids]
    assert sorted(positions) == list(range(1797))
    np.testing.assert_array_equal(target[positions[:1400]], digits.train.labels)


def test_digits_split_is_the_same_everywhere(digits: Dataset) -> None:
    ids = hashlib.sha256("\n".join(digits.test.ids).encode()).hexdigest()
    assert ids == "b21842946152f6635d2257296b8a5e3d81fa428ef37bd35b4e030aa352552d5c"


def test_digits_pixels_are_resized_originals(digits: Dataset) -> None:
    position = int(digits.test.ids[5].split("/")[1])
    grey = np.rint(load_digits().images[position] * 255 / 16).astype(np.uint8)
    expected = Image.fromarray(grey).convert("RGB").resize((16, 16), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(digits.test.pixels[5], np.asarray(expected))


def test_digits_streams_are_jpeg_of_native_size(digits: Dataset) -> None:
    data = digits.test.encoded([5, 0])
    assert data == digits.test.take(np.array([5, 0])).encoded([0, 1])
    image = Image.open(io.BytesIO(data[0]))
    assert (image.format, image.size) == ("JPEG", (8, 8))
    position = int(digits.test.ids[5].split("/")[1])
    original = load_digits().images[position] * 255 / 16
    assert np.abs(np.asarray(image.convert("L")) - original).mean() < 3
    assert "quality 95, 4:4:4" in digits.notes[0]


def test_digits_at_native_size_are_not_resized() -> None:
    native = load_dataset("digits", 8)
    assert set(np.unique(native.test.pixels)) <= set(np.rint(np.arange(17) * 255 / 16))
    assert len(native.notes) == 1


def tiny(labels: tuple[int, ...] = (0, 1)) -> Dataset:
    pixels = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    split = ImageSet(pixels, np.array(labels), ("test/0", "test/1"), pixels)
    return Dataset("tiny", 4, ("a", "b"), split, split)


def test_sha256_is_over_classes_pixels_labels_and_ids() -> None:
    part = (
        json.dumps([[2, 4, 4, 3], ["test/0", "test/1"]]).encode()
        + bytes(range(96))
        + (0).to_bytes(8, "little")
        + (1).to_bytes(8, "little")
    )
    expected = hashlib.sha256(json.dumps(["a", "b"]).encode() + part + part).hexdigest()
    assert tiny().sha256 == expected


def test_sha256_changes_with_every_part() -> None:
    whole = tiny()
    pixels = whole.test.pixels.copy()
    pixels[1, 2, 3, 0] ^= 1
    changed = (
        tiny((1, 0)),
        replace(whole, classes=("a", "c")),
        replace(whole, test=replace(whole.test, pixels=pixels)),
        replace(whole, test=replace(whole.test, ids=("test/0", "test/2"))),
    )
    assert len({whole.sha256, *(data.sha256 for data in changed)}) == 5
    assert replace(whole, notes=("x",)).sha256 == whole.sha256


def test_take_keeps_everything_in_the_order_asked() -> None:
    taken = tiny().test.take(np.array([1, 0, 1]))
    assert taken.ids == ("test/1", "test/0", "test/1")
    assert taken.labels.tolist() == [1, 0, 1]
    assert len(taken) == 3
    assert taken.encoded([2]) == [encode_jpeg(tiny().test.pixels[1])]


def test_image_set_refuses_unequal_lengths() -> None:
    pixels = np.zeros((2, 4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="of one length above 0; got 2, 1, 2, 2"):
        ImageSet(pixels, np.array([0]), ("a", "b"), pixels)
    with pytest.raises(ValueError, match="got 0, 0, 0, 0"):
        ImageSet(pixels[:0], np.array([], np.int64), (), ())


@pytest.mark.parametrize(
    "spec", ["", "digit", "digits:x", "cifar10", "cifar10:", "folder", "mnist:x"]
)
def test_load_dataset_refuses_unknown_specifications(spec: str) -> None:
    with pytest.raises(ValueError, match=r"data\.spec must be digits, cifar10:PATH or folder:PATH"):
        load_dataset(spec, 16)


def test_loading_needs_no_torch() -> None:
    code = "import sys, images.datasets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("kind", ["cifar10", "folder"])
def test_load_dataset_names_a_missing_path(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"data.path must exist; got {tmp_path}/nowhere"):
        load_dataset(f"{kind}:{tmp_path}/nowhere", 16)


def test_load_dataset_refuses_a_file_as_folder_and_no_size(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(ValueError, match=f"must be a folder; got {file}"):
        load_dataset(f"folder:{file}", 16)
    with pytest.raises(ValueError, match=r"data\.size must be at least 1 pixel; got 0"):
        load_dataset("digits", 0)
