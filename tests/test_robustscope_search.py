"""The search command on a small run over the embedded digits, and what it refuses."""

import itertools
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from analysis.outcomes import plan_outcomes
from images.datasets import load_dataset, stratified
from nas_space import nni_adapter
from nas_space.architecture import Architecture
from nas_space.costs import costs
from nas_space.presets import find_space
from noises.presets import find_protocol
from robustscope import search_judge, search_source
from robustscope.__main__ import main
from robustscope.search_report import Finding, best_and_front, pareto_front
from robustscope.search_source import halves, only_needed, outcome_families
from sampling.store import open_results
from supernet.calibration import recalibrate
from supernet.network import SuperNet, spawn
from training.checkpoint import load_weights, read_checkpoint
from training.loop import to_float

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(find_spec("nni") is None, reason="nni is not installed"),
]

SPACE = find_space("mobilenet-digits")
LIMIT = 60_000
OPTIONS = ["--budget", "10", "--population", "6", "--images", "40", "--max-macs", str(LIMIT)]
PROTOCOL = {
    "natural": ["contrast"],
    "severities": [3],
    "system": ["system_reference", "pillow_box", "opencv_cubic"],
    "attacked": 20,
    "recalibration": 64,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished small run."""
    folder = tmp_path_factory.mktemp("search")
    (folder / "small.json").write_text(json.dumps(PROTOCOL))
    run = ["run", "--space", "mobilenet", "--subnets", "2", "--images", "20", "--epochs", "1"]
    run += ["--protocol", str(folder / "small.json"), "--out", str(folder / "run")]
    assert main([*run, "--workers", "0", "--quiet"]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def searched(finished: Path) -> Path:
    """The run with a finished search."""
    assert main(["search", str(finished), *OPTIONS, "--quiet"]) == 0
    return finished


def found_in(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that the command line answers with."""
    capsys.readouterr()
    assert main(["search", *arguments, "--quiet"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.strip().splitlines()
    return line


def test_search_writes_every_visited_network_within_the_limit(searched: Path) -> None:
    found = found_in(searched / "search.json")
    networks = found["networks"]
    visited = [Architecture.from_json(json.dumps(n["architecture"])) for n in networks]
    assert len({a.id for a in visited}) == len(visited) == 10
    np.testing.assert_array_equal([n["macs"] for n in networks], costs(SPACE, visited, 10)["macs"])
    assert max(n["macs"] for n in networks) <= LIMIT
    for network in networks:
        shares = [network["chosen_on"][name]["value"] for name in ("clean", "adversarial")]
        assert network["score"] == pytest.approx(np.mean(shares))
    scores = sorted((n["score"] for n in networks), reverse=True)
    by_id = {n["id"]: n for n in networks}
    assert [by_id[i]["score"] for i in found["best"]] == scores[:5]


def test_the_best_and_the_front_are_judged_on_other_images_and_listed(searched: Path) -> None:
    found = found_in(searched / "search.json")
    front = {n["id"] for n in found["networks"] if n["front"]}
    assert front
    judged = {n["id"] for n in found["networks"] if n["held_out"]}
    assert judged == front | set(found["best"]) | {n["id"] for n in found["networks"][:5]}
    listed = json.loads((searched / "search_best.json").read_text())
    architectures = [Architecture.from_json(json.dumps(entry)) for entry in listed]
    assert {a.id for a in architectures} == front | set(found["best"])
    assert all(SPACE.contains(a) for a in architectures)


@pytest.mark.parametrize(("part", "half"), [("chosen_on", 0), ("held_out", 1)])
def test_clean_accuracy_equals_a_plain_evaluation(searched: Path, part: str, half: int) -> None:
    found = found_in(searched / "search.json")
    best = next(n for n in found["networks"] if n["id"] == found["best"][0])
    dataset = load_dataset("digits", 16)
    test = halves(dataset, 40, 0)[half].test
    supernet, checkpoint = SuperNet(SPACE, 10), searched / "supernets" / "mobilenet.safetensors"
    load_weights(checkpoint, supernet, read_checkpoint(checkpoint)[0])
    chosen = stratified(dataset.train.labels, 64, 0)
    batch = to_float(dataset.train.pixels[chosen], "cpu")
    subnet = spawn(supernet, Architecture.from_json(json.dumps(best["architecture"])))
    network = recalibrate(subnet, [batch])
    with torch.no_grad():
        right = network(to_float(test.pixels, "cpu")).argmax(1).numpy() == test.labels
    assert best[part]["clean"]["value"] == pytest.approx(right.mean(), abs=1.01 / 40)
    assert best[part]["clean"]["low"] < best[part]["clean"]["value"] < best[part]["clean"]["high"]


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by an id whenever a network is evaluated; a "stop" in front stops the third."""
    ids: list[str] = []
    real = search_judge.evaluation_handler

    def handler(*arguments: Any) -> Callable[..., Any]:
        evaluate = real(*arguments)

        def counted(network: Any, report: Any) -> Any:
            if len(ids) == 3 and ids[0] == "stop":
                raise KeyboardInterrupt
            ids.append(network.id)
            return evaluate(network, report)

        return counted

    monkeypatch.setattr(search_judge, "evaluation_handler", handler)
    return ids


def test_a_stopped_search_goes_on_and_evaluates_nothing_twice(
    searched: Path, tmp_path: Path, evaluations: list[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(searched, folder, ignore=shutil.ignore_patterns("search*"))
    evaluations.append("stop")
    command = ["search", str(folder), *OPTIONS, "--quiet"]
    assert main(command) == 130
    assert evaluations.pop(0) == "stop"
    assert len(evaluations) == 2
    assert main(command) == 0
    expected = (searched / "search.json").read_bytes()
    assert (folder / "search.json").read_bytes() == expected
    judged = sum(bool(n["held_out"]) for n in found_in(folder / "search.json")["networks"])
    assert len(evaluations) == 10 + judged
    done = len(evaluations)
    assert main([*command, "--out", str(folder / "again.json")]) == 0
    assert len(evaluations) == done
    assert (folder / "again.json").read_bytes() == expected
    assert not list((folder / "search").glob("*.cache"))


def test_networks_that_fail_count_nothing_and_are_named(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = tmp_path / "run"
    shutil.copytree(finished, folder, ignore=shutil.ignore_patterns("search*"))
    real = search_judge.evaluation_handler

    def handler(*arguments: Any) -> Callable[..., Any]:
        evaluate = real(*arguments)

        def failing(network: Any, report: Any) -> Any:
            if int(network.id, 16) % 2:
                raise ValueError("outputs are not finite")
            return evaluate(network, report)

        return failing

    monkeypatch.setattr(search_judge, "evaluation_handler", handler)
    capsys.readouterr()
    assert main(["search", str(folder), *OPTIONS, "--quiet"]) == 0
    networks = found_in(folder / "search.json")["networks"]
    failed = [n for n in networks if n["failure"]]
    assert 0 < len(failed) < 10
    assert all(int(n["id"], 16) % 2 and n["score"] == 0 and not n["front"] for n in failed)
    assert f"{len(failed)} failed" in capsys.readouterr().out


def test_a_supernet_of_which_every_network_fails_is_refused(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = tmp_path / "run"
    shutil.copytree(finished, folder, ignore=shutil.ignore_patterns("search*"))

    def fail(network: Any, report: Any) -> Any:
        raise ValueError("outputs are not finite")

    monkeypatch.setattr(search_judge, "evaluation_handler", lambda *a: fail)
    assert "all 10 failed: outputs are not finite" in refused([str(folder), *OPTIONS], capsys)


def test_outcomes_that_can_be_asked_for_are_those_of_the_results(finished: Path) -> None:
    protocol = find_protocol(str(finished.parent / "small.json"), 16)
    with open_results(finished / "results.h5") as results:
        planned = [o.name for o in plan_outcomes(results.conditions).outcomes]
    assert set(outcome_families(protocol)) == set(planned) - {"system_nsd"}


@pytest.mark.parametrize(
    ("objective", "kept"),
    [
        ("clean", set()),
        ("clean,pgd_linf", {"attacks"}),
        ("natural_blur", {"natural"}),
        ("system,transfer,inference", {"system", "transfer", "inference"}),
    ],
)
def test_noises_that_the_objective_does_not_need_are_left_out(
    objective: str, kept: set[str]
) -> None:
    full = find_protocol("full", 16)
    protocol = only_needed(full, tuple(objective.split(",")))
    parts = ("attacks", "natural", "system", "inference", "transfer")
    for part in parts:
        assert getattr(protocol, part) == (getattr(full, part) if part in kept else ())
    assert protocol.sequences == ()


def test_halves_are_disjoint_and_stratified() -> None:
    dataset = load_dataset("digits", 16)
    for images, count in ((60, 60), (1000, len(dataset.test) // 2)):
        first, second = (half.test for half in halves(dataset, images, 3))
        assert len(first) == len(second) == count
        assert not set(first.ids) & set(second.ids)
        assert set(first.ids) | set(second.ids) <= set(dataset.test.ids)
        shares = np.bincount(dataset.test.labels) * count / len(dataset.test)
        for half in (first, second):
            assert abs(np.bincount(half.labels) - shares).max() < 2


def test_the_front_holds_what_no_other_beats() -> None:
    hand = np.array([[3, 1], [1, 3], [2, 2], [1, 1], [2, 2], [3, 0]], float)
    assert pareto_front(hand).tolist() == [True, True, True, False, True, False]
    values = np.random.default_rng(0).integers(0, 6, (80, 3)).astype(float)

    def beats(a: Any, b: Any) -> bool:
        return all(x >= y for x, y in zip(a, b, strict=True)) and tuple(a) != tuple(b)

    expected = [not any(beats(a, b) for a in values) for b in values]
    assert pareto_front(values).tolist() == expected


def test_the_front_weighs_every_outcome_and_macs() -> None:
    space = itertools.count()

    def finding(clean: float, robust: float, macs: float) -> Finding:
        architecture = Architecture.of("mobilenet", "digits", {"gene": next(space)})
        shares = {"clean": (clean, 0.0, 1.0), "adversarial": (robust, 0.0, 1.0)}
        return Finding(architecture, macs, shares)

    findings = [finding(0.9, 0.1, 5), finding(0.5, 0.3, 1), finding(0.5, 0.3, 2)]
    findings += [finding(0.6, 0.5, 9), replace(findings[0], chosen_on={}, failure="broke")]
    best, front = best_and_front(findings, ("clean", "adversarial"))
    assert best == [3, 0, 1, 2]
    assert sorted(front) == [0, 1, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--objective", "clean,robust"], "search.objective must be among clean, fgsm,"),
        (["--objective", "system_nsd"], "got 'system_nsd'"),
        (["--objective", ""], "got ''"),
        (["--space", "resnet"], "search.space must be one of mobilenet, the supernets of"),
        (["--budget", "5"], "Evolution.population must be from 1 to 5, the budget; got 6"),
        (["--budget", "0"], "search.budget must be at least 1; got 0"),
        (["--objective", "clean,clean"], "search.objective must name each outcome once"),
        (["--seed", "-1"], "Evolution.seed must be from 0 to"),
        (["--max-macs", "10"], "search.max_macs must be at least"),
        (["--max-macs", "nan"], "search.max_macs must be at least"),
        (["--images", "9"], "search.images must be at least 10 and as many be held out; got 9"),
        (["--out", "found.txt"], "search.out must be a .json file; got found.txt"),
    ],
)
def test_bad_options_are_refused(
    options: list[str], message: str, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused([str(finished), *OPTIONS, *options], capsys)


@pytest.mark.parametrize("name", ["settings.json", "run.json"])
def test_files_of_the_run_are_not_overwritten(
    name: str, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (finished / name).read_bytes()
    out = ["--out", str(finished / name)]
    said = refused([str(finished), *OPTIONS, *out], capsys)
    assert "search.out must be new or what search wrote before; got" in said
    assert (finished / name).read_bytes() == before


def test_folders_without_a_finished_training_are_refused(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = "search.folder must be a run that has begun to evaluate; got"
    assert wanted in refused([str(tmp_path / "nowhere"), *OPTIONS], capsys)
    shutil.copy(finished / "settings.json", tmp_path)  # as while it is training
    assert wanted in refused([str(tmp_path), *OPTIONS], capsys)
    (tmp_path / "journal.sqlite").write_bytes(b"no journal" * 1000)
    assert wanted in refused([str(tmp_path), *OPTIONS], capsys)
    assert not (tmp_path / "search").exists()


def test_other_data_than_that_of_the_run_are_refused(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = load_dataset("digits", 16)
    fewer = replace(dataset, test=dataset.test.take(np.arange(100)))
    monkeypatch.setattr(search_source, "load_dataset", lambda *a: fewer)
    assert "holds other images now" in refused([str(finished), *OPTIONS], capsys)


def test_a_changed_protocol_file_is_refused(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = finished.parent / "small.json"
    text = path.read_text()
    path.write_text(text + " ")
    try:
        assert "a file it names has changed" in refused([str(finished), *OPTIONS], capsys)
    finally:
        path.write_text(text)


def test_a_machine_without_nni_is_told_so(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "nni", None)
    nni_adapter.load_nni.cache_clear()
    assert "Install it with pip install nni" in refused([str(finished), *OPTIONS], capsys)
