"""The main job from the command line, small, on the embedded digits, and what can stop it."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from images.datasets import load_dataset, stratified
from nas_space.architecture import Architecture
from nas_space.presets import find_space
from robustscope.__main__ import main
from robustscope.memory import below
from sampling.store import Journal, StoreError, open_results
from supernet.calibration import recalibrate
from supernet.network import SuperNet, spawn
from training.checkpoint import load_weights, read_checkpoint
from training.loop import to_float

SMALL = ("run", "--subnets", "8", "--images", "60", "--epochs", "2", "--quiet")
PROTOCOL = {
    "natural": ["gaussian_noise", "contrast"],
    "severities": [3],
    "system": ["system_reference", "pillow_box", "pillow_nearest", "opencv_cubic"],
    "attacked": 20,
    "recalibration": 64,
}


@pytest.fixture(scope="module")
def protocol(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A protocol file that takes little time."""
    path = tmp_path_factory.mktemp("protocol") / "small.json"
    path.write_text(json.dumps(PROTOCOL))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, protocol: Path) -> Path:
    """A finished small run on one worker process."""
    out = tmp_path_factory.mktemp("runs") / "small"
    arguments = [*SMALL, "--protocol", str(protocol), "--out", str(out), "--workers", "1"]
    assert main(arguments) == 0
    return out


def content_hash(out: Path) -> str:
    with open_results(out / "results.h5") as results:
        return str(results.attributes["content_hash"])


def test_run_leaves_results_tables_figures_report_and_record(finished: Path) -> None:
    record = json.loads((finished / "run.json").read_text())
    assert record["finished"]
    assert record["counts"]["done"] == 8
    assert record["counts"]["images"] == 60
    assert set(record["seconds"]) >= {"train", "noise", "evaluate", "analyze", "total"}
    assert record["versions"]["torch"]
    assert record["peak_memory_mb"] > 0
    for name in ("tables/networks.csv", "report.html", "results.h5", "supernets"):
        assert (finished / name).exists(), name
    assert not (finished / "cache").exists()


