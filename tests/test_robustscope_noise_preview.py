"""Contact sheets: every cell holds exactly the pixels the noise gives; bad input is one line."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from images.datasets import load_dataset
from images.streams import encode_jpeg
from noises.draws import generators
from noises.natural.table import NATURAL_NOISES
from noises.sequences.table import SEQUENCES
from noises.system import SYSTEM_NOISES, find_system_noise
from robustscope.__main__ import main
from robustscope.contact_sheet import PAGE_HEIGHT, Columns, Row, draw_pages
from robustscope.noise_preview import preview, some_images
from robustscope.progress import Progress

QUIET = Progress(quiet=True)


def image_folder(root: Path, count: int = 3, side: int = 32) -> Path:
    """Two classes, both splits, smooth pictures with some noise."""
    rng = np.random.default_rng(3)
    for split in ("train", "test"):
        for label in ("cat", "dog"):
            (root / split / label).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (side, side + 5, 3), dtype=np.uint8)
                (root / split / label / f"{i}.jpg").write_bytes(encode_jpeg(pixels))
    return root


def cells(path, page, size):
    """(label, column) to the pixels of the cell in the file, brought back to their own size."""
    sheet = np.asarray(Image.open(path))
    factor = page.side // size
    found = {}
    for key, (top, left) in page.places.items():
        block = sheet[top : top + page.side, left : left + page.side]
        small = block[::factor, ::factor]
        np.testing.assert_array_equal(np.kron(small, np.ones((factor, factor, 1), np.uint8)), block)
        found[key] = small
    return found


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The images and the cells of each sheet, by file name."""
    out = tmp_path_factory.mktemp("preview") / "grid.png"
    images = some_images("digits", None, 2)
    written = preview(images, None, out, QUIET)
    assert sorted(out.parent.iterdir()) == sorted(written)
    return images, {path.name: cells(path, page, 16) for path, page in written.items()}


def test_images_are_those_of_the_test_split(digits):
    images, _ = digits
    test = load_dataset("digits", 16).test
    for i, name in enumerate(images.ids):
        np.testing.assert_array_equal(images.pixels[i], test.pixels[test.ids.index(name)])


def test_natural_sheet_holds_clean_and_every_severity_of_every_noise(digits):
    images, sheets = digits
    found = sheets["grid.png"]
    assert found.keys() == {(name, c) for name in NATURAL_NOISES for c in range(12)}
    for name, noise in NATURAL_NOISES.items():
        for i in range(2):
            np.testing.assert_array_equal(found[name, 6 * i], images.pixels[i])
        for severity in (1, 2, 3, 4, 5):
            noised = noise.apply(images.pixels, severity, generators(0, name, severity, images.ids))
            for i in range(2):
                np.testing.assert_array_equal(found[name, 6 * i + severity], noised[i])


def test_system_sheet_holds_amplified_differences(digits):
    images, sheets = digits
    found, streams = sheets["grid-system.png"], images.encoded(range(2))
    assert found.keys() == {(name, c) for name in SYSTEM_NOISES for c in range(2)}
    reference = find_system_noise("system_reference").render(streams, 16).astype(int)
    for name in SYSTEM_NOISES:
        expected = reference
        if name != "system_reference":
            gap = find_system_noise(name).render(streams, 16) - reference
            expected = np.clip(128 + 8 * gap, 0, 255)
        for i in range(2):
            np.testing.assert_array_equal(found[name, i], expected[i])


def test_sequence_sheet_holds_six_frames_from_first_to_last(digits):
    images, sheets = digits
    found = sheets["grid-sequences.png"]
    assert found.keys() == {(name, c) for name in SEQUENCES for c in range(12)}
    for name, sequence in SEQUENCES.items():
        hardest = sequence.difficulties
        draws = generators(0, f"{name}_p", hardest, images.ids)
        frames = sequence.apply(images.pixels, draws, hardest)
        for i in range(2):
            np.testing.assert_array_equal(found[name, 6 * i], frames[i, 0])
            np.testing.assert_array_equal(found[name, 6 * i + 5], frames[i, -1])
        if sequence.frames(16) == 31:
            np.testing.assert_array_equal(found[name, 3], frames[0, 18])  # 60 % of 30 steps


