"""A network that answers no numbers fails alone, and examinations give signs of life."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import sampling.campaign
import sampling.examination
from images.datasets import Dataset, load_dataset
from nas_space.presets import find_space
from noises.adversarial.gradient import GradientAttack
from noises.presets import quick
from sampling.campaign import (
    SupernetPlan,
    campaign_record,
    enlist,
    evaluation_handler,
    train_supernets,
)
from sampling.conditions import Cache, Prepared, prepare
from sampling.design import draw
from sampling.executors import HERE
from sampling.recording import record_pending
from sampling.signs import signs
from sampling.store import DONE, FAILED, Journal, Network, open_results, verify, write_results
from supernet.network import spawn
from training.recipe import Recipe

FGSM = GradientAttack("fgsm", "linf", (0.05,), 1, 1.0, False, "")
PROTOCOL = replace(quick(16), natural=(), system=(), attacks=(FGSM,), attacked=20, recalibration=64)


class Made(NamedTuple):
    dataset: Dataset
    plan: SupernetPlan
    prepared: Prepared
    networks: list[Network]

    @property
    def arguments(self) -> tuple[Any, ...]:
        return {self.plan.name: self.plan}, self.prepared.home, PROTOCOL, "cpu"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder, data = tmp_path_factory.mktemp("campaign"), load_dataset("digits", 16)
    recipe = Recipe(epochs=1, batch=64, rate=0.1)
    plan = SupernetPlan("net", "resnet-digits", 10, recipe, "standard", folder / "net.safetensors")
    short = replace(data, train=data.train.take(np.arange(128)))
    assert list(train_supernets([plan], short, folder / "training", HERE, "cpu"))
    prepared = prepare(data, PROTOCOL, 40, Cache(folder))
    return Made(data, plan, prepared, enlist(plan, draw(find_space(plan.space), 8, 0))[:3])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_network_whose_weights_are_no_numbers_fails_alone(
    made: Made, value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = made.networks[1]

    def spoiled(supernet: Any, architecture: Any) -> Any:
        subnet = spawn(supernet, architecture)
        if architecture.id == bad.id:
            torch.nn.init.constant_(subnet.head.weight, value)
        return subnet

    monkeypatch.setattr(sampling.campaign, "spawn", spoiled)
    with Journal.open(tmp_path / "journal.sqlite", "{}") as journal:
        journal.add(made.networks)
        kinds = list(record_pending(journal, evaluation_handler, made.arguments, HERE))
        campaign = campaign_record(made.dataset, made.prepared, [made.plan], "cpu")
        write_results(tmp_path / "results.h5", campaign, journal.outcomes(), {})
    assert kinds == [DONE, FAILED, DONE]
    assert verify(tmp_path / "results.h5").ok
    with open_results(tmp_path / "results.h5") as results:
        failed = results.networks.set_index("id").loc[bad.id]
        assert failed.failure == "Network.outputs must be finite; got NaN or infinity."


def test_an_examination_gives_signs_of_life(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling.examination, "signs", partial(signs, every=0.0))
    told: list[Any] = []
    evaluation_handler(*made.arguments)(made.networks[0], told.append)
    assert len(told) > 20
    assert set(told) == {None}
