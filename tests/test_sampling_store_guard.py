"""A stranger's results file is read in a child process, whose end is one clear line."""

from pathlib import Path

import h5py
import pytest

from robustscope.__main__ import main
from sampling.store import StoreError, guard, verify, write_results
from sampling.store.guard import check_file, verify_apart
from tests.sampling_store_example import CAMPAIGN, make_rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "results.h5"
    write_results(path, CAMPAIGN, make_rows(), {"command": "robustscope run"})
    return path


def test_child_finds_what_verify_finds(path: Path) -> None:
    assert verify_apart(path) == verify(path)
    check_file(path)


def test_child_finds_damage(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["sets/test/correct"][2, 1, 0] ^= 4
    assert verify_apart(path) == verify(path)
    with pytest.raises(StoreError, match=r"results\.h5 is damaged: content hash"):
        check_file(path)


def test_file_that_cannot_be_read_is_named_once(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StoreError, match="truncated") as error:
        check_file(path)
    assert str(error.value).count(str(path)) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import os; os.kill(os.getpid(), 11)", "the reader died of SIGSEGV"),
        ("raise SystemExit('out of {limit}')", "the reader ended with out of"),
        ("import time; time.sleep(60)", "reading it took over 1 s"),
        (
            "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, ({limit},) * 2);"
            "bytearray(1 << 40)",
            "the reader ended with MemoryError",
        ),
    ],
)
def test_end_of_the_child_is_one_clear_line(
    path: Path, body: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(guard, "STARTING", body)
    monkeypatch.setattr(guard, "SECONDS", 1.0)
    if "sleep" not in body:
        monkeypatch.setattr(guard, "SECONDS", 30.0)
    for command in ("verify", "analyze"):
        assert main([command, str(path)]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert len(error.strip().splitlines()) == 1


def test_absent_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"must be an existing file; got .*absent\.h5"):
        verify_apart(tmp_path / "absent.h5")
