"""CIFAR-10 batches, written here in the published layouts, and pickles that must not be obeyed."""

import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from images.cifar import CLASSES, load_cifar10
from images.cifar_pickles import read_pickled_batch
from images.datasets import load_dataset

PIXELS = np.random.default_rng(1).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
LABELS = [i % 10 for i in range(60)]
NAMES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]


def rows(index: int) -> NDArray[np.uint8]:
    """(10, 3072) rows as published: the red plane, then green, then blue."""
    images = PIXELS[10 * index : 10 * index + 10]
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2).reshape(10, 3072))


def batch(index: int) -> dict[bytes, Any]:
    return {
        b"batch_label": b"batch %d" % index,
        b"labels": LABELS[10 * index : 10 * index + 10],
        b"data": rows(index),
        b"filenames": [b"image_%d.png" % i for i in range(10)],
    }


def write_python(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for index, name in enumerate(NAMES):
        (folder / name).write_bytes(pickle.dumps(batch(index), protocol=2))
    meta = {b"label_names": [name.encode() for name in CLASSES], b"num_vis": 3072}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))
    return folder


def write_binary(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for index, name in enumerate(NAMES):
        labels = np.array(LABELS[10 * index : 10 * index + 10], np.uint8)[:, None]
        (folder / f"{name}.bin").write_bytes(np.hstack([labels, rows(index)]).tobytes())
    return folder


def write_tar(folder: Path) -> Path:
    archive = folder.parent / "cifar.tar.gz"
    with tarfile.open(archive, "w:gz") as out:
        out.add(folder, folder.name)
    return archive


@pytest.mark.parametrize("layout", ["python", "binary"])
@pytest.mark.parametrize("given", ["folder", "parent", "tar"])
def test_cifar10_round_trip(layout: str, given: str, tmp_path: Path) -> None:
    write, name = {"python": (write_python, "py"), "binary": (write_binary, "bin")}[layout]
    folder = write(tmp_path / f"cifar-10-batches-{name}")
    path = {"folder": folder, "parent": tmp_path, "tar": write_tar(folder)}[given]
    data = load_dataset(f"cifar10:{path}", 32)
    np.testing.assert_array_equal(data.train.pixels, PIXELS[:50])
    np.testing.assert_array_equal(data.test.pixels, PIXELS[50:])
    assert data.test.labels.tolist() == LABELS[50:]
    assert data.classes == CLASSES
    assert (data.train.ids[7], data.test.ids[7]) == ("train/07", "test/7")
    assert "quality 95" in data.notes[0]


def test_cifar10_is_resized_to_another_size(tmp_path: Path) -> None:
    data = load_cifar10(write_python(tmp_path / "x"), 16)
    assert data.test.pixels.shape == (10, 16, 16, 3)
    assert data.test.encoded([0]) == load_cifar10(tmp_path / "x", 32).test.encoded([0])
    assert "from 32 to 16 px" in data.notes[1]


def python2_pickle(array: NDArray[np.uint8], labels: list[int]) -> bytes:
    """A batch byte by byte as Python 2 and NumPy 1 wrote it: protocol 2 with byte strings."""

    def text(value: bytes) -> bytes:
        return b"T" + len(value).to_bytes(4, "little") + value  # BINSTRING

    dtype = b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R"
    dtype += b"(K\x03" + text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"M" + len(array).to_bytes(2, "little") + b"M\x00\x0c\x86"
    empty = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
    )
    data = empty + b"(K\x01" + shape + dtype + b"\x89" + text(array.tobytes()) + b"tb"
    listed = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + data + text(b"labels") + listed + b"u."


def test_cifar10_reads_what_python_2_wrote() -> None:
    data = python2_pickle(rows(0), LABELS[:10])
    plain = pickle.loads(data, encoding="bytes")  # noqa: S301 - our own bytes: the oracle
    np.testing.assert_array_equal(plain[b"data"], rows(0))
    found = read_pickled_batch(data, "here")
    np.testing.assert_array_equal(found.pixels, rows(0))
    assert found.labels.tolist() == LABELS[:10]


