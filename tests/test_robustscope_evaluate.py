"""A network of the user's own, beside a run and alone, from the command line and from Python."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import robustscope
import robustscope.run
from images.datasets import load_dataset, stratified
from nas_space.architecture import Architecture
from noises.draws import generators
from noises.natural.table import NATURAL_NOISES
from robustscope import own_evaluation
from robustscope.__main__ import main
from robustscope.own_model import load_model
from sampling.store import open_results, verify

PROTOCOL = {
    "natural": ["contrast", "gaussian_noise"],
    "severities": [3],
    "system": ["system_reference", "pillow_nearest"],
    "attacked": 20,
    "recalibration": 32,
}

MODELS = """
import torch
from torch import nn
from pathlib import Path

def simple():
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(3, 8, 5, 2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))

def named():
    return torch.load(Path(__file__).with_name("net.pt"), weights_only=False)

def raises():
    raise RuntimeError("no weights here")

def nothing():
    return None
"""


def few_digits(spec="digits", size=16, *_):
    data = load_dataset(spec, size)
    return replace(data, train=data.train.take(np.arange(256)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A small finished run in `run`, a protocol and a file of models beside it."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "small.json").write_text(json.dumps(PROTOCOL))
    (folder / "models.py").write_text(MODELS)
    arguments = ["--space", "resnet", "--subnets", "4", "--images", "40", "--epochs", "2"]
    arguments += ["--protocol", str(folder / "small.json"), "--out", str(folder / "run")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(robustscope.run, "load_dataset", few_digits)
        assert main(["run", *arguments, "--workers", "0", "--quiet"]) == 0
    return folder


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    monkeypatch.setattr(own_evaluation, "load_dataset", few_digits)


def asked(folder, model, *options):
    return main(["evaluate", "--model", f"{folder / 'models.py'}:{model}", "--quiet", *options])


def alone(folder, out, *options):
    options = ("--data", "digits", "--protocol", str(folder / "small.json"), *options)
    return asked(folder, "simple", "--images", "40", "--out", str(out), *options)


def test_own_network_joins_the_run_and_leaves_the_others_as_they_are(folder, capsys):
    path = folder / "run" / "results.h5"
    with open_results(path) as before:
        ids, bits = list(before.networks["id"]), before.correct()
    assert asked(folder, "simple", "--out", str(folder / "run"), "--name", "<b>mine</b>") == 0
    assert "<b>mine</b>" in capsys.readouterr().out
    assert verify(path).ok
    with open_results(path) as after:
        rows = after.networks
        assert list(rows["origin"]).count("own") == 1
        others = (rows["origin"] == "supernet").to_numpy()
        assert list(rows["id"][others]) == ids
        assert np.array_equal(after.correct(rows=others), bits)
    report = (folder / "run" / "report.html").read_text()
    assert "<b>mine</b>" not in report


def test_run_that_was_joined_is_still_finished(folder, capsys):
    assert asked(folder, "simple", "--out", str(folder / "run"), "--name", "again") == 0
    arguments = ["--space", "resnet", "--subnets", "4", "--images", "40", "--epochs", "2"]
    arguments += ["--protocol", str(folder / "small.json"), "--out", str(folder / "run")]
    capsys.readouterr()
    assert main(["run", *arguments, "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("Finished before")


def test_clean_and_natural_outcomes_are_those_of_a_plain_loop(folder, tmp_path):
    assert alone(folder, tmp_path / "alone") == 0
    network = load_model(f"{folder / 'models.py'}:simple").eval()
    test = few_digits().test
    test = test.take(stratified(test.labels, 40, 0))
    draws = generators(0, "gaussian_noise", 3, test.ids)
    noised = NATURAL_NOISES["gaussian_noise"].apply(test.pixels, 3, draws)
    with open_results(tmp_path / "alone" / "results.h5") as results:
        found = results.correct(["clean", "gaussian_noise_s3"])[0]
    for pixels, right in zip((test.pixels, noised), found, strict=True):
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        assert np.array_equal((network(x).argmax(1).numpy() == test.labels), right)


def test_subnet_given_as_a_module_does_what_the_run_found(folder):
    from robustscope.job import finished_settings
    from robustscope.networks import supernet_plans
    from sampling.conditions import Cache, prepare
    from sampling.evaluation import Evaluator
    from supernet.calibration import recalibrate
    from supernet.network import spawn

    run, data = folder / "run", few_digits()
    settings = finished_settings("test", run)
    (plan,) = supernet_plans(settings, run, 10, ())
    with open_results(run / "results.h5") as results:
        row = results.networks[results.networks["origin"] == "supernet"].iloc[0]
        wanted = results.correct(rows=[int(row.name)])[0]
    subnet = spawn(plan.load(), Architecture.from_json(row["architecture"]))
    prepared = prepare(data, robustscope.run.protocol_of(settings), 40, Cache(folder / "copies"))
    recalibrate(subnet, Evaluator(prepared, "cpu").recalibration)
    ground = own_evaluation.run_ground(run, own_evaluation.Progress(quiet=True))
    found = own_evaluation.examine(own_evaluation.prepare_model(subnet, ground), ground, prepared)
    assert found.weights == row["weights"]
    # folded and plain networks round differently: an attacked image or two may
    assert (found.correct != wanted).mean() < 0.005


def test_python_and_command_line_give_the_same_bits(folder, tmp_path):
    assert alone(folder, tmp_path / "alone") == 0
    network = load_model(f"{folder / 'models.py'}:simple")
    outcome = robustscope.evaluate(network, "digits", str(folder / "small.json"), images=40)
    assert network.training
    assert outcome.accuracy["clean"] == outcome.correct[0].mean()
    assert outcome.conditions[0] == "clean"
    assert "pgd_linf_e1" in outcome.conditions
    assert len(outcome.image_ids) == len(outcome.labels) == 40
    with open_results(tmp_path / "alone" / "results.h5") as results:
        assert np.array_equal(results.correct()[0], outcome.correct)
        assert results.networks["weights"][0] == outcome.weights


def test_python_leaves_the_threads_of_torch_as_they_were(folder):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        network = load_model(f"{folder / 'models.py'}:simple")
        robustscope.evaluate(network, "digits", str(folder / "small.json"), images=10)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_same_network_is_evaluated_once(folder, tmp_path, monkeypatch):
    assert alone(folder, tmp_path / "alone") == 0
    first = verify(tmp_path / "alone" / "results.h5").recomputed_hash
    monkeypatch.setattr(
        robustscope.own_evaluation, "examine", lambda *_: pytest.fail("evaluated again")
    )
    assert alone(folder, tmp_path / "alone") == 0
    assert verify(tmp_path / "alone" / "results.h5").recomputed_hash == first


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("raises", (), "got RuntimeError: no weights here from"),
        ("nothing", (), "must be a torch.nn.Module; got NoneType"),
        ("absent", (), "must name a function of"),
        ("named", (), "got FileNotFoundError"),
        ("simple", ("--data", "digits"), "evaluate.data must be left out beside a run"),
        ("simple", ("--out", "elsewhere"), "evaluate.data must be given, or --out be the folder"),
        ("simple", ("--out", "new", "--data", "nope"), "data.spec must be digits"),
        ("simple", ("--out", "new", "--data", "digits", "--images", "1"), "from 10 to"),
        ("simple", ("--out", "new", "--data", "digits", "--size", "24"), "got RuntimeError"),
        ("simple", ("--out", "new", "--data", "digits", "--protocol", "full"), "free of transfer"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    model, options, said, folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    beside = () if "--out" in options else ("--out", str(folder / "run"))
    assert asked(folder, model, *beside, *options) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("spec", ["absent.py:make", "models.py", "models.py:", "models.txt:make"])
def test_model_that_names_no_file_and_function_is_refused(spec, folder, tmp_path, capsys):
    (folder / "models.txt").write_text("")
    options = ("--data", "digits", "--out", str(tmp_path / "new"), "--quiet")
    assert main(["evaluate", "--model", str(folder / spec), *options]) == 2
    assert "must be FILE.py:FUNCTION of a file that exists" in capsys.readouterr().err
