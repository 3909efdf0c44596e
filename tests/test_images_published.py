"""Published sets: small trees in their layouts, and every way they can be wrong."""

import io
import os
import re
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from images.cifar10_c import open_cifar10_c
from images.datasets import load_dataset
from images.published import Corrupted, CorruptedFiles, list_imagenet_c, list_imagenet_subset
from images.resizers import RESIZERS, fit_square
from noises.draws import generators
from noises.natural.table import NATURAL_NOISES

CLASSES = ("n01", "n02", "n03")
RNG = np.random.default_rng(5)


def write(path: Path, size: int = 8) -> NDArray[np.uint8]:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(path, quality=95)
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture
def imagenet_c(tmp_path: Path) -> Path:
    """Two corruptions, one under its archive's folder; classes n01 and n03, three images."""
    for corruption in ("weather/fog", "contrast"):
        for severity in "12345":
            for name in ("n03/val_2.JPEG", "n03/val_10.JPEG", "n01/val_1.JPEG"):
                write(tmp_path / corruption / severity / name)
    (tmp_path / "weather" / "fog" / "3" / "log.txt").write_text("")
    return tmp_path


def write_cifar10_c(root: Path, count: int = 12) -> Path:
    root.mkdir(exist_ok=True)
    for name in ("fog", "contrast"):
        np.save(root / name, RNG.integers(0, 256, (5 * count, 32, 32, 3), dtype=np.uint8))
    np.save(root / "labels", np.tile(np.arange(count) % 10, 5).astype(np.uint8))
    (root / "README.txt").write_text("")
    return root


@pytest.fixture(params=["files", "arrays"])
def corrupted(request: pytest.FixtureRequest) -> Corrupted:
    if request.param == "files":
        files: CorruptedFiles = list_imagenet_c(request.getfixturevalue("imagenet_c"), CLASSES)
        return files
    return open_cifar10_c(write_cifar10_c(request.getfixturevalue("tmp_path") / "c"))


def test_corrupted_sets_keep_one_contract(corrupted: Corrupted) -> None:
    assert corrupted.conditions == tuple((n, s) for n in ("contrast", "fog") for s in range(1, 6))
    whole, _ = corrupted.read(("fog", 2), 32)
    assert whole.pixels.shape == (len(corrupted.ids), 32, 32, 3)
    assert whole.ids == corrupted.ids
    np.testing.assert_array_equal(whole.labels, corrupted.labels)
    part, _ = corrupted.read(("fog", 2), 32, np.array([2, 0]))
    assert part.ids == (corrupted.ids[2], corrupted.ids[0])
    assert part.labels.tolist() == corrupted.labels[[2, 0]].tolist()
    np.testing.assert_array_equal(part.pixels, whole.pixels[[2, 0]])
    assert len(part.encoded([1])) == 1
    other, _ = corrupted.read(("fog", 3), 32)
    assert (other.pixels != whole.pixels).any()


@pytest.mark.parametrize("condition", [("snow", 1), ("fog", 0), ("fog", 6)])
def test_corrupted_sets_refuse_other_conditions(
    corrupted: Corrupted, condition: tuple[str, int]
) -> None:
    message = f"one of contrast, fog at severity 1 to 5; got {condition[0]} at {condition[1]}"
    with pytest.raises(ValueError, match=message):
        corrupted.read(condition, 32)


def test_imagenet_c_reads_files_unchanged_at_their_size(imagenet_c: Path) -> None:
    corrupted = list_imagenet_c(imagenet_c, CLASSES)
    assert corrupted.ids == tuple(
        f"imagenet_c/{name}" for name in ("n01/val_1.JPEG", "n03/val_2.JPEG", "n03/val_10.JPEG")
    )
    assert corrupted.labels.tolist() == [0, 2, 2]
    images, notes = corrupted.read(("fog", 4), 8)
    file = imagenet_c / "weather/fog/4/n03/val_10.JPEG"
    np.testing.assert_array_equal(images.pixels[2], np.asarray(Image.open(file)))
    assert images.encoded([2]) == [file.read_bytes()]
    assert notes == ()


def test_imagenet_c_at_another_size_is_resized_and_says_so(imagenet_c: Path) -> None:
    file = imagenet_c / "contrast/1/n01/val_1.JPEG"
    images, notes = list_imagenet_c(imagenet_c, CLASSES).read(("contrast", 1), 5, [0])
    np.testing.assert_array_equal(images.pixels[0], fit_square(np.asarray(Image.open(file)), 5))
    assert notes[0].startswith("1 of 1 images were of another size")