class Obeyed:
    """Pickles as a call of whatever function it is given."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_cifar10_refuses_a_malicious_pickle(protocol: int, tmp_path: Path) -> None:
    target = tmp_path / "touched"
    bad = {**batch(0), b"filenames": Obeyed(Path.touch, target)}
    pickle.loads(pickle.dumps(bad, protocol))  # noqa: S301 - shows that the pickle is armed
    assert target.exists()
    target.unlink()
    with pytest.raises(ValueError, match="must hold only arrays, lists and bytes; got the global"):
        read_pickled_batch(pickle.dumps(bad, protocol), "here")
    assert not target.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cos\nsystem\n(S'true'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"c_codecs\nencode\n(S'x'\nS'zip'\ntR.",
        b"c_codecs\nencode\nN\x85R.",
        b"cnumpy\nndarray\nN}S'shape'\nK\x01s\x86b.",
        b"\x82\x01.",
        b"P1\n.",
        b"",
        b"\x80\x02}",
        b"not a pickle",
    ],
)
def test_cifar10_refuses_other_pickles(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"cifar10\.batch must .* in here\.") as caught:
        read_pickled_batch(data, "here")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {b"data": rows(0)[:9]},
        {b"data": rows(0)[:, :3071].copy()},
        {b"data": rows(0).astype(np.float32)},
        {b"data": np.asfortranarray(rows(0))},
        {b"data": b"x" * 30720},
        {b"labels": LABELS[:9]},
        {b"labels": []},
        {b"labels": ["0"] * 10},
        {b"labels": [-1] * 10},
        {b"labels": None},
    ],
)
def test_cifar10_refuses_another_layout(change: dict[bytes, Any]) -> None:
    with pytest.raises(ValueError, match=r"cifar10\.batch must .* in here\."):
        read_pickled_batch(pickle.dumps({**batch(0), **change}, protocol=2), "here")


def test_cifar10_names_missing_batches(tmp_path: Path) -> None:
    folder = write_python(tmp_path / "x")
    (folder / "data_batch_3").unlink()
    with pytest.raises(ValueError, match=rf"got {folder} without data_batch_3\."):
        load_cifar10(folder, 32)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"without data_batch_1, .*, test_batch\."):
        load_cifar10(tmp_path / "empty", 32)


def test_cifar10_refuses_labels_beyond_the_classes(tmp_path: Path) -> None:
    folder = write_binary(tmp_path / "x")
    file = folder / "test_batch.bin"
    file.write_bytes(b"\x0a" + file.read_bytes()[1:])
    with pytest.raises(ValueError, match=r"labels must be 0 to 9; got 1 to 10 in test"):
        load_cifar10(folder, 32)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match="multiple of 3073 bytes; got 30729"):
        load_cifar10(folder, 32)


def test_cifar10_refuses_what_is_no_archive(tmp_path: Path) -> None:
    whole = write_tar(write_python(tmp_path / "x")).read_bytes()
    for name, content in (("text", b"hello"), ("cut.tar.gz", whole[: len(whole) // 2])):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=f"cifar10.path must be a folder of .*; got {path}"
        ) as caught:
            load_cifar10(path, 32)
        assert "\n" not in str(caught.value)


def test_cifar10_refuses_a_batch_of_absurd_length(tmp_path: Path) -> None:
    folder = write_python(tmp_path / "x")
    with (folder / "data_batch_2").open("r+b") as file:
        file.truncate(2**27)  # sparse
    with pytest.raises(ValueError, match=f"got {2**27} in {folder}/data_batch_2"):
        load_cifar10(folder, 32)


def test_cifar10_passes_over_other_members_of_an_archive(tmp_path: Path) -> None:
    folder = write_python(tmp_path / "x")
    archive = tmp_path / "odd.tar"
    with tarfile.open(archive, "w") as out:
        out.addfile(tarfile.TarInfo("../../escape"), io.BytesIO())
        link = tarfile.TarInfo("x/readme.html")
        link.type, link.linkname = tarfile.SYMTYPE, "../../escape"
        out.addfile(link)
        out.add(folder, "x")
    assert len(load_cifar10(archive, 32).test) == 10
    assert not (tmp_path / "../../escape").resolve().exists()
