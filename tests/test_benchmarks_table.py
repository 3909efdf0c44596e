import json
from pathlib import Path

import pytest

from benchmarks.table import Row, absent, publish, render

ROWS = [
    Row("costs_mobilenet", 0.01, "nni", 2.5, 1.0, "one thread"),
    absent("costs_mobilenet", 0.01, "other"),
]


def test_publish_writes_the_documented_fields(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = publish("costs", ROWS, tmp_path / "results")
    first, second = json.loads(path.read_text())
    assert path == tmp_path / "results" / "costs.json"
    assert first == {
        "case": "costs_mobilenet",
        "ours_s": 0.01,
        "peer": "nni",
        "peer_s": 2.5,
        "ratio": 250.0,
        "agreement": 1.0,
        "note": "one thread",
    }
    assert list(first) == list(second)
    assert capsys.readouterr().out == render(ROWS) + "\n"


def test_absent_peer_is_not_beaten() -> None:
    row = ROWS[1].as_json()
    assert row["peer_s"] is row["ratio"] is row["agreement"] is None
    assert row["note"] == "peer not installed"


def test_render_aligns_every_column() -> None:
    heading, first, second = render(ROWS).splitlines()
    for name in ("ours_s", "peer", "ratio", "note"):
        place = heading.index(f" {name}") + 1
        assert all(line[place - 1] == " " != line[place] for line in (first, second))