def test_imagenet_c_shows_progress(imagenet_c: Path) -> None:
    seen: list[tuple[int, str]] = []

    def track(items: Iterable[Path], total: int, what: str) -> Iterable[Path]:
        seen.append((total, what))
        return items

    list_imagenet_c(imagenet_c, CLASSES).read(("fog", 1), 8, None, track)
    assert seen == [(3, "reading imagenet_c images")]


def test_imagenet_c_refuses_a_missing_severity(imagenet_c: Path) -> None:
    shutil.rmtree(imagenet_c / "weather/fog/3")
    with pytest.raises(ValueError, match=re.escape(f"got no {imagenet_c}/weather/fog/3. Unpack")):
        list_imagenet_c(imagenet_c, CLASSES)


def test_imagenet_c_refuses_classes_that_differ(imagenet_c: Path) -> None:
    with pytest.raises(ValueError, match=r"imagenet_c\.classes must be among the 2 .* got n03"):
        list_imagenet_c(imagenet_c, CLASSES[:2])
    shutil.rmtree(imagenet_c / "weather/fog/5/n01")
    with pytest.raises(ValueError, match=r"same under every condition; got n01 in only one of"):
        list_imagenet_c(imagenet_c, CLASSES)


def test_imagenet_c_names_a_damaged_and_a_missing_file(imagenet_c: Path) -> None:
    corrupted = list_imagenet_c(imagenet_c, CLASSES)
    path = imagenet_c / "weather/fog/1/n03/val_2.JPEG"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=re.escape(f"{path}: image.stream must be a complete")):
        corrupted.read(("fog", 1), 8)
    path.unlink()
    with pytest.raises(ValueError, match=re.escape(f"data.file must be readable; got {path}")):
        corrupted.read(("fog", 1), 8, [1])
    corrupted.read(("fog", 1), 8, [0, 2])


def test_imagenet_c_refuses_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"one folder per corruption; got {tmp_path} with none"):
        list_imagenet_c(tmp_path, CLASSES)
    with pytest.raises(ValueError, match=r"must be a readable folder; got .*/nowhere \(No such"):
        list_imagenet_c(tmp_path / "nowhere", CLASSES)


@pytest.mark.parametrize("name", ["imagenet_a", "imagenet_o"])
def test_imagenet_subset_labels_count_in_the_classes_given(tmp_path: Path, name: str) -> None:
    pixels = write(tmp_path / "n03" / "0.0_fox _ fox_0.9.jpg", 12)
    write(tmp_path / "n02" / "b.jpg")
    (tmp_path / "README.txt").write_text("")
    listing = list_imagenet_subset(tmp_path, name, CLASSES)
    assert listing.covered.tolist() == [1, 2]
    assert listing.ids == (f"{name}/n02/b.jpg", f"{name}/n03/0.0_fox _ fox_0.9.jpg")
    images, resized = listing.read(8)
    assert (images.labels.tolist(), resized) == ([1, 2], 1)
    np.testing.assert_array_equal(images.pixels[1], fit_square(pixels, 8))


def test_imagenet_subset_refuses_unknown_and_empty_classes(tmp_path: Path) -> None:
    write(tmp_path / "n09" / "a.jpg")
    with pytest.raises(ValueError, match=r"imagenet_a\.classes must be among the 3 .* got n09"):
        list_imagenet_subset(tmp_path, "imagenet_a", CLASSES)
    (tmp_path / "n02").mkdir()
    with pytest.raises(ValueError, match=re.escape(f"got none in {tmp_path}/n02")):
        list_imagenet_subset(tmp_path, "imagenet_a", CLASSES)


def test_cifar10_c_gives_blocks_of_the_arrays_without_copying(tmp_path: Path) -> None:
    corrupted = open_cifar10_c(write_cifar10_c(tmp_path))
    stored = np.load(tmp_path / "fog.npy")
    for severity in (1, 5):
        images, notes = corrupted.read(("fog", severity), 32)
        block = stored[12 * (severity - 1) : 12 * severity]
        np.testing.assert_array_equal(images.pixels, block)
        assert images.pixels.base is not None
        assert np.shares_memory(images.pixels, corrupted.arrays["fog"])
    assert images.ids[:2] == ("test/00", "test/01")
    assert images.labels.dtype == np.int64
    assert len(notes) == 1
    smaller, notes = corrupted.read(("fog", 5), 16, [3])
    expected = RESIZERS["pillow_bilinear"](block[3], (16, 16))
    np.testing.assert_array_equal(smaller.pixels[0], expected)
    assert notes[1] == "cifar10_c images are resized from 32 to 16 px by pillow_bilinear."


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, ("obeyed",))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([Harmful()], object), "must be a whole .npy file of numbers"),
        (np.zeros((60, 32, 32, 3), np.float32), "got float32 of shape (60, 32, 32, 3)"),
        (np.zeros((60, 3, 32, 32), np.uint8), "got uint8 of shape (60, 3, 32, 32)"),
        (np.zeros((55, 32, 32, 3), np.uint8), "as many as labels, 60; got 55"),
        (b"", "must be a whole .npy file of numbers"),
        (b"\x80\x04\x95", "must be a whole .npy file of numbers"),
    ],
)
def test_cifar10_c_refuses_other_arrays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, array: NDArray[np.uint8] | bytes, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_cifar10_c(tmp_path) / "fog.npy"
    if isinstance(array, bytes):
        path.write_bytes(array)
    else:
        np.save(path, array, allow_pickle=True)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        open_cifar10_c(tmp_path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "obeyed").exists()


