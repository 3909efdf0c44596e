"""Inference noise: one contract over the table, small changes to trained networks, ceil mode."""

import copy
import json
from dataclasses import FrozenInstanceError
from functools import cache, partial

import pytest
import torch
from torch import nn

from noises.system.inference import INFERENCE_NOISES
from supernet import calibration
from supernet.calibration import fold, recalibrate
from supernet.network import resize_weights, spawn
from tests.network_example import EXAMPLES, digits, make_supernet, some_architectures, trained

everywhere = pytest.mark.parametrize("name", INFERENCE_NOISES)
numeric = pytest.mark.parametrize("name", ["float16", "bfloat16", "int8"])


class Pooled(nn.Sequential):
    """Pools of both kinds, whose maps of 16 and 7 pixels leave a rest."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(8, 8, 3, 1, 1),
            nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10),
        )  # fmt: skip


@cache
@torch.enable_grad()
def subnet(space):
    """A spawned subnet after a few seconds of training, recalibrated and frozen."""
    found = spawn(make_supernet(space), some_architectures(space)[2])
    images, labels = digits()
    optimizer = torch.optim.Adam(found.parameters(), 0.01)
    for i in range(80):
        part = slice(997 + 200 * (i % 4), 1197 + 200 * (i % 4))
        optimizer.zero_grad()
        nn.functional.cross_entropy(found(images[part]), labels[part]).backward()
        optimizer.step()
    return recalibrate(found, [images[-400:]]).requires_grad_(False)


SUBNETS = [partial(subnet, space) for space in ("mobilenet-digits", "resnet-digits")]


def accuracy(network, count=1000):
    images, labels = digits()
    with torch.no_grad():
        return (network(images[:count]).argmax(1) == labels[:count]).float().mean().item()


def agreement(a, b):
    return (a.argmax(1) == b.argmax(1)).float().mean().item()


@everywhere
def test_inference_noise_makes_a_new_network_and_keeps_the_old(name):
    noise = INFERENCE_NOISES[name]
    network = Pooled().eval()
    images = digits()[0][:32]
    state, before = copy.deepcopy(network.state_dict()), network(images)
    noised = noise.apply(network, images)
    with torch.no_grad():
        logits = noised(images)
        assert logits.shape == (32, 10)
        assert logits.dtype == torch.float32
        assert not torch.equal(logits, before)
        torch.testing.assert_close(logits, before, atol=0.3, rtol=0)
        assert torch.equal(noised(images), logits)
        assert torch.equal(copy.deepcopy(noised)(images), logits)
        with torch.inference_mode():
            assert torch.equal(noised(images), logits)
        assert torch.equal(network(images), before)
    assert not noised.training
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


@everywhere
def test_inference_noise_is_a_described_value(name):
    noise = INFERENCE_NOISES[name]
    assert (noise.name, noise.family) == (name, "system")
    described = json.loads(json.dumps(noise.describe()))
    assert described["name"] == name
    assert "2307.00280" in described["source"]
    assert len(described) > 2
    assert hash(noise) == hash(copy.copy(noise))
    with pytest.raises(FrozenInstanceError):
        noise.name = "other"


@numeric
@pytest.mark.parametrize("make", [trained, *SUBNETS])
def test_inference_noise_costs_a_trained_network_little(name, make):
    network, noise = make(), INFERENCE_NOISES[name]
    noised = noise.apply(network, digits()[0][-256:])
    assert noise.changes(network)
    assert accuracy(network) > 0.85
    assert abs(accuracy(noised) - accuracy(network)) <= 0.01
    images = digits()[0][:200]
    assert not torch.equal(noised(images), network(images))


@numeric
@pytest.mark.parametrize("make", SUBNETS)
def test_inference_noise_hardly_depends_on_merged_batchnorm(name, make, monkeypatch):
    network, images = make(), digits()[0][:400]
    monkeypatch.setattr(calibration, "specialise", lambda network: None)
    folded = fold(copy.deepcopy(network))
    noise = INFERENCE_NOISES[name]
    one, other = (noise.apply(n, images[-64:])(images) for n in (network, folded))
    assert agreement(one, other) >= 0.98
    assert (one - other).abs().mean() < 0.02 * one.std()


@pytest.mark.parametrize("make", SUBNETS)
def test_half_precision_runs_subnets_in_their_fast_form(make):
    network, images = make(), digits()[0][:400]
    folded = fold(copy.deepcopy(network))
    for name in ("float16", "bfloat16"):
        logits = INFERENCE_NOISES[name].apply(folded, images[:1])(images)
        assert agreement(logits, network(images)) >= 0.98


def test_int8_refuses_networks_whose_convolutions_were_exchanged():
    folded = fold(copy.deepcopy(SUBNETS[0]()))
    with pytest.raises(ValueError, match=r"got matrices in units\.\w+\.conv.*Give the network be"):
        INFERENCE_NOISES["int8"].apply(folded, digits()[0][:8])


def test_half_precision_leaves_what_networks_cache_in_float32_alone():
    space, images = "mobilenet-cifar", digits(32)[0][:8]
    network = recalibrate(spawn(make_supernet(space), some_architectures(space)[2]), [images])
    resize_weights.cache_clear()
    INFERENCE_NOISES["bfloat16"].apply(network, images)(images)
    after = network(images)
    resize_weights.cache_clear()
    assert torch.equal(network(images), after)


def test_ceil_mode_adds_the_windows_that_floor_drops():
    network = nn.Sequential(nn.MaxPool2d(2), nn.Flatten()).eval()
    images = torch.arange(9.0).view(1, 1, 3, 3)
    noise = INFERENCE_NOISES["ceil_mode"]
    assert network(images).tolist() == [[4.0]]
    assert noise.apply(network, images / 8)(images).tolist() == [[4.0, 5.0, 7.0, 8.0]]
    average = noise.apply(nn.Sequential(nn.AvgPool2d(2), nn.Flatten()).eval(), images / 8)
    assert average(images).tolist() == [[2.0, 3.5, 6.5, 8.0]]  # windows are cut at the edge


def test_changes_tells_which_networks_a_noise_leaves_as_they_are():
    ceil, int8 = INFERENCE_NOISES["ceil_mode"], INFERENCE_NOISES["int8"]
    assert ceil.changes(Pooled())
    assert not ceil.changes(nn.Sequential(nn.MaxPool2d(2, ceil_mode=True)))
    assert not ceil.changes(nn.Sequential(nn.AdaptiveAvgPool2d(1)))
    assert not ceil.changes(SUBNETS[1]())  # strided convolutions, no pooling
    assert not int8.changes(nn.Sequential(nn.MaxPool2d(2), nn.BatchNorm2d(3)))
    for name in ("float16", "bfloat16"):
        noise = INFERENCE_NOISES[name]
        assert noise.changes(Pooled())
        assert not noise.changes(Pooled().to(getattr(torch, name)))
        assert not noise.changes(nn.Sequential(nn.ReLU()))


@everywhere
def test_unchanged_networks_give_the_same_outputs(name):
    network, images = nn.Sequential(nn.Flatten()).eval(), digits()[0][:4]
    noise = INFERENCE_NOISES[name]
    if name in ("int8", "ceil_mode"):
        assert not noise.changes(network)
        assert torch.equal(noise.apply(network, images / 8)(images), network(images))


@everywhere
def test_inference_noise_refuses_what_it_cannot_run(name):
    noise, images = INFERENCE_NOISES[name], digits()[0][:4]
    with pytest.raises(ValueError, match="must be in eval mode"):
        noise.apply(Pooled(), images)
    for bad in (images[:0], images[0]):
        with pytest.raises(ValueError, match="calibration must be images"):
            noise.apply(Pooled().eval(), bad)


def test_ceil_mode_changes_a_spawned_network_with_max_pooling():
    network = spawn(make_supernet("resnet-thin"), EXAMPLES["resnet-thin"].extreme(largest=True))
    recalibrate(network, [digits(32)[0][:32]])
    images = digits(32)[0][:4]
    ceil = INFERENCE_NOISES["ceil_mode"]
    assert ceil.changes(network)
    noisy = ceil.apply(network, images)
    sizes = []
    for net in (network, noisy):
        hook = net.units["stem_pool"].register_forward_hook(lambda *a: sizes.append(a[2].shape[-1]))
        with torch.no_grad():
            net(images)
        hook.remove()
    assert sizes == [10, 11]  # 40 pixels, 20 after the stem
    with torch.no_grad():
        assert (noisy(images) - network(images)).abs().max() > 0.01


def test_ceil_mode_refuses_networks_whose_classifier_does_not_fit():
    network = nn.Sequential(nn.MaxPool2d(3, 2), nn.Flatten(), nn.Linear(147, 10)).eval()
    images = digits()[0][:4]
    assert network(images).shape == (4, 10)
    with pytest.raises(ValueError, match=r"under ceil_mode; got: .*shapes cannot") as caught:
        INFERENCE_NOISES["ceil_mode"].apply(network, images)
    assert "\n" not in str(caught.value)


@pytest.mark.gpu
@numeric
def test_inference_noise_agrees_between_devices(name):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    noise, images = INFERENCE_NOISES[name], digits()[0][:400]
    here = noise.apply(trained(), images)(images)
    there = noise.apply(copy.deepcopy(trained()).cuda(), images.cuda())(images.cuda()).cpu()
    assert agreement(here, there) >= 0.995
    assert (here - there).abs().mean() < 0.02 * here.std()


@pytest.mark.parametrize(
    "change",
    [lambda x: x * torch.nan, lambda x: x / 0, lambda x: x * 255, lambda x: x.double()],
    ids=["nan", "inf", "bytes", "float64"],
)
@pytest.mark.parametrize("name", INFERENCE_NOISES)
def test_calibration_images_that_are_none_are_refused(name, change):
    images = digits()[0][:4]
    with pytest.raises(ValueError, match=r"^InferenceNoise\.calibration must be float32 in"):
        INFERENCE_NOISES[name].apply(trained(), change(images))
