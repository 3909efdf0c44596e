"""The study of a small run, from the command line: rows, resumption, what it refuses."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import analysis.pipeline
import robustscope.run
import robustscope.study
from analysis.pipeline import AnalysisSummary
from analysis.sharing_report import notices
from analysis.study import read_study
from images.datasets import Dataset, load_dataset, stratified
from nas_space.architecture import Architecture
from robustscope.__main__ import main
from robustscope.networks import supernet_plans
from robustscope.study import read_run
from sampling.standalone import Twin
from sampling.store import Journal, open_results, verify
from supernet.calibration import recalibrate, weights_hash
from supernet.network import spawn
from training.loop import to_float

PROTOCOL = {
    "natural": ["contrast"],
    "severities": [3],
    "system": ["system_reference", "pillow_nearest"],
    "attacked": 10,
    "recalibration": 32,
}
STUDY = ("--networks", "10", "--workers", "0", "--quiet")


def few_digits(*_: object) -> Dataset:
    """The digits with 256 images to train on."""
    data = load_dataset("digits", 16)
    return replace(data, train=data.train.take(np.arange(256)))


@pytest.fixture(scope="module", autouse=True)
def _few() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(robustscope.run, "load_dataset", few_digits)
        patch.setattr(robustscope.study, "load_dataset", few_digits)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished run of one family."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "small.json").write_text(json.dumps(PROTOCOL))
    arguments = ["--space", "resnet", "--subnets", "40", "--images", "40", "--epochs", "1"]
    arguments += ["--protocol", str(folder / "small.json"), "--out", str(folder / "run")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analysis.pipeline, "analyze", no_analysis)
        assert main(["run", *arguments, "--workers", "0", "--quiet"]) == 0
    return folder / "run"


def no_analysis(results: Path, out: Path, track: object) -> AnalysisSummary:
    """Stands for an analysis, which takes longer than the rest."""
    (out / "tables").mkdir()
    (out / "figures").mkdir()
    (out / "report.html").write_text("")
    return AnalysisSummary((), (), {}, (), (), out / "report.html")


@pytest.fixture(scope="module")
def studied(run: Path) -> Path:
    """Its study with one seed."""
    assert main(["study", str(run), *STUDY, "--seeds", "1", "--largest", "0"]) == 0
    return run / "study"


def test_study_evaluates_the_same_networks_with_supernet_weights_and_alone(studied: Path) -> None:
    assert verify(studied / "results.h5").ok
    with open_results(studied / "results.h5") as results:
        table = results.networks
    assert (table["status"] == "done").all()
    by_origin = table.groupby("origin")["id"].apply(set)
    assert by_origin["supernet"] == by_origin["standalone"]
    assert len(by_origin["standalone"]) == 10
    assert not (studied / "cache").exists()


def test_stored_rows_are_those_of_networks_trained_and_spawned_plainly(
    run: Path, studied: Path
) -> None:
    dataset = few_digits()
    (plan,) = supernet_plans(read_run(run), run, 10, ())
    chosen = stratified(dataset.train.labels, 32, 0)
    batch = to_float(dataset.train.pixels[chosen], "cpu")
    test = dataset.test.take(stratified(dataset.test.labels, 40, 0))
    with Journal.view(studied / "journal.sqlite") as journal:
        pair = [row for row in journal.outcomes() if row.network.id == journal.networks()[0].id]
    for network, outcome, _, _ in pair:
        if network.origin == "standalone":
            twin = Twin(plan, network, studied / "standalone")
            subnet = twin.train((dataset.train.pixels, dataset.train.labels), "cpu")
        else:
            subnet = spawn(plan.load(), Architecture.from_json(network.architecture))
        recalibrate(subnet, [batch])
        with torch.no_grad():
            right = subnet(to_float(test.pixels, "cpu")).argmax(1).numpy() == test.labels
        assert outcome is not None
        assert outcome.weights == weights_hash(subnet)
        np.testing.assert_array_equal(outcome.correct[0], right)
    assert {network.origin for network, *_ in pair} == {"supernet", "standalone"}


def test_study_is_of_the_results_that_it_lies_beside(run: Path, studied: Path) -> None:
    found = json.loads((studied / "study.json").read_text())
    clean = found["families"]["resnet"]["outcomes"]["clean"]
    assert "supernet_standalone" in clean
    assert "standalone_seeds" not in clean
    with open_results(run / "results.h5") as results:
        assert found["run"] == results.attributes["content_hash"]
        (said,) = notices(read_study(results), run / "results.h5")
    assert said.startswith("may change ranks in resnet")


def test_more_seeds_add_to_what_is_there(
    run: Path, studied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal.view(studied / "journal.sqlite") as journal:
        before = {row.network.key: row.outcome.seconds for row in journal.outcomes() if row.outcome}
    record, recorded = Journal.record, []

    def stop(self: Journal, key: str, outcome: object) -> None:
        if len(recorded) == 6:
            raise KeyboardInterrupt
        recorded.append(key)
        record(self, key, outcome)  # type: ignore[arg-type]

    more = ["study", str(run), *STUDY, "--seeds", "2", "--largest", "2"]
    monkeypatch.setattr(Journal, "record", stop)
    assert main(more) == 130
    monkeypatch.setattr(Journal, "record", record)
    fewer = ["study", str(run), *STUDY, "--seeds", "1", "--largest", "0"]
    assert main(fewer) == 0, "what was asked before stays asked"
    with Journal.view(studied / "journal.sqlite") as journal:
        after = {row.network.key: row.outcome.seconds for row in journal.outcomes() if row.outcome}
    assert len(after) == 2 * 2 * 10 + 2 * 2
    assert before.items() <= after.items(), "nothing is evaluated twice"
    assert set(recorded) == set(recorded) - set(before)
    found = json.loads((studied / "study.json").read_text())
    assert found["families"]["resnet"]["standalone_seeds"] == [0, 1]
    assert "below_ceiling" in found["families"]["resnet"]["outcomes"]["clean"]
    assert found["largest"]["resnet"]["seeds"] == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--networks", "9"], "study.networks must be at least 10; got 9"),
        (["--networks", "500"], "study.networks must be at most the"),
        (["--seeds", "0"], "study.seeds must be at least 1"),
        (["--largest", "-1"], "study.largest must be at least 0"),
        (["--networks", "11"], "Journal.settings must be those the journal was made with"),
    ],
)
def test_study_refuses_bad_options(
    options: list[str], said: str, run: Path, studied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (studied / "study.json").read_bytes()
    assert main(["study", str(run), "--workers", "0", "--quiet", "--seeds", "1", *options]) == 2
    assert said in capsys.readouterr().err
    assert (studied / "study.json").read_bytes() == before


def test_study_refuses_a_folder_that_is_no_finished_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", str(tmp_path / "absent")]) == 2
    assert "study.run must be the folder of a finished run; got" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
