import sys
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch

from nas_space import nni_adapter
from nas_space.costs import costs
from nas_space.nni_adapter import from_nni, macs_by_nni, model_space, to_nni
from nas_space.presets import SPACES
from supernet.network import PIXEL_MEAN, PIXEL_SCALE, SuperNet, spawn
from tests.network_example import EXAMPLES

EVERY = pytest.mark.parametrize("name", SPACES)
NEEDS_NNI = pytest.mark.skipif(find_spec("nni") is None, reason="nni is not installed")


@cache
def nni_space(name: str) -> Any:
    return model_space(SPACES[name], 10)


@EVERY
def test_samples_return_the_same_architecture(name: str) -> None:
    space = SPACES[name]
    rng = np.random.default_rng(2)
    for _ in range(20):
        architecture = space.sample(rng)
        sample = to_nni(space, architecture)
        assert set(sample) == {gene.name for gene in space.genes}
        assert from_nni(space, sample) == architecture


@EVERY
def test_samples_that_differ_in_inactive_genes_are_one_architecture(name: str) -> None:
    space = SPACES[name]
    smallest = space.extreme(largest=False)
    sample = to_nni(space, smallest)
    other = {g.name: g.choices[-1] for g in space.genes if g.name not in smallest.values}
    assert other
    assert from_nni(space, sample | other) == smallest


def test_from_nni_refuses_unknown_genes() -> None:
    space = SPACES["mobilenet-digits"]
    sample = to_nni(space, space.extreme(largest=True)) | {"stage1.colour": 3}
    with pytest.raises(ValueError, match=r"unknown 'stage1\.colour'"):
        from_nni(space, sample)


def test_adapter_says_that_nni_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nni", None)
    nni_adapter.load_nni.cache_clear()
    with pytest.raises(ValueError, match=r"must be importable; .* pip install nni"):
        nni_adapter.load_nni()


@pytest.mark.peer
@NEEDS_NNI
@EVERY
def test_model_space_has_the_same_genes_and_choices(name: str) -> None:
    simple = nni_space(name).simplify()
    found = {str(label): tuple(choice.values) for label, choice in simple.items()}
    assert found == {gene.name: gene.choices for gene in SPACES[name].genes}


@pytest.mark.peer
@NEEDS_NNI
@EVERY
def test_every_draw_of_nni_lies_in_the_space(name: str) -> None:
    space = SPACES[name]
    simple = nni_space(name).simplify()
    state = np.random.RandomState(0)
    for _ in range(20):
        sample: dict[str, int] = {}
        for choice in simple.values():
            choice.random(sample, state)
        architecture = from_nni(space, sample)
        assert space.contains(architecture)
        assert nni_space(name).contains(to_nni(space, architecture))


@pytest.mark.peer
@NEEDS_NNI
@EVERY
def test_macs_equal_those_of_the_nni_profiler(name: str) -> None:
    space = SPACES[name]
    rng = np.random.default_rng(3)
    ends = [space.extreme(largest=True), space.extreme(largest=False)]
    architectures = ends + [space.sample(rng) for _ in range(30)]
    found = macs_by_nni(space, architectures, 10)
    np.testing.assert_array_equal(costs(space, architectures, 10)["macs"], found)


@pytest.mark.peer
@NEEDS_NNI
@pytest.mark.parametrize("seed", [4, 5, 6])
@pytest.mark.parametrize("name", [name for name in EXAMPLES if "cifar" not in name])
def test_network_of_a_sample_computes_what_the_subnet_computes(name: str, seed: int) -> None:
    space = EXAMPLES[name]
    architecture = space.sample(np.random.default_rng(seed))
    architecture = space.with_gene(architecture, "resolution", min(space.resolutions))
    subnet = spawn(SuperNet(space, 10), architecture).eval()
    nni_adapter.load_nni()
    from nni.nas.space import model_context

    with model_context(to_nni(space, architecture)):
        network = model_space(space, 10).eval()
    ours, theirs = subnet.state_dict().values(), network.state_dict()
    # NNI's hidden layer is a convolution on one pixel
    same = [v.view(w.shape) for v, w in zip(ours, theirs.values(), strict=True)]
    assert [v.numel() for v in same] == [v.numel() for v in ours]
    network.load_state_dict(dict(zip(theirs, same, strict=True)))
    images = torch.rand(4, 3, space.size, space.size)
    with torch.no_grad():
        logits = network((images - PIXEL_MEAN) / PIXEL_SCALE)
        torch.testing.assert_close(logits, subnet(images), rtol=1e-4, atol=1e-5)
