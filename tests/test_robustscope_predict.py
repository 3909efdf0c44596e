"""`robustscope predict` on a made-up campaign: its files, its verification and its refusals."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nas_space.costs import factors, unit
from nas_space.presets import SPACES
from robustscope.__main__ import main
from robustscope.predict import usual_design
from sampling.design import Draw, draw, find_design
from sampling.design.entries import read_draws
from sampling.store import Campaign, Condition, Network, Outcome, write_results

SPACE = SPACES["resnet-digits"]
IMAGES = 200


def write_campaign(path: Path, draws: list[Draw], weights: str = "w") -> Path:
    """Networks whose clean accuracy grows with resolution."""
    rng = np.random.default_rng(0)
    table = factors(SPACE, [d.architecture for d in draws], 10)
    chance = 0.3 + 0.5 * (table["resolution"] - 8) / 8
    rows = []
    for i, d in enumerate(draws):
        right = rng.random((1, IMAGES)) < chance[i]
        told = {name: float(values[i]) for name, values in table.items()}
        text, design = d.architecture.to_json(), (d.design, d.unit)
        weighed = ("resnet", "supernet", "resnet", "standard", 0)
        network = Network(d.architecture.id, text, *weighed, *design, told)
        rows.append((network, Outcome("ab" * 32, np.ones_like(right), right), "done", ""))
    campaign = Campaign(
        protocol="{}",
        protocol_hash="c0ffee" * 10 + "0000",
        dataset="digits",
        dataset_sha256="12" * 32,
        device="cpu",
        conditions=(Condition("clean", "clean", 0, "{}", "clean"),),
        image_set="test",
        image_ids=tuple(f"test-{j}" for j in range(IMAGES)),
        labels=np.arange(IMAGES) % 10,
        classes=tuple("0123456789"),
        spaces={},
        supernets={"resnet": json.dumps({"weights": weights})},
        factor_units={name: unit(name) for name in table},
    )
    write_results(path, campaign, rows, {})
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draws = draw(SPACE, 80, 0, find_design("genes"))
    return write_campaign(tmp_path_factory.mktemp("predict") / "results.h5", draws)


@pytest.fixture(scope="module")
def out(source: Path) -> Path:
    folder = source.parent / "out"
    asked = ["--networks", "60", "--random", "30", "--best", "5"]
    assert main(["predict", str(source), "--out", str(folder), *asked]) == 0
    return folder


def test_predictions_are_of_unseen_networks_with_limits_about_them(source: Path, out: Path) -> None:
    table = pd.read_csv(out / "predictions.csv")
    seen = {d.architecture.id for d in draw(SPACE, 80, 0, find_design("genes"))}
    assert len(table) == 60
    assert not seen & set(table["id"])
    assert ((table["clean_low"] < table["clean"]) & (table["clean"] < table["clean_high"])).all()
    listed = {d.architecture.id for d in read_draws(out / "verify.json")}
    assert listed == set(table.loc[table["evaluate"].notna(), "id"])


def test_front_has_the_network_of_fewest_macs(out: Path) -> None:
    table = pd.read_csv(out / "predictions.csv")
    assert table.loc[table["macs"].idxmin(), "front"] == 1


def test_measured_networks_lie_within_their_intervals(source: Path, out: Path) -> None:
    other = write_campaign(source.parent / "other.h5", read_draws(out / "verify.json"))
    assert main(["predict", str(source), "--out", str(out), "--verify", str(other)]) == 0
    found = pd.read_csv(out / "verification.csv").set_index("networks").loc["random"]
    assert found["n"] == 30
    assert found["within_high"] > 0.95
    assert found["spearman"] > 0.467  # two-sided 1 % point of no relation between 30


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--networks", "0"], "predict.networks must be 1 to"),
        (["--space", "vit"], "predict.space must be one of resnet"),
        (["--verify", "RESULTS"], "predict.verify must hold networks of the forecast"),
    ],
)
def test_bad_input_is_one_line(
    source: Path, out: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [a.replace("RESULTS", str(source)) for a in arguments]
    assert main(["predict", str(source), "--out", str(out), *given]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_other_weights_are_refused(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draws = read_draws(out / "verify.json")
    other = write_campaign(source.parent / "others.h5", draws, weights="else")
    assert main(["predict", str(source), "--out", str(out), "--verify", str(other)]) == 2
    assert "must be of the same supernet weights" in capsys.readouterr().err


def test_three_networks_are_too_few(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = write_campaign(tmp_path / "few.h5", draw(SPACE, 3, 0, find_design("genes")))
    assert main(["predict", str(few), "--out", str(tmp_path / "out")]) == 2
    assert "10 independent design units of the supernet; got 3" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_design_is_that_of_the_file() -> None:
    assert usual_design(["largest", "cube:a+b+c", "genes"]) == "mixture"
    assert usual_design(["macs:3", "macs:1"]) == "macs"
    with pytest.raises(ValueError, match="drawn by one design"):
        usual_design(["listed"])
