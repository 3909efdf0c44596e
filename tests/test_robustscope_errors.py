"""Bad input: one clear line, exit code 2, nothing written."""

import errno
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nas_space.presets import find_space
from robustscope.__main__ import main
from robustscope.commands.run import finished_text
from robustscope.commands.table import COMMANDS
from robustscope.progress import Progress


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that the command line answers with."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("robustscope: error: ")
    return lines[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--preset", "nope"], "Preset.name must be one of digits, cifar10; got 'nope'"),
        (["--space", "nope"], "run.space must name families among mobilenet, resnet, vit; got"),
        (["--technique", ","], "run.technique must name one between all commas; got ','"),
        (["--technique", "dropout:"], "must give dropout's rate as float; got ''"),
        (["--technique", "distillation"], "distillation.teacher must be the .safetensors file"),
        (["--technique", "distillation:teacher=absent"], "file of a supernet; got 'absent'"),
        (["--technique", "extra"], "extra.data must be a data set; got nothing"),
        (["--architectures", "x.json", "--subnets", "9"], "run.subnets must be left out where"),
        (["--space", "resnet,resnet"], "each family once"),
        (["--protocol", "nope"], "Protocol.name must be one of quick, standard"),
        (["--protocol", "absent.json"], "must be readable files; got absent.json"),
        (["--data", "nope"], "digits"),
        (["--data", "folder:absent"], "absent"),
        (["--data", "cifar10:absent"], "absent"),
        (["--preset", "cifar10"], "run.data must be given"),
        (["--subnets", "3"], "run.subnets must be at least 4, two for each supernet; got 3"),
        (["--subnets", "1", "--space", "resnet"], "run.subnets must be at least 2"),
        (["--subnets", "90000000"], "design.count must be 2 to"),
        (["--seed", str(2**32)], "run.seed must be at most 4294967295"),
        (["--data", ""], "run.data must not be empty"),
        (["--protocol", ""], "run.protocol must not be empty"),
        (["--data", "folder:~nobody-of-this-name/x"], "data.path must exist"),
        (["--images", "0"], "run.images must be at least 10"),
        (["--epochs", "0"], "run.epochs must be at least 1"),
        (["--workers", "-1"], "run.workers must be at least 0"),
        (["--architectures", "absent.json"], "must be readable files; got absent.json"),
    ],
)
def test_run_refuses_bad_options_and_writes_nothing(
    options: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in refused(["run", "--out", str(tmp_path / "out"), *options], capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_run_refuses_cuda_where_there_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(["run", "--device", "cuda", "--out", str(tmp_path / "out")], capsys)
    assert "torch sees no CUDA device" in line


def test_usage_errors_are_one_line_with_code_two() -> None:
    command = [sys.executable, "-m", "robustscope", "run", "--subnets", "many"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert "--subnets" in result.stderr


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ({"natural": ["nope"]}, "Protocol.natural must be among"),
        ({"system": ["nope"]}, "Protocol.system must be among"),
        ({"severities": [6]}, "severities"),
        ({"unknown": 1}, "unknown"),
        ([], "protocol"),
        ({"attacks": [{"name": "a"}]}, "GradientAttack.norm must be there; got none"),
    ],
)
def test_run_refuses_a_protocol_file_with_unknown_noises(
    protocol: object, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(protocol))
    options = ["run", "--protocol", str(path), "--out", str(tmp_path / "out")]
    assert said in refused(options, capsys)


def test_run_refuses_architectures_outside_the_space(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = json.loads(find_space("resnet-digits").extreme(largest=True).to_json())
    path = tmp_path / "list.json"
    options = ["run", "--architectures", str(path), "--out", str(tmp_path / "out")]
    for change, said in (
        ({"stem.kernel": 9}, "must be one of (3, 5, 7)"),
        ({"tail.kernel": 3}, "unknown 'tail.kernel'"),
    ):
        path.write_text(json.dumps([inside | {"genes": inside["genes"] | change}]))
        assert said in refused(options, capsys)
    path.write_text(json.dumps([inside | {"family": "vit"}]))
    assert "got 'vit'" in refused(options, capsys)
    path.write_text(json.dumps([inside, inside | {"genes": [[1, 2], ["a", 3]]}]))
    assert "list.json, entry 2: Architecture.json must hold" in refused(options, capsys)
    for text in ("{", "[" * 100_000):
        path.write_text(text)
        assert "must be a JSON file" in refused(options, capsys)


def image_folder(root: Path) -> Path:
    """A tiny image folder with two classes and both splits."""
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for label in ("cat", "dog"):
            folder = root / split / label
            folder.mkdir(parents=True)
            for i in range(12):
                pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.jpg")
    return root


@pytest.mark.parametrize("text", ["[" * 100_000, '{"natural": ["fog"], "natural": ["snow"]}'])
def test_run_refuses_protocol_files_that_are_strange_json(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    options = ["run", "--protocol", str(path), "--out", str(tmp_path / "out")]
    assert "Protocol.file must describe a protocol" in refused(options, capsys)


@pytest.mark.parametrize(
    "damage", ["empty class", "not an image", "truncated", "pipe", "not UTF-8", "one class"]
)
def test_run_refuses_damaged_image_folders(
    damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = image_folder(tmp_path / "data")
    victim = root / "test" / "cat"
    if damage == "empty class":
        for path in victim.iterdir():
            path.unlink()
    elif damage == "not an image":
        (victim / "0.jpg").write_text("no picture")
    elif damage == "pipe":
        os.mkfifo(victim / "z.jpg")
    elif damage == "not UTF-8":
        (victim / "0.jpg").rename(victim / os.fsdecode(b"\xff.jpg"))
    elif damage == "one class":
        shutil.rmtree(root / "train" / "dog")
        shutil.rmtree(root / "test" / "dog")
    else:
        (victim / "0.jpg").write_bytes((victim / "1.jpg").read_bytes()[:200])
    data = ["--preset", "cifar10", "--data", f"folder:{root}"]
    line = refused(["run", *data, "--quiet", "--out", str(tmp_path / "out")], capsys)
    assert "cat" in line
    assert not (tmp_path / "out").exists()


def test_run_refuses_a_folder_that_is_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert "an earlier run" in refused(["run", "--out", str(tmp_path)], capsys)
    assert "must be a folder" in refused(["run", "--out", str(tmp_path / "notes.txt")], capsys)


def test_run_refuses_a_folder_it_cannot_make(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    line = refused(["run", "--quiet", "--out", str(tmp_path / "file" / "run")], capsys)
    assert "run.out must be a folder that can be made" in line
    assert "Not a directory" in line


@pytest.mark.parametrize("text", ["[]", "{}", '{"data": "digits"}', "[" * 100_000, "no JSON"])
def test_run_refuses_a_folder_whose_settings_are_damaged(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "settings.json").write_text(text)
    assert "without a readable settings.json" in refused(["run", "--out", str(tmp_path)], capsys)


@pytest.mark.parametrize("text", ["[]", '{"finished": true}', '{"finished": true, "files": {}}'])
def test_a_damaged_record_is_not_that_of_a_finished_run(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    assert finished_text(tmp_path) is None


def test_arguments_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "robustscope", "verify", os.fsencode(tmp_path) + b"/\xff.h5"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "arguments must be UTF-8" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("command", ["verify", "analyze"])
@pytest.mark.parametrize("content", [None, b"", b"no results", b"\x89HDF\r\n\x1a\n" + b"0" * 100])
def test_reading_commands_refuse_what_is_no_results_file(
    command: str, content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results.h5"
    if content is not None:
        path.write_bytes(content)
    assert "results.h5" in refused([command, str(path)], capsys)


def test_a_full_disk_is_told_with_advice_on_a_line_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(options: object) -> str:
        bar = Progress(quiet=False).bar("Working", 3, "steps")
        bar.__enter__()  # as in a generator that nobody has closed yet
        monkeypatch.setattr(full, "bar", bar, raising=False)
        raise OSError(errno.ENOSPC, "No space left on device", "results.h5")

    monkeypatch.setitem(COMMANDS, "verify", replace(COMMANDS["verify"], do=full))
    assert main(["verify", "results.h5"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("robustscope: error: ")
    assert "'results.h5'. Make room or choose another folder" in line


def test_help_and_import_need_neither_torch_nor_nni() -> None:
    code = (
        "import sys, robustscope, robustscope.__main__ as m; m.build_parser();"
        "sys.exit(any(n in sys.modules for n in ('torch', 'nni', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
