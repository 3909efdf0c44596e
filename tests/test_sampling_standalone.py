"""Networks trained alone: where they begin, that they resume, and which are drawn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from images.datasets import load_dataset
from nas_space.presets import find_space
from sampling.campaign import SupernetPlan, enlist
from sampling.design import draw
from sampling.standalone import Twin, alone, stratified_networks
from sampling.store import Network
from supernet.calibration import weights_hash
from training.recipe import Recipe

SPACE = "resnet-digits"


def plan_of(folder: Path) -> SupernetPlan:
    recipe = Recipe(epochs=2, batch=64, rate=0.05, techniques=("shift",))
    return SupernetPlan("resnet", SPACE, 10, recipe, "standard", folder / "none.safetensors")


def networks(folder: Path, count: int = 60) -> list[Network]:
    return enlist(plan_of(folder), draw(find_space(SPACE), count, 0))


def training_data() -> tuple[np.ndarray, np.ndarray]:
    train = load_dataset("digits", 16).train
    return train.pixels[:192], train.labels[:192]


def test_a_network_alone_begins_as_a_slice_of_an_untrained_supernet(tmp_path: Path) -> None:
    plan, network = plan_of(tmp_path), alone(networks(tmp_path)[5], 3)
    twin = Twin(plan, network, tmp_path)
    supernet = replace(plan, recipe=replace(plan.recipe, seed=twin.seed)).build()
    built = twin.build()
    assert built.training
    for name, unit in built.units.items():
        shared = supernet.convs[name].weight
        c, i, k, _ = unit.conv.weight.shape
        margin = (shared.shape[-1] - k) // 2
        wanted = shared[:c, :i, margin : margin + k, margin : margin + k]
        assert torch.equal(unit.conv.weight, wanted)


def test_every_network_and_seed_has_draws_of_its_own(tmp_path: Path) -> None:
    rows = [alone(n, seed) for n in networks(tmp_path) for seed in (0, 1)]
    assert len({Twin(plan_of(tmp_path), row, tmp_path).seed for row in rows}) == len(rows)
    assert len({row.key for row in rows}) == len(rows)
    assert {(row.origin, row.supernet) for row in rows} == {("standalone", "")}


def test_training_alone_lowers_the_loss_and_resumes_to_the_same_bits(tmp_path: Path) -> None:
    plan, network = plan_of(tmp_path), networks(tmp_path)[7]
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole = Twin(plan, network, tmp_path / "whole").train(training_data(), "cpu")

    def stop(epochs: float) -> None:
        if epochs == 1:
            raise KeyboardInterrupt

    cut = Twin(plan, network, tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        cut.train(training_data(), "cpu", stop)
    assert weights_hash(cut.train(training_data(), "cpu")) == weights_hash(whole)
    assert weights_hash(cut.build()) != weights_hash(whole)


def test_stratified_networks_spread_over_accuracy_and_macs(tmp_path: Path) -> None:
    rows = networks(tmp_path, 400)
    rng = np.random.default_rng(0)
    accuracy = rng.permutation(len(rows)) / len(rows)
    chosen = stratified_networks(rows, accuracy.tolist(), 50, 0)
    of = dict(zip((n.id for n in rows), accuracy, strict=True))
    values = np.sort([of[n.id] for n in chosen])
    assert len({n.id for n in chosen}) == 50
    # five from each tenth of the independent networks, nearly a tenth of all
    np.testing.assert_allclose(np.histogram(values, 10, (0, 1))[0], 5, atol=2)
    macs = np.array([n.factors["macs"] for n in rows])
    share = [np.mean(macs <= n.factors["macs"]) for n in chosen]
    np.testing.assert_allclose(np.histogram(share, 5, (0, 1.001))[0], 10, atol=4)


def test_stratified_networks_are_independent_and_reproducible(tmp_path: Path) -> None:
    rows = networks(tmp_path, 100)
    chosen = stratified_networks(rows, [0.5] * 100, 20, 1)
    assert chosen == stratified_networks(rows, [0.5] * 100, 20, 1)
    assert chosen != stratified_networks(rows, [0.5] * 100, 20, 2)
    assert len({n.pair for n in chosen}) == 20
    assert not {n.design for n in chosen} & {"largest", "smallest"}


def test_stratified_networks_refuse_more_than_there_are(tmp_path: Path) -> None:
    rows = networks(tmp_path, 20)
    units = len({n.pair for n in rows}) - 2
    assert len(stratified_networks(rows, [0.5] * 20, units, 0)) == units
    with pytest.raises(ValueError, match=rf"^study\.networks must be at most the {units} design"):
        stratified_networks(rows, [0.5] * 20, units + 1, 0)
