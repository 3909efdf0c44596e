"""Stored costs are those of the network that ran: counted as it runs, and tampered with."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import sampling.campaign
from images.datasets import load_dataset
from nas_space.presets import SPACES
from noises.presets import quick
from sampling.campaign import SupernetPlan, enlist, evaluation_handler, train_supernets
from sampling.conditions import Cache, prepare
from sampling.design import Draw
from sampling.executors import HERE
from sampling.proof import check_costs, counting
from supernet.calibration import recalibrate
from supernet.network import spawn
from tests.network_example import CLASSES, digits, make_supernet, some_architectures
from training.recipe import Recipe

DIGITS = [name for name in SPACES if name.endswith("digits")]
PROTOCOL = replace(quick(16), natural=(), system=(), attacks=(), recalibration=20)


def plan_of(space, folder):
    recipe = Recipe(epochs=1, batch=64, rate=0.1)
    return SupernetPlan("net", space, CLASSES, recipe, "standard", folder / "net.safetensors")


def row(plan, architecture):
    return enlist(plan, [Draw(architecture, "uniform", "unit")])[0]


@pytest.mark.parametrize("space", DIGITS)
def test_costs_counted_while_recalibrating_are_torchs_and_the_stored_ones(space, tmp_path):
    images, _ = digits()
    for architecture in some_architectures(space):
        subnet = spawn(make_supernet(space), architecture)
        with counting(subnet) as count:
            recalibrate(subnet, [images[:5], images[5:12]])
        network = row(plan_of(space, tmp_path), architecture)
        check_costs(network, subnet, count, 12)
        side = int(network.factors["resolution"])  # at its own resolution it does not resize
        with torch.no_grad(), FlopCounterMode(display=False) as flops:
            subnet(torch.zeros(1, 3, side, side))
        assert count.macs == 12 * flops.get_total_flops() / 2
        subnet(images[:1])
        assert count.macs == 6 * flops.get_total_flops(), "hooks are gone"


@pytest.fixture(scope="module")
def evaluating(tmp_path_factory):
    """Plan, and what builds a handler for its networks."""
    folder, data = tmp_path_factory.mktemp("proof"), load_dataset("digits", 16)
    plan = plan_of("mobilenet-digits", folder)
    short = replace(data, train=data.train.take(np.arange(64)))
    assert list(train_supernets([plan], short, folder / "training", HERE, "cpu"))
    prepared = prepare(data, PROTOCOL, 20, Cache(folder))
    return plan, lambda: evaluation_handler({"net": plan}, prepared.home, PROTOCOL, "cpu")


def drawn(plan, seed=3):
    return SPACES[plan.space].sample(np.random.default_rng(seed))


def test_the_network_that_was_asked_for_passes(evaluating):
    plan, handler = evaluating
    outcome = handler()(row(plan, drawn(plan)), print)
    assert outcome.evaluated.all()


def test_another_architecture_than_the_stored_one_is_noticed(evaluating, monkeypatch):
    plan, handler = evaluating
    space = SPACES[plan.space]
    other = space.extreme(largest=False)
    monkeypatch.setattr(sampling.campaign, "spawn", lambda net, _: spawn(net, other))
    network = row(plan, drawn(plan))
    with pytest.raises(ValueError, match=rf"^Network\.macs must be .* for {network.id}\. Check"):
        handler()(network, print)


@pytest.mark.parametrize("cut", ["kernel", "channels"])
def test_a_slice_of_another_size_is_noticed(evaluating, monkeypatch, cut):
    plan, handler = evaluating

    def sliced(supernet, architecture):
        subnet = spawn(supernet, architecture)
        units = list(subnet.units.values())
        if cut == "kernel":  # the centre alone of one filter
            conv = units[0].conv
            conv.weight = nn.Parameter(conv.weight[:, :, 1:2, 1:2].detach())
            conv.kernel_size, conv.padding = (1, 1), (0, 0)
        else:  # one channel less between two layers of a block
            _narrow(units)
        return subnet

    monkeypatch.setattr(sampling.campaign, "spawn", sliced)
    with pytest.raises(ValueError, match=r"^Network\.macs must be"):
        handler()(row(plan, drawn(plan)), print)


def _narrow(units):
    """Takes a hidden channel out of the first inverted residual: expand, depthwise, project."""
    expand, depthwise, project = (unit.conv for unit in units[1:4])
    hidden = expand.out_channels - 1
    expand.weight = nn.Parameter(expand.weight[:hidden].detach())
    depthwise.weight = nn.Parameter(depthwise.weight[:hidden].detach())
    depthwise.groups = hidden
    project.weight = nn.Parameter(project.weight[:, :hidden].detach())
    for unit in units[1:3]:
        unit.norm = nn.BatchNorm2d(hidden)


def test_stored_parameters_that_are_not_the_networks_are_noticed(evaluating):
    plan, handler = evaluating
    network = row(plan, drawn(plan))
    factors = {**network.factors, "parameters": network.factors["parameters"] + 1}
    with pytest.raises(ValueError, match=r"^Network\.parameters must be that of the network that"):
        handler()(replace(network, factors=factors), print)
