"""Slices of the shared transformer compute what the papers say, written out here."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nas_space.layout import Attention, Patches
from nas_space.presets import SPACES
from supernet.calibration import fold, recalibrate, weights_hash
from supernet.network import PIXEL_MEAN, PIXEL_SCALE, spawn
from supernet.transformer import SelfAttention, SharedPatches, waves
from tests.network_example import EXAMPLES, digits, make_supernet, some_architectures

TRANSFORMERS = [name for name in EXAMPLES if name.startswith("vit")]


def by_hand(supernet, x, architecture):
    """The network of leading channels and heads, in torch's functions; the finest patches only."""
    genes, head = architecture.values, supernet.space.head_size
    c, patch = genes["stage1.width"], genes["patch"]
    stem = supernet.convs["stem"].layer
    kernel = stem.patches.weight[:c].flatten(1)
    cut = F.unfold((x - PIXEL_MEAN) / PIXEL_SCALE, patch, stride=patch).transpose(1, 2)
    x = cut @ kernel.T + stem.patches.bias[:c] + stem.positions[:c].flatten(1).T

    def norm(x, layer):
        mean, var = x.mean(-1, keepdim=True), x.var(-1, correction=0, keepdim=True)
        return (x - mean) / (var + 1e-5).sqrt() * layer.norm.weight[:c] + layer.norm.bias[:c]

    for b in range(1, genes["stage1.depth"] + 1):
        layer = supernet.convs[f"stage1_block{b}_attention"].layer
        d, y = genes[f"stage1.block{b}.heads"] * head, norm(x, layer)
        q, k, v = (
            y @ p.weight[:d, :c].T + p.bias[:d] for p in (layer.query, layer.key, layer.value)
        )
        gathered = torch.cat(
            [
                torch.softmax(q[..., i : i + head] @ k[..., i : i + head].mT / head**0.5, -1)
                @ v[..., i : i + head]
                for i in range(0, d, head)
            ],
            -1,
        )
        x = x + gathered @ layer.out.weight[:c, :d].T + layer.out.bias[:c]
        layer = supernet.convs[f"stage1_block{b}_perceptron"].layer
        h = 8 * ((c * genes[f"stage1.block{b}.expand"] // 1000 + 4) // 8)
        y = F.gelu(norm(x, layer) @ layer.expand.weight[:h, :c].T + layer.expand.bias[:h])
        x = x + y @ layer.project.weight[:c, :h].T + layer.project.bias[:c]
    features = norm(x, supernet.convs["head"].layer).mean(1)
    return features @ supernet.head.weight[:, :c].T + supernet.head.bias


@pytest.mark.parametrize("name", TRANSFORMERS)
@torch.no_grad()
def test_supernet_equals_the_transformer_written_out(name):
    supernet, space = make_supernet(name), EXAMPLES[name]
    x = digits(space.size)[0][:6]
    for architecture in some_architectures(name, random=3):
        finest = space.with_gene(architecture, "patch", min(space.patches))
        wanted = by_hand(supernet, x, finest)
        torch.testing.assert_close(supernet(x, finest), wanted, atol=2e-4, rtol=1e-4)


def test_attention_equals_torchs_multi_head_attention():
    torch.manual_seed(0)
    ours = SelfAttention(Attention("a", 24, 3, 8, 4, 1))
    theirs = nn.MultiheadAttention(24, 3, batch_first=True)
    sides = (ours.query, ours.key, ours.value)
    theirs.in_proj_weight.data = torch.cat([side.weight for side in sides]).detach()
    theirs.in_proj_bias.data = torch.cat([side.bias for side in sides]).detach()
    theirs.out_proj.load_state_dict(ours.out.state_dict())
    x = torch.randn(5, 16, 24)
    y = F.layer_norm(x, (24,), ours.norm.weight, ours.norm.bias)
    torch.testing.assert_close(ours(x), theirs(y, y, y)[0], atol=1e-6, rtol=1e-5)


def test_larger_patches_say_of_an_enlarged_image_what_the_smaller_ones_say_of_the_image():
    torch.manual_seed(0)
    shared = SharedPatches(Patches("stem", 8, 2, 8)).double()
    images = torch.rand(3, 3, 16, 16, dtype=torch.float64)
    # enlarged patch by patch, as the resize of the kernel assumes
    cut = F.unfold(images, 2, stride=2).transpose(1, 2).reshape(-1, 3, 2, 2)
    enlarged = F.interpolate(cut, (4, 4), mode="bilinear")
    weight = shared.sliced(Patches("stem", 8, 4, 4))["patches.weight"]
    wanted = F.conv2d(cut, shared.layer.patches.weight)
    torch.testing.assert_close(F.conv2d(enlarged, weight), wanted)


def test_coarser_grids_have_resized_positions():
    shared = SharedPatches(Patches("stem", 8, 2, 8))
    ramp = torch.arange(8.0).expand(8, 8, 8)
    shared.layer.positions.data = ramp.clone()
    positions = shared.sliced(Patches("stem", 4, 4, 4))["positions"]
    assert positions.shape == (4, 4, 4)
    torch.testing.assert_close(positions[0, 0, 1:3], torch.tensor([2.5, 4.5]))


def test_spawned_patches_equal_the_slice_and_hash_by_their_own_weights():
    supernet, space = make_supernet("vit-digits"), SPACES["vit-digits"]
    coarse = space.extreme(largest=False)
    subnet = recalibrate(spawn(supernet, coarse), [digits()[0][:16]])
    assert subnet.units["stem"].patches.kernel_size == (4, 4)
    before = weights_hash(subnet)
    x = digits()[0][:8]
    with torch.no_grad():
        torch.testing.assert_close(fold(subnet)(x), supernet(x, coarse), atol=1e-5, rtol=1e-4)
    subnet.units["stem"].positions.data += 1.0
    assert weights_hash(subnet) != before


def test_extremes_have_the_smallest_and_the_largest_patch():
    space = SPACES["vit-digits"]
    assert space.extreme(largest=True).values["patch"] == 2
    assert space.extreme(largest=False).values["patch"] == 4


def test_imagenet_space_holds_the_published_ranges():
    # AutoFormer (Chen et al., ICCV 2021), table of the search space: embedding, heads, depth
    space, rng = SPACES["vit-imagenet"], np.random.default_rng(0)
    published = (
        ((192, 216, 240), (3, 4), (12, 13, 14)),
        ((320, 384, 448), (5, 6, 7), (12, 13, 14)),
        ((528, 576, 624), (8, 9, 10), (14, 15, 16)),
    )
    for widths, heads, depths in published:
        for _ in range(20):
            depth = int(rng.choice(depths))
            genes = {"resolution": 224, "patch": 16, "stage1.depth": depth}
            genes["stage1.width"] = int(rng.choice(widths))
            for b in range(1, depth + 1):
                genes[f"stage1.block{b}.heads"] = int(rng.choice(heads))
                genes[f"stage1.block{b}.expand"] = int(rng.choice((3000, 3500, 4000)))
            assert space.contains(space.canonical(genes))


def test_positions_begin_as_waves_of_both_coordinates():
    positions = waves(10, 5)  # a width that is no multiple of four
    assert positions.shape == (10, 5, 5)
    row, column = 3, 1
    first = [np.sin(row), np.cos(row), np.sin(column), np.cos(column)]
    np.testing.assert_allclose(positions[:4, row, column], np.sqrt(2) * np.array(first), rtol=1e-5)
    slower = 100 ** (-1 / 2.5)
    np.testing.assert_allclose(positions[4, row, 0], np.sqrt(2) * np.sin(slower * row), rtol=1e-5)
    pairs = waves(32, 8)[::2].square() + waves(32, 8)[1::2].square()
    torch.testing.assert_close(pairs, torch.full_like(pairs, 2.0))
