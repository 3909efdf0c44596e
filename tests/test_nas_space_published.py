"""The imagenet spaces hold the published ones, and their members are torchvision's networks."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nas_space import mobilenet, resnet
from nas_space.architecture import Architecture
from nas_space.costs import costs
from nas_space.layout import scaled
from nas_space.presets import layout
from nas_space.space import Space, Stage
from supernet.network import PIXEL_MEAN, PIXEL_SCALE, Subnet, SuperNet, spawn

NEEDS_TORCHVISION = pytest.mark.skipif(
    find_spec("torchvision") is None, reason="torchvision is not installed"
)


def divisible(channels: float) -> int:
    """Nearest multiple of 8, half upwards, never less than 90 %: the rule of both papers."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def stage_genes(stage: int, width: int, blocks: Sequence[tuple[int, int]]) -> dict[str, int]:
    """Genes of a stage with these (kernel, expand in thousandths)."""
    genes = {f"stage{stage}.width": width, f"stage{stage}.depth": len(blocks)}
    for b, (kernel, expand) in enumerate(blocks, 1):
        genes |= {f"stage{stage}.block{b}.kernel": kernel, f"stage{stage}.block{b}.expand": expand}
    return genes


def once_for_all_mobilenet(rng: np.random.Generator) -> Architecture:
    """Cai et al., ICLR 2020, section 4.1, at a width multiplier of 1.0 or 1.2."""
    multiplier = rng.choice((1.0, 1.2))
    widths = [divisible(c * multiplier) for c in (16, 24, 40, 80, 112, 160, 960, 1280)]
    genes = {
        "resolution": int(rng.choice(range(128, 225, 4))),
        "stem.kernel": 3,
        "stem.width": widths[0],
        "stage7.depth": 0,
        "head.width": widths[6],
        "head.depth": 1,
        "head.features": widths[7],
    } | stage_genes(1, widths[0], [(3, 1000)])
    for stage in range(2, 7):
        depth = rng.integers(2, 5)
        blocks = [(int(rng.choice((3, 5, 7))), int(rng.choice((3, 4, 6))) * 1000)] * depth
        blocks = [(int(rng.choice((3, 5, 7))), e) for _, e in blocks]
        genes |= stage_genes(stage, widths[stage - 1], blocks)
    return Architecture.of("mobilenet", "imagenet", genes)


BIGNAS = (
    ((16, 24), (1, 2), (3,), 1000),
    ((24, 32), (2, 3), (3,), 6000),
    ((40, 48), (2, 3), (3, 5), 6000),
    ((80, 88), (2, 4), (3, 5), 6000),
    ((112, 128), (2, 6), (3, 5), 6000),
    ((192, 216), (2, 6), (3, 5), 6000),
    ((320, 352), (1, 2), (3, 5), 6000),
)
"""Yu et al., ECCV 2020, table of the search space: channels and layers from, to; kernels; ratio."""


