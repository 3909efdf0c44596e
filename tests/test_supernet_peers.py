"""Supernets and spawned networks against NNI's shared weights and timm's transformer."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.nni_oneshot import shared
from nas_space.nni_adapter import to_nni
from nas_space.presets import SPACES
from supernet.network import PIXEL_MEAN, PIXEL_SCALE, SharedConv, resize, spawn
from tests.network_example import EXAMPLES, digits, make_supernet, some_architectures

pytestmark = pytest.mark.peer
CONVOLUTIONAL = [name for name in EXAMPLES if not name.startswith("vit")]
DIGITS_AND_CIFAR = [name for name in CONVOLUTIONAL if not name.endswith("thin")]


def nni_with_weights_of(supernet):
    """NNI's supernet with MixedConv2d and MixedBatchNorm2d, its weights ours."""
    theirs = shared(supernet.space)
    if theirs is None:
        pytest.skip("pytorch-lightning is not installed")
    ours = [m for m in supernet.modules() if isinstance(m, SharedConv)]
    convs = [m for m in theirs.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in theirs.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(ours) == len(convs) == len(norms)
    with torch.no_grad():
        for own, conv, norm in zip(ours, convs, norms, strict=True):
            conv.weight.copy_(own.weight)
            norm.weight.copy_(own.scale)
            norm.bias.copy_(own.shift)
    theirs.head.load_state_dict(supernet.head.state_dict())
    return theirs.train()


@pytest.mark.parametrize("name", DIGITS_AND_CIFAR)
@torch.no_grad()
def test_slices_are_those_of_nnis_shared_weights(name):
    supernet = make_supernet(name)
    theirs, space = nni_with_weights_of(supernet), supernet.space
    x = digits(space.size)[0][:6]
    for architecture in some_architectures(name, random=4):
        sample = to_nni(space, architecture)
        for module in theirs.modules():
            if callable(getattr(module, "resample", None)):
                module.resample(dict(sample))
        small = (resize(x, architecture.values["resolution"]) - PIXEL_MEAN) / PIXEL_SCALE
        torch.testing.assert_close(supernet(x, architecture), theirs(small), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("heads", [2, 3])
@torch.no_grad()
def test_spawned_transformer_is_timms(heads):
    timm = pytest.importorskip("timm.models.vision_transformer", reason="timm is not installed")
    space, rng = SPACES["vit-digits"], np.random.default_rng(heads)
    genes = dict(space.sample(rng).values) | {"patch": 2, "stage1.width": 8 * heads}
    depth = genes["stage1.depth"]
    genes |= {f"stage1.block{b}.heads": heads for b in range(1, depth + 1)}
    genes |= {f"stage1.block{b}.expand": 2000 for b in range(1, depth + 1)}
    subnet = spawn(make_supernet("vit-digits"), space.canonical(genes)).eval()
    theirs = timm.VisionTransformer(
        **{"img_size": 16, "patch_size": 2, "num_classes": 10, "embed_dim": 8 * heads},
        **{"depth": depth, "num_heads": heads, "mlp_ratio": 2.0, "class_token": False},
        **{"global_pool": "avg", "fc_norm": False, "norm_layer": partial(nn.LayerNorm, eps=1e-5)},
    ).eval()
    stem, units = subnet.units["stem"], subnet.units
    theirs.patch_embed.proj.load_state_dict(stem.patches.state_dict())
    theirs.pos_embed.copy_(stem.positions.flatten(1).T[None])
    for b, block in enumerate(theirs.blocks, 1):
        attention = units[f"stage1_block{b}_attention"]
        perceptron = units[f"stage1_block{b}_perceptron"]
        sides = (attention.query, attention.key, attention.value)
        block.norm1.load_state_dict(attention.norm.state_dict())
        block.attn.qkv.weight.copy_(torch.cat([side.weight for side in sides]))
        block.attn.qkv.bias.copy_(torch.cat([side.bias for side in sides]))
        block.attn.proj.load_state_dict(attention.out.state_dict())
        block.norm2.load_state_dict(perceptron.norm.state_dict())
        block.mlp.fc1.load_state_dict(perceptron.expand.state_dict())
        block.mlp.fc2.load_state_dict(perceptron.project.state_dict())
    theirs.norm.load_state_dict(units["head"].norm.state_dict())
    theirs.head.load_state_dict(subnet.head.state_dict())
    x = digits(16)[0][:12]
    wanted = theirs((x - PIXEL_MEAN) / PIXEL_SCALE)
    torch.testing.assert_close(subnet(x), wanted, atol=1e-5, rtol=1e-4)