def test_cifar10_c_refuses_a_truncated_array(tmp_path: Path) -> None:
    path = write_cifar10_c(tmp_path) / "fog.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"must be a whole \.npy file of numbers; got"):
        open_cifar10_c(tmp_path)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.arange(60) % 10, "same for each of 5 severities; got 60"),
        (np.zeros(59, int), "same for each of 5 severities; got 59"),
        (np.full(60, 10), "must be 0 to 9; got 10 to 10"),
        (np.zeros(60), "got float64 of shape (60,)"),
        (np.zeros((60, 1), int), "got int64 of shape (60, 1)"),
        (np.zeros(0, int), "/labels.npy"),  # whatever NumPy says of nothing to map
    ],
)
def test_cifar10_c_refuses_other_labels(
    tmp_path: Path, labels: NDArray[np.int64], message: str
) -> None:
    np.save(write_cifar10_c(tmp_path) / "labels", labels)
    with pytest.raises(ValueError, match=re.escape(message)):
        open_cifar10_c(tmp_path)


def test_cifar10_c_refuses_a_folder_without_labels(tmp_path: Path) -> None:
    (write_cifar10_c(tmp_path) / "labels.npy").unlink()
    with pytest.raises(ValueError, match=r"got .* with contrast\.npy, fog\.npy\. Unpack"):
        open_cifar10_c(tmp_path)


def test_cifar10_c_ids_are_those_of_the_test_images(tmp_path: Path) -> None:
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        (tmp_path / f"{name}.bin").write_bytes(bytes(12 * 3073))
    clean = load_dataset(f"cifar10:{tmp_path}", 32)
    assert open_cifar10_c(write_cifar10_c(tmp_path / "c")).ids == clean.test.ids


@pytest.mark.reference
def test_imagenet_c_made_here_is_read_back(tmp_path: Path) -> None:
    reference = os.environ.get("ROBUSTSCOPE_REFERENCE")
    if not reference:
        pytest.skip("ROBUSTSCOPE_REFERENCE is not set: no reference images")
    with tarfile.open(Path(reference) / "imagenet-sample-224.tar") as archive:
        members = [m for m in archive.getmembers() if m.name.endswith(".jpg")][:4]
        archive.extractall(tmp_path, members, filter="data")
    sample = tmp_path / "imagenet-sample"
    (sample / "train").symlink_to(sample / "val")
    data = load_dataset(f"folder:{sample}", 224)
    root = tmp_path / "imagenet-c"
    stored: dict[tuple[str, int], list[NDArray[np.uint8]]] = {}
    for group, name in (("digital", "pixelate"), ("noise", "gaussian_noise")):
        for severity in range(1, 6):
            draws = generators(0, name, severity, data.test.ids)
            noised = NATURAL_NOISES[name].apply(data.test.pixels, severity, draws)
            for pixels, ident in zip(noised, data.test.ids, strict=True):
                path = root / group / name / str(severity) / ident.removeprefix("val/")
                stream = io.BytesIO()
                Image.fromarray(pixels).save(stream, "JPEG", quality=85)  # as ImageNet-C is stored
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(stream.getvalue())
                kept = np.asarray(Image.open(stream))
                stored.setdefault((name, severity), []).append(kept)
    corrupted = list_imagenet_c(root, data.classes)
    assert set(corrupted.conditions) == set(stored)
    assert [i.split("/", 1)[1] for i in corrupted.ids] == [
        i.split("/", 1)[1] for i in data.test.ids
    ]
    for condition, pixels in stored.items():
        images, notes = corrupted.read(condition, 224)
        np.testing.assert_array_equal(images.pixels, np.stack(pixels))
        np.testing.assert_array_equal(images.labels, data.test.labels)
        assert notes == ()