def test_run_ends_at_once_when_finished(
    finished: Path, protocol: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (finished / "results.h5").stat().st_mtime_ns
    assert main([*SMALL, "--protocol", str(protocol), "--out", str(finished)]) == 0
    assert "Finished before" in capsys.readouterr().out
    assert (finished / "results.h5").stat().st_mtime_ns == before


@pytest.mark.parametrize("lost", ["tables", "results.h5"])
def test_a_finished_run_that_lost_files_makes_them_again(
    lost: str, finished: Path, protocol: Path, tmp_path: Path
) -> None:
    out, options = tmp_path / "run", ["--protocol", str(protocol), "--workers", "1"]
    shutil.copytree(finished, out)
    table = (out / "tables" / "networks.csv").read_bytes()
    if lost == "tables":
        shutil.rmtree(out / "tables")
    else:
        (out / "results.h5").write_bytes(b"cut")
    assert main([*SMALL, *options, "--out", str(out)]) == 0
    assert content_hash(out) == content_hash(finished)
    assert (out / "tables" / "networks.csv").read_bytes() == table


def test_run_refuses_other_settings(
    finished: Path, protocol: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = [*SMALL[:2], "9", *SMALL[3:], "--protocol", str(protocol), "--out", str(finished)]
    assert main(other) == 2
    assert "run.subnets must be as before" in capsys.readouterr().err


def test_clean_accuracy_in_the_store_equals_a_plain_evaluation(finished: Path) -> None:
    dataset = load_dataset("digits", 16)
    test = dataset.test.take(stratified(dataset.test.labels, 60, 0))
    images, labels = to_float(test.pixels, "cpu"), torch.from_numpy(test.labels)
    chosen = stratified(dataset.train.labels, 64, 0)
    batch = to_float(dataset.train.pixels[chosen], "cpu")
    with open_results(finished / "results.h5") as results:
        stored = results.correct(["clean"])[:, 0]
        networks = results.networks
        assert tuple(results.image_ids) == test.ids
    for i, row in networks.iterrows():
        supernet = SuperNet(find_space(f"{row.supernet}-digits"), 10)
        checkpoint = finished / "supernets" / f"{row.supernet}.safetensors"
        load_weights(checkpoint, supernet, read_checkpoint(checkpoint)[0])
        network = recalibrate(spawn(supernet, Architecture.from_json(row.architecture)), [batch])
        with torch.no_grad():
            plain = (network(images).argmax(1) == labels).numpy()
        assert (plain == stored[i]).mean() >= 0.98  # at most one of 60 images at a rounding edge


def test_attacks_cover_their_stratified_subset_alone(finished: Path) -> None:
    with open_results(finished / "results.h5") as results:
        names = [n for n in results.conditions.name if n.startswith(("fgsm", "pgd"))]
        evaluated = results.evaluated(names)
        assert len(names) == 6
        assert (evaluated.sum(2) == 20).all()
        assert (evaluated == evaluated[:1, :1]).all()
        kept = results.evaluated(["clean", "pillow_box"])
        assert kept.all()


def test_pixel_identical_variants_share_their_outcome(finished: Path) -> None:
    with open_results(finished / "results.h5") as results:
        parameters = results.conditions.set_index("name").parameters
        twin = json.loads(parameters["pillow_nearest"])["identical_to"]
        assert twin == "pillow_box"
        both = results.correct(["pillow_box", "pillow_nearest"])
        assert np.array_equal(both[:, 0], both[:, 1])


def start(out: Path, protocol: Path, workers: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "robustscope", *SMALL, "--protocol", str(protocol)]
    command += ["--out", str(out), "--workers", str(workers)]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def progress(out: Path) -> str:
    """What a run folder holds that shows how far it came."""
    done = [p.name for p in (out / "supernets").glob("*.safetensors")] if out.exists() else []
    journal = out / "journal.sqlite-wal"
    return f"{len(done)} {journal.stat().st_size if journal.exists() else 0}"


@pytest.mark.slow
def test_killed_runs_resume_to_the_same_content_with_two_workers(
    finished: Path, protocol: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    kills = 0
    while kills < 2:
        process = start(out, protocol, workers=2)
        before = progress(out)
        while process.poll() is None and progress(out) == before:
            time.sleep(0.02)
        if process.poll() is not None:
            break
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        kills += 1
    assert kills == 2
    process = start(out, protocol, workers=2)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()
    assert content_hash(out) == content_hash(finished)


def done(out: Path) -> int:
    """Networks in the journal of a run that have an outcome."""
    try:
        with Journal.view(out / "journal.sqlite") as journal:
            return journal.counts().done
    except StoreError:  # it is being made
        return 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_told_to_stop_leaves_no_worker_and_a_whole_journal(
    number: signal.Signals, protocol: Path, tmp_path: Path
) -> None:
    process = start(tmp_path, protocol, workers=2)
    while process.poll() is None and done(tmp_path) < 2:
        time.sleep(0.02)
    workers = below(process.pid)
    assert len(workers) >= 2
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.decode().strip() == "Stopped; the same command goes on from here."
    deadline = time.monotonic() + 20  # what multiprocessing keeps beside them ends by itself
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with sqlite3.connect(tmp_path / "journal.sqlite") as journal:
        assert journal.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    journal.close()
    assert 2 <= done(tmp_path) < 8


@pytest.mark.slow
def test_one_process_gives_the_same_content_as_workers(
    finished: Path, protocol: Path, tmp_path: Path
) -> None:
    arguments = [*SMALL, "--protocol", str(protocol), "--out", str(tmp_path / "here")]
    assert main([*arguments, "--workers", "0"]) == 0
    assert content_hash(tmp_path / "here") == content_hash(finished)


def test_listed_architectures_are_evaluated(protocol: Path, tmp_path: Path) -> None:
    smallest = find_space("resnet-digits").extreme(largest=False)
    listed = tmp_path / "list.json"
    listed.write_text(f"[{smallest.to_json()}]")
    few = [SMALL[0], *SMALL[3:]]  # the list says how many
    arguments = [*few, "--protocol", str(protocol), "--space", "resnet", "--workers", "0"]
    assert main([*arguments, "--architectures", str(listed), "--out", str(tmp_path / "run")]) == 0
    with open_results(tmp_path / "run" / "results.h5") as results:
        assert list(results.networks.id) == [smallest.id]
        assert list(results.networks.design) == ["listed"]


EVERYTHING = {
    "natural": ["fog", "rotation"],
    "severities": [1, 3],
    "attacked": 20,
    "recalibration": 64,
    "system": ["system_reference", "pillow_box", "torch_bicubic"],
    "inference": ["int8", "bfloat16", "ceil_mode"],
    "sequences": ["rotate", "gaussian_noise"],
    "keep": ["prediction", "confidence"],
    "attacks": [
        {"name": "fgsm", "norm": "linf", "budgets": [0.02, 0.05], "steps": 1, "step": 1.0,
         "random_start": False, "source": ""},
        {"kind": "autoattack", "name": "aa", "budgets": [0.02, 0.05], "source": "", "steps": 5,
         "targets": 2, "queries": 20},
        {"kind": "ddn", "name": "ddn", "budgets": [0.3, 0.7], "steps": 10, "source": ""},
    ],
    "transfer": [{"name": "fgsm", "norm": "linf", "budgets": [0.05], "steps": 1, "step": 1.0,
                  "random_start": False, "source": ""}],
}  # fmt: skip


@pytest.mark.slow
def test_every_kind_of_condition_gives_the_same_results_however_it_is_run(tmp_path: Path) -> None:
    """Two workers with stored copies; in this process with copies made as they are read."""
    file = tmp_path / "everything.json"
    file.write_text(json.dumps(EVERYTHING))
    hashes = set()
    for name, options in (("a", ("--workers", "2")), ("b", ("--workers", "0", "--cache", "0"))):
        out = tmp_path / name
        few = [*SMALL, "--subnets", "4", "--protocol", str(file), "--out", str(out)]
        assert main([*few, *options]) == 0
        hashes.add(content_hash(out))
    assert len(hashes) == 1
    with open_results(out / "results.h5") as results:
        families = list(results.conditions["family"])
        assert {f: families.count(f) for f in dict.fromkeys(families)} == {
            "clean": 1, "natural": 4, "system": 3, "inference": 3, "adversarial": 6, "transfer": 2,
        }  # fmt: skip
        assert results.sequence_sets["sequences"].sequences == ("rotate", "gaussian_noise")
        assert np.isfinite(results.alarms["transfer_wins"][:, families.index("transfer")]).all()