def bignas(rng: np.random.Generator) -> Architecture:
    genes = {
        "resolution": int(rng.choice((192, 224, 288, 320))),
        "stem.kernel": 3,
        "stem.width": int(rng.choice((32, 40))),
        "head.width": int(rng.integers(1280 // 8, 1408 // 8 + 1)) * 8,
        "head.depth": 0,
    }
    for stage, ((narrow, wide), (few, many), kernels, expand) in enumerate(BIGNAS, 1):
        blocks = [(int(rng.choice(kernels)), expand)] * int(rng.integers(few, many + 1))
        width = int(rng.integers(narrow // 8, wide // 8 + 1)) * 8
        genes |= stage_genes(stage, width, blocks)
    return Architecture.of("mobilenet", "imagenet", genes)


def once_for_all_resnet(rng: np.random.Generator) -> Architecture:
    """Cai et al.'s ResNet-50: base depths plus 0 to 2, three ratios, three width multipliers."""
    genes = {
        "resolution": int(rng.choice(range(128, 225, 4))),
        "stem.kernel": 3,
        "stem.width": divisible(64 * rng.choice((0.65, 0.8, 1.0))),
    }
    for stage, (base, width) in enumerate(
        zip((2, 2, 4, 2), (256, 512, 1024, 2048), strict=True), 1
    ):
        blocks = [
            (3, int(rng.choice((200, 250, 350)))) for _ in range(base + int(rng.integers(0, 3)))
        ]
        genes |= stage_genes(stage, divisible(width * rng.choice((0.65, 0.8, 1.0))), blocks)
    return Architecture.of("resnet", "imagenet", genes)


@pytest.mark.parametrize("draw", [once_for_all_mobilenet, bignas, once_for_all_resnet])
def test_imagenet_space_contains_the_published_one(draw) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    space = resnet.IMAGENET if draw is once_for_all_resnet else mobilenet.IMAGENET
    for _ in range(200):
        space.check(draw(rng))


def test_hidden_channels_are_rounded_as_published() -> None:
    for stage in resnet.IMAGENET.stages:
        for width in stage.widths:
            for ratio in stage.expands:
                assert scaled(width, ratio) == divisible(round(width * ratio / 1000))
    for channels in range(8, 2049, 8):
        assert mobilenet.quarter(channels) == divisible(channels // 4)
        as_array = mobilenet.quarter(np.array([channels]))
        assert np.asarray(as_array).tolist() == [divisible(channels // 4)]
    assert np.asarray(mobilenet.quarter(np.array([0]))).tolist() == [0]


RESNET50 = Architecture.of(
    "resnet",
    "imagenet",
    {"resolution": 224, "stem.kernel": 7, "stem.width": 64}
    | stage_genes(1, 256, [(3, 250)] * 3)
    | stage_genes(2, 512, [(3, 250)] * 4)
    | stage_genes(3, 1024, [(3, 250)] * 6)
    | stage_genes(4, 2048, [(3, 250)] * 3),
)


def only(space: Space, architecture: Architecture) -> Space:
    """A space of this one network, so that its supernet is small."""
    genes = architecture.values
    stages: list[Stage] = []
    for s, stage in enumerate(space.stages, 1):
        depth = genes[f"stage{s}.depth"]
        blocks = [genes[f"stage{s}.block{b}.kernel"] for b in range(1, depth + 1)]
        expands = [genes[f"stage{s}.block{b}.expand"] for b in range(1, depth + 1)]
        if depth:
            kernels, ratios = tuple(sorted(set(blocks))), tuple(sorted(set(expands)))
            widths = (genes[f"stage{s}.width"],)
            stages.append(
                replace(stage, widths=widths, depths=(depth,), kernels=kernels, expands=ratios)
            )
    return replace(
        space,
        resolutions=(genes["resolution"],),
        stem_width=genes["stem.width"],
        stem_kernels=(genes["stem.kernel"],),
        stages=tuple(stages),
        head_widths=(genes["head.width"],) if space.head_widths else (),
        head_features=(genes["head.features"],) if "head.features" in genes else (),
    )


def built(space: Space, architecture: Architecture, classes: int) -> Subnet:
    """The network with weights of its own, from a supernet that holds no more."""
    narrow = only(space, architecture)
    same = narrow.canonical(
        {g.name: architecture.values[g.name] for g in narrow.genes if g.name in architecture.values}
    )
    assert layout(narrow, same, classes) == layout(space, architecture, classes)
    return spawn(SuperNet(narrow, classes), same).eval()


def with_weights_of(peer: nn.Module, network: Subnet) -> Subnet:
    """The network with the peer's weights, taken in order; shapes must agree."""
    names, values = network.state_dict(), peer.state_dict().values()
    assert [v.shape for v in values] == [v.shape for v in names.values()]
    network.load_state_dict(dict(zip(names, values, strict=True)))
    return network


def randomise(peer: nn.Module) -> nn.Module:
    """The peer in eval mode with statistics and weights of BatchNorm that are not the default."""
    for module in peer.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.7, 1.3)
            nn.init.normal_(module.bias, 0.0, 0.2)
            nn.init.normal_(module.running_mean, 0.0, 0.1)
            nn.init.uniform_(module.running_var, 0.8, 1.2)
    return peer.eval()


def flops(network: nn.Module, size: int) -> float:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, size, size, device="meta"))
    return float(counter.get_total_flops())


def test_macs_and_receptive_field_of_resnet50_by_hand() -> None:
    # per stage: side, inputs, hidden, outputs, blocks; the stride stands in the 3 x 3 convolution
    stages = [
        (56, 64, 64, 256, 3),
        (28, 256, 128, 512, 4),
        (14, 512, 256, 1024, 6),
        (7, 1024, 512, 2048, 3),
    ]
    total = 112 * 112 * 49 * 3 * 64 + 2048 * 1000
    for stage, (side, c_in, hidden, c_out, blocks) in enumerate(stages):
        before = side if stage == 0 else 2 * side
        first = before**2 * c_in * hidden + side**2 * (
            9 * hidden**2 + hidden * c_out + c_in * c_out
        )
        other = side**2 * (c_out * hidden + 9 * hidden**2 + hidden * c_out)
        total += first + (blocks - 1) * other
    found = costs(resnet.IMAGENET, [RESNET50], 1000)
    assert found["macs"].tolist() == [total] == [4089184256]
    # stem 7, pooling 2 steps of 2 pixels; then 2 steps per block, the first before its stride
    reach = 7 + 4 + 3 * 8 + (8 + 3 * 16) + (16 + 5 * 32) + (32 + 2 * 64)
    assert found["receptive_field"].tolist() == [reach] == [427]


@pytest.mark.peer
@NEEDS_TORCHVISION
def test_resnet50_is_that_of_torchvision() -> None:
    import torchvision

    with torch.device("meta"):
        shapes = torchvision.models.resnet50(weights=None)
    found = costs(resnet.IMAGENET, [RESNET50], 1000)
    assert found["macs"] == flops(shapes, 224) / 2
    assert found["parameters"] == sum(p.numel() for p in shapes.parameters()) == 25557032

    torch.manual_seed(0)
    peer = randomise(torchvision.models.resnet50(weights=None, num_classes=10))
    network = with_weights_of(peer, built(resnet.IMAGENET, RESNET50, 10))
    x = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        wanted = peer((x - PIXEL_MEAN) / PIXEL_SCALE)
        torch.testing.assert_close(network(x), wanted, rtol=1e-4, atol=1e-4 * float(wanted.std()))


def torchvision_mobilenet(architecture: Architecture, classes: int) -> nn.Module:
    """The same network from torchvision's own blocks and numbers."""
    from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3

    genes, settings = architecture.values, []
    c_in, places = genes["stem.width"], zip((1, 2, 2, 2, 1, 2), (0, 0, 1, 0, 1, 1), strict=True)
    for stage, (stride, squeeze) in enumerate(places, 1):
        for b in range(1, genes[f"stage{stage}.depth"] + 1):
            kernel, ratio = (genes[f"stage{stage}.block{b}.{k}"] for k in ("kernel", "expand"))
            c_out, act = genes[f"stage{stage}.width"], "RE" if stage <= 3 else "HS"
            hidden = c_in * ratio // 1000
            settings.append(
                InvertedResidualConfig(
                    c_in, kernel, hidden, c_out, bool(squeeze), act, stride if b == 1 else 1, 1, 1.0
                )
            )
            c_in = c_out
    norm = partial(nn.BatchNorm2d, eps=1e-5)
    return MobileNetV3(settings, genes["head.features"], classes, norm_layer=norm)


@pytest.mark.peer
@NEEDS_TORCHVISION
def test_once_for_all_networks_cost_what_those_of_torchvision_do() -> None:
    rng = np.random.default_rng(1)
    architectures = [once_for_all_mobilenet(rng) for _ in range(6)]
    found = costs(mobilenet.IMAGENET, architectures, 1000)
    for i, architecture in enumerate(architectures):
        with torch.device("meta"):
            peer = torchvision_mobilenet(architecture, 1000).eval()
        assert found["macs"][i] == flops(peer, architecture.values["resolution"]) / 2
        assert found["parameters"][i] == sum(p.numel() for p in peer.parameters())


@pytest.mark.peer
@NEEDS_TORCHVISION
@pytest.mark.parametrize("seed", [2, 3])
def test_once_for_all_network_is_that_of_torchvision(seed: int) -> None:
    architecture = once_for_all_mobilenet(np.random.default_rng(seed))
    torch.manual_seed(seed)
    peer = randomise(torchvision_mobilenet(architecture, 10))
    network = with_weights_of(peer, built(mobilenet.IMAGENET, architecture, 10))
    size = architecture.values["resolution"]
    x = torch.rand(2, 3, size, size)
    with torch.no_grad():
        wanted = peer((x - PIXEL_MEAN) / PIXEL_SCALE)
        torch.testing.assert_close(network(x), wanted, rtol=1e-4, atol=1e-4 * float(wanted.std()))