def test_command_shows_the_named_noises_of_a_folder_and_says_what_it_wrote(tmp_path, capsys):
    data, out = image_folder(tmp_path / "data"), tmp_path / "mine.png"
    options = ["--data", f"folder:{data}", "--noise", "fog,torch_bicubic", "--images", "2"]
    assert main(["noise", "preview", "--out", str(out), "--quiet", *options]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.splitlines() == [f"Wrote {out}", f"Wrote {tmp_path / 'mine-system.png'}"]
    images = some_images(f"folder:{data}", None, 2)
    assert images.pixels.shape == (2, 32, 32, 3)  # the shorter side of the files
    fog = NATURAL_NOISES["fog"].apply(images.pixels, 5, generators(0, "fog", 5, images.ids))
    sheet = np.asarray(Image.open(out))
    large = fog[1].repeat(3, axis=0).repeat(3, axis=1)  # 32 -> 96 px
    bottom, right = sheet.shape[0] - 12 - 4, sheet.shape[1] - 12  # the margins; a gap below cells
    np.testing.assert_array_equal(sheet[bottom - 96 : bottom, right - 96 : right], large)


def test_folder_images_are_those_of_the_data_set_and_only_they_are_read(tmp_path):
    data = image_folder(tmp_path / "data")
    whole = load_dataset(f"folder:{data}", 20).test
    for path in (data / "train").rglob("*.jpg"):
        path.write_text("no picture")
    some = some_images(f"folder:{data}", 20, 4)
    assert len(set(some.labels.tolist())) == 2
    for i, name in enumerate(some.ids):
        np.testing.assert_array_equal(some.pixels[i], whole.pixels[whole.ids.index(name)])


def test_large_sheets_are_split_between_groups():
    cell = np.zeros((1, 224, 224, 3), np.uint8)
    rows = [Row(f"{group}{i}", group, cell) for i in range(10) for group in ("a", "b", "c")]
    pages = draw_pages(rows, Columns(("image",), ("",)))
    assert [sorted({name[0] for name, _ in page.places}) for page in pages] == [["a"], ["b"], ["c"]]
    assert all(page.pixels.shape[0] <= PAGE_HEIGHT for page in pages)
    more = [Row(str(i), "a", cell) for i in range(40)]
    pages = draw_pages(more, Columns(("image",), ("",)))
    assert [name for page in pages for name, _ in page.places] == [str(i) for i in range(40)]
    assert all(page.pixels.shape[0] <= PAGE_HEIGHT for page in pages)


def test_sheets_have_labels_that_do_not_touch_the_cells(digits):
    images, _ = digits
    white = np.full((2, 16, 16, 3), 255, np.uint8)
    (page,) = draw_pages([Row("a_long_label", "group", white)], Columns(images.ids, ("",)))
    top, left = page.places["a_long_label", 0]
    label = page.pixels[top : top + page.side, :left]
    assert label.min() < 100  # something is written
    for column in (0, 1):
        top, left = page.places["a_long_label", column]
        assert (page.pixels[top : top + page.side, left : left + page.side] == 255).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["preview", "--noise", "nope"], "preview.noise must be a natural noise, a system variant"),
        (["preview", "--noise", ""], "preview.noise must be"),
        (["preview", "--size", "7"], "noise.size must be from 8 to 4096 pixels; got 7"),
        (["preview", "--images", "0"], "preview.images must be from 1 to 64; got 0"),
        (["preview", "--images", "65"], "preview.images must be from 1 to 64; got 65"),
        (["preview", "--size", "300", "--images", "12"], "preview.width must be at most 20000"),
        (["preview", "--data", "nope"], "data.spec must be digits"),
        (["preview", "--data", "folder:absent"], "data.path must exist"),
        (["preview", "--data", "folder:"], "data.spec must be"),
        (["preview", "--data", "cifar10:absent"], "data.path must exist"),
        (["preview", "--out", "absent/grid.png"], "preview.out must be a file in a folder"),
        (["preview", "--out", "grid.jpg"], "preview.out must end in .png; got grid.jpg"),
        (["preview", "--out", ""], "preview.out must end in .png"),
        (["preview", "--out", "folder.png"], "preview.out must be a file"),
        (["list", "--family", "nope"], "noise.family must be one of adversarial, natural"),
        (["list", "--family", ""], "noise.family must be one of"),
        (["list", "--size", "0"], "noise.size must be from 8"),
        (["list", "--size", str(10**400)], "noise.size must be from 8"),
    ],
)
def test_noise_refuses_bad_options_and_writes_nothing(options, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    action, *rest = options
    out = ["--out", "grid.png", "--quiet"] if action == "preview" else []
    assert main(["noise", action, *out, *rest]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1
    assert said in captured.err
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


@pytest.mark.parametrize("damage", ["too few", "not an image", "no test"])
def test_preview_refuses_folders_it_cannot_show(damage, tmp_path, capsys):
    data = image_folder(tmp_path / "data", count=1)
    count = 3 if damage == "too few" else 2
    if damage == "not an image":
        (data / "test" / "cat" / "0.jpg").write_text("no picture")
    elif damage == "no test":
        (data / "test").rename(data / "other")
    out = tmp_path / "grid.png"
    options = ["--data", f"folder:{data}", "--images", str(count), "--out", str(out)]
    assert main(["noise", "preview", "--quiet", *options]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    expected = {"too few": "from 1 to the 2", "not an image": "0.jpg", "no test": "test/ or val/"}
    assert expected[damage] in line
    assert not out.exists()


def test_preview_refuses_a_folder_that_cannot_be_written_to(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write to any folder
    assert main(["noise", "preview", "--out", str(tmp_path / "grid.png")]) == 2
    assert "preview.out must be a file in a folder" in capsys.readouterr().err


def test_preview_draws_a_bar_unless_quiet(tmp_path, capsys):
    options = ["--noise", "contrast", "--images", "1", "--out", str(tmp_path / "grid.png")]
    assert main(["noise", "preview", *options]) == 0
    assert "1/1 noises" in capsys.readouterr().err


def test_a_reader_that_has_gone_is_no_error():
    command = [sys.executable, "-m", "robustscope", "noise", "list", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_help_needs_no_torch():
    code = (
        "import sys, contextlib, io, robustscope.__main__ as m\n"
        "for action in ('list', 'preview'):\n"
        "    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "        m.main(['noise', action, '--help'])\n"
        "sys.exit(any(n in sys.modules for n in ('torch', 'nni', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
