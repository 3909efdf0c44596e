import json
from pathlib import Path

import numpy as np
import pytest

from nas_space.architecture import Architecture
from nas_space.files import read_architectures, read_space, write_architectures
from nas_space.presets import SPACES
from nas_space.space import Space


def test_files_return_every_architecture_in_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    drawn = [space.sample(rng) for space in SPACES.values() for _ in range(5)]
    write_architectures(tmp_path / "list.json", drawn)
    assert read_architectures(tmp_path / "list.json") == drawn


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_read_space_gives_back_what_was_described(space: Space) -> None:
    assert read_space(json.dumps(space.describe())) == space


@pytest.mark.parametrize("text", ["[1]", "{", '{"stages": [{"widths": 3}]}', '{"family": "x"}'])
def test_read_space_refuses_what_describes_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"Space.json must be what Space.describe writes; got"):
        read_space(text)


def test_file_is_a_json_list_with_one_architecture_per_line(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    write_architectures(path, [Architecture.of("f", "s", {"a": 1}), Architecture.of("g", "s", {})])
    assert json.loads(path.read_text()) == [
        {"family": "f", "scale": "s", "genes": {"a": 1}},
        {"family": "g", "scale": "s", "genes": {}},
    ]
    assert len(path.read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"must be a JSON file; got .*list\.json"),
        ("[" * 100_000, r"must be a JSON file"),
        ("{}", r"must hold a JSON list of at least one architecture; got .*list\.json"),
        ("[]", r"must hold a JSON list of at least one architecture"),
        (
            '[{"family": "f", "scale": "s", "genes": {}}, 3]',
            r"entry 2: Architecture\.json must hold",
        ),
        ('[{"family": "f", "scale": "s", "genes": {"a": 0.5}}]', r"entry 1: .*must be integers"),
    ],
)
def test_read_refuses_what_is_no_list_of_architectures(
    text: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "list.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        read_architectures(path)


def test_read_names_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must be a JSON file; got .*absent\.json"):
        read_architectures(tmp_path / "absent.json")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"must be a JSON file; got .*binary"):
        read_architectures(tmp_path / "binary")


def test_write_refuses_an_empty_list(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must hold at least one to be written"):
        write_architectures(tmp_path / "list.json", [])
    assert not list(tmp_path.iterdir())
