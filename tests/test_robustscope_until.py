"""`robustscope run --until-decided`: the same outcomes, fewer of them, however it is run."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metrics.until import attack_order
from robustscope.__main__ import main
from sampling.store import Journal, open_results, verify

SMALL = ("run", "--space", "resnet", "--subnets", "6", "--images", "60", "--epochs", "3", "--quiet")
PROTOCOL = {
    "natural": ["contrast"],
    "severities": [3],
    "system": ["system_reference", "pillow_nearest"],
    "attacked": 40,
    "recalibration": 64,
    "transfer": [],
}


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("protocol") / "small.json"
    path.write_text(json.dumps(PROTOCOL))
    return [*SMALL, "--protocol", str(path), "--workers", "0"]


def run(options: list[str], out: Path, *more: str) -> Path:
    assert main([*options, "--out", str(out), *more]) == 0
    assert verify(out / "results.h5").ok
    return out


@pytest.fixture(scope="module")
def whole(options: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(options, tmp_path_factory.mktemp("runs") / "whole")


@pytest.fixture(scope="module")
def decided(options: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "decided"
    return run(options, out, "--until-decided", "best=2,block=10,level=80")


def test_what_was_evaluated_is_what_a_whole_run_found(whole: Path, decided: Path) -> None:
    with open_results(whole / "results.h5") as all_of_it, open_results(decided / "results.h5") as r:
        tried, right = r.evaluated(), r.correct()
        full_tried, full_right = all_of_it.evaluated(), all_of_it.correct()
        attacked = (r.conditions["family"] == "adversarial").to_numpy()
        ids, seed = r.image_ids, json.loads(str(r.attributes["protocol"]))["seed"]
    np.testing.assert_array_equal(tried[:, ~attacked], full_tried[:, ~attacked])
    np.testing.assert_array_equal(right[:, ~attacked], full_right[:, ~attacked])
    assert not (tried & ~full_tried).any()
    # other images share the batches, so that rounding may turn a single answer
    assert (right == full_right)[tried].mean() >= 0.999
    chosen = np.flatnonzero(full_tried[0, attacked.argmax()])
    order = chosen[attack_order([ids[i] for i in chosen], seed)]
    seen = tried[:, attacked][:, :, order]
    counts = seen.sum(2)
    np.testing.assert_array_equal(seen, np.arange(len(order)) < counts[:, :, None])
    assert set(counts.ravel()) <= {10, 20, 30, 40}


def test_a_stopped_run_with_a_worker_process_ends_with_the_same_content(
    options: list[str], decided: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goal = ("--until-decided", "best=2,block=10,level=80", "--workers", "1")
    grow, grown = Journal.grow, []

    def stop(self: Journal, key: str, more: object) -> None:
        if len(grown) == 3:
            raise KeyboardInterrupt
        grown.append(key)
        grow(self, key, more)  # type: ignore[arg-type]

    monkeypatch.setattr(Journal, "grow", stop)
    assert main([*options, "--out", str(tmp_path / "again"), *goal]) == 130
    monkeypatch.setattr(Journal, "grow", grow)
    again = run(options, tmp_path / "again", *goal)
    with open_results(decided / "results.h5") as one, open_results(again / "results.h5") as two:
        assert one.attributes["content_hash"] == two.attributes["content_hash"]


def test_the_table_says_what_is_decided(decided: Path) -> None:
    table = pd.read_csv(decided / "tables" / "decided.csv")
    assert len(table) == 6
    assert set(table["best"]) <= {"in", "out", "open"}
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    assert ((table["best"] != "open") | (table["images"] == 40)).all()
    said = "\n".join(json.loads((decided / "run.json").read_text())["summary"])
    assert "Attacks stopped when enough was known" in said
    assert "Among the best 2 under attack" in said


def test_a_whole_run_decides_nothing(whole: Path) -> None:
    assert pd.read_csv(whole / "tables" / "decided.csv").empty


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        ("best=6", "until-decided.best must be below the 6 networks"),
        ("best", "until-decided must be NAME=NUMBER"),
        ("best=2,on=contrast_s3", "until-decided.on must be an attack of the protocol"),
        ("half_width=80", "Goal.half_width must be"),
    ],
)
def test_a_goal_that_does_not_fit_is_refused(
    goal: str, said: str, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*options, "--out", str(tmp_path / "run"), "--until-decided", goal]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
