from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from nas_space.architecture import Architecture
from nas_space.costs import COSTS, costs, factors, unit
from nas_space.layout import Block, Conv, Op, scaled, strided
from nas_space.presets import SPACES, layout
from nas_space.space import Space, Stage
from supernet.network import Subnet, SuperNet, spawn

EVERY = pytest.mark.parametrize("name", SPACES)

MOBILENET = Space(
    family="mobilenet",
    scale="hand",
    size=16,
    resolutions=(12, 16),
    stem_width=8,
    stem_kernels=(3,),
    stem_stride=2,
    stages=(
        Stage((8, 16), (1, 2), (3, 5, 7), (1000, 2000, 3000), 1),
        Stage((16, 24, 32), (1, 2, 3), (3, 5), (1000, 2000, 3000), 2),
        Stage((24, 32, 40), (1, 2), (3, 5), (1000, 2000, 3000), 1),
    ),
)
RESNET = Space(
    family="resnet",
    scale="hand",
    size=16,
    resolutions=(12, 16),
    stem_width=8,
    stem_kernels=(3, 5, 7),
    stem_stride=2,
    stages=(
        Stage((16, 24), (1, 2), (3, 5), (500, 1000), 2),
        Stage((24, 32), (1, 2, 3), (3, 5), (333, 500), 1),
        Stage((40, 48), (1, 2), (3, 5), (200, 333), 1),
    ),
)


def drawn(space: Space, n: int) -> list[Architecture]:
    """Both extremes and n draws."""
    rng = np.random.default_rng(5)
    ends = [space.extreme(largest=True), space.extreme(largest=False)]
    return ends + [space.sample(rng) for _ in range(n)]


@dataclass(frozen=True)
class Counted:
    """What was counted on a network as it ran; of a unit, by its name in the network."""

    architecture: Architecture
    macs: float
    macs_of: dict[str, float]
    parameters: int
    parameters_of: dict[str, int]
    activations: int


@cache
def counted(name: str) -> list[Counted]:
    """Networks of a space, counted by torch; big ones have no data, only shapes."""
    space = SPACES[name]
    big = space.scale == "imagenet"
    with torch.device("meta" if big else "cpu"):
        supernet = SuperNet(space, 10)
        return [count(spawn(supernet, a).eval(), a) for a in drawn(space, 12 if big else 5)]


def count(network: Subnet, architecture: Architecture) -> Counted:
    size = architecture.values["resolution"]  # nothing is resized
    seen: list[int] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda *a: seen.append(a[2].numel()))
    with torch.no_grad(), FlopCounterMode(display=False, depth=3) as flops:
        network(torch.zeros(1, 3, size, size))
    macs_of = {k: sum(v.values()) / 2 for k, v in flops.get_flop_counts().items()}
    return Counted(
        architecture,
        flops.get_total_flops() / 2,
        {name: macs_of.get(f"Subnet.units.{name}", 0) for name in network.units},
        sum(p.numel() for p in network.parameters()),
        {n: sum(p.numel() for p in unit.parameters()) for n, unit in network.units.items()},
        sum(seen),
    )


@EVERY
@pytest.mark.parametrize("cost", ["macs", "parameters", "activations"])
def test_costs_equal_those_torch_counts(name: str, cost: str) -> None:
    networks = counted(name)
    found = costs(SPACES[name], [n.architecture for n in networks], 10)[cost]
    assert found.tolist() == [getattr(n, cost) for n in networks]


@EVERY
@pytest.mark.parametrize("cost", ["macs", "parameters"])
def test_costs_of_a_stage_are_those_of_its_layers(name: str, cost: str) -> None:
    space, networks = SPACES[name], counted(name)
    found = factors(space, [n.architecture for n in networks], 10)
    for s in range(1, len(space.stages) + 1):
        own = [
            sum(v for unit, v in getattr(n, f"{cost}_of").items() if unit.startswith(f"stage{s}_"))
            for n in networks
        ]
        assert found[f"{cost}_stage{s}"].tolist() == own


def support(blocks: Sequence[Block], length: int = 4097) -> int:
    """Input positions that reach one output, along a line, all weights positive."""
    x = torch.zeros(1, 1, length, dtype=torch.float64, requires_grad=True)
    y: Tensor = x
    for block in blocks:
        before = y
        for op in block.ops:
            y = line(y, op)
        if isinstance(block.shortcut, Conv):
            y = y + line(before, block.shortcut)
        elif block.shortcut == "identity":
            y = y + before
    if not y.requires_grad or y is x:
        return 1
    y[0, 0, y.shape[2] // 2].backward()
    assert x.grad is not None
    return int((x.grad > 0).sum())


def line(x: Tensor, op: Op) -> Tensor:
    kernel = int(op.kernel)
    weight = torch.full((1, 1, kernel), 1 / kernel, dtype=x.dtype)
    return F.conv1d(x, weight, None, op.stride, kernel // 2)


@EVERY
def test_receptive_field_equals_the_support_of_the_gradient(name: str) -> None:
    space = SPACES[name]
    architectures = drawn(space, 6)
    measured = [support(layout(space, a, 10).blocks) for a in architectures]
    found = factors(space, architectures, 10)
    assert found["receptive_field"].tolist() == measured
    for s in range(1, len(space.stages) + 1):
        alone = [support(stage_blocks(space, a, s)) for a in architectures]
        assert found[f"receptive_field_stage{s}"].tolist() == alone


def stage_blocks(space: Space, architecture: Architecture, stage: int) -> list[Block]:
    blocks = layout(space, architecture, 10).blocks
    return [block for block in blocks if block.name.startswith(f"stage{stage}.")]


@EVERY
def test_stages_stem_and_head_make_up_the_whole(name: str) -> None:
    space = SPACES[name]
    for architecture in drawn(space, 3):
        found = factors(space, [architecture], 10)
        plan = layout(space, architecture, 10)
        ends = [block for block in plan.blocks if block.name in ("stem", "head", "head.block1")]
        other = sum(op.tally()[2] for block in ends for op in block.ops)
        stages = sum(found[f"activations_stage{s}"] for s in range(1, len(space.stages) + 1))
        assert found["activations"] == stages + other


def test_costs_of_the_smallest_mobilenet_by_hand() -> None:
    # stem 6x6x8; stage 1 6x6x8, hidden 8; stage 2 3x3x16, hidden 8; stage 3 3x3x24, hidden 16
    found = costs(MOBILENET, [MOBILENET.extreme(largest=False)], 10)
    stem, head = 36 * 27 * 8, 24 * 10
    macs = [36 * 64, 36 * 72, 36 * 64, 36 * 64, 9 * 72, 9 * 128, 9 * 256, 9 * 144, 9 * 384]
    weights = [216, 64, 72, 64, 64, 72, 128, 256, 144, 384]
    outputs = [8, 8, 8, 8, 8, 8, 16, 16, 16, 24]
    assert found["macs"] == stem + sum(macs) + head == 26376
    assert found["parameters"] == sum(weights) + 2 * sum(outputs) + 24 * 10 + 10 == 1954
    assert found["activations"] == 36 * (8 + 24 + 8) + 9 * (8 + 16 + 16 + 16 + 24) == 2160
    # 3 of the stem; then 2 steps of 2, 2 of 2, 2 of 4 pixels
    assert found["receptive_field"] == 3 + 4 + 4 + 8


def test_costs_of_the_smallest_resnet_by_hand() -> None:
    found = costs(RESNET, [RESNET.extreme(largest=False)], 10)
    stem, head = 36 * 27 * 8, 40 * 10
    first = 36 * 64 + 9 * 9 * 64 + 9 * 128 + 9 * 128
    second = 9 * 128 + 9 * 9 * 64 + 9 * 192 + 9 * 384
    third = 9 * 192 + 9 * 9 * 64 + 9 * 320 + 9 * 960
    assert found["macs"] == stem + first + second + third + head == 47920
    assert found["receptive_field"] == 3 + 4 + 8 + 8


def test_factors_of_a_mixed_mobilenet_by_hand() -> None:
    genes = {gene.name: gene.choices[0] for gene in MOBILENET.genes} | {
        "resolution": 16,
        "stage1.depth": 2,
        "stage1.block2.kernel": 7,
        "stage1.block2.expand": 3000,
        "stage2.block1.kernel": 5,
        "stage2.block1.expand": 2000,
        "stage3.width": 40,
    }
    found = factors(MOBILENET, [MOBILENET.canonical(genes)], 10)
    expected = {
        "depth": 4,
        "width": (8 + 16 + 40) / 3,
        "kernel": (3 + 7 + 5 + 3) / 4,
        "expand": (1 + 3 + 2 + 1) / 4,
        "resolution": 16,
        "stem_kernel": 3,
        "depth_stage1": 2,
        "width_stage2": 16,
        "kernel_stage1": 5,
        "kernel_stage2": 5,
        "expand_stage1": 2,
        "expand_stage3": 1,
        "receptive_field": 3 + 2 * 2 + 6 * 2 + 4 * 2 + 2 * 4,
    }
    assert {name: found[name].item() for name in expected} == pytest.approx(expected)


@EVERY
def test_costs_of_many_equal_costs_of_each(name: str) -> None:
    space = SPACES[name]
    architectures = drawn(space, 1198)
    together = costs(space, architectures, 10)
    for n in range(0, 1200, 97):
        alone = costs(space, [architectures[n]], 10)
        assert {k: v[n] for k, v in together.items()} == {k: v[0] for k, v in alone.items()}


@EVERY
def test_factors_hold_the_costs_and_a_unit_each(name: str) -> None:
    space = SPACES[name]
    architectures = drawn(space, 3)
    found = factors(space, architectures, 10)
    for cost, values in costs(space, architectures, 10).items():
        np.testing.assert_array_equal(found[cost], values)
    whole = {factor for factor in found if "_stage" not in factor}
    genes = {g.name.replace(".", "_") for g in space.genes if not g.name.startswith("stage")}
    assert whole == {"depth", "width", "kernel", "expand", *genes, *COSTS}
    for factor, values in found.items():
        assert values.shape == (5,)
        assert values.dtype == np.float64
        assert unit(factor)
    depths = np.stack([found[f"depth_stage{s}"] for s in range(1, len(space.stages) + 1)])
    for s, depth in enumerate(depths, 1):
        for kind in ("width", "kernel", "expand"):
            np.testing.assert_array_equal(np.isnan(found[f"{kind}_stage{s}"]), depth == 0)


@EVERY
def test_every_gene_changes_what_is_built(name: str) -> None:
    space = SPACES[name]
    base = drawn(space, 1)[-1]
    networks = [base, *space.neighbours(base)]
    found = factors(space, networks, 10)
    signatures = np.stack([found["resolution"], found["macs"], found["parameters"]], 1)
    assert (signatures[1:] != signatures[0]).any(1).all()


def test_costs_of_no_architecture_are_empty() -> None:
    assert {v.shape for v in costs(RESNET, [], 10).values()} == {(0,)}


def test_costs_refuse_an_architecture_of_another_space() -> None:
    with pytest.raises(ValueError, match=r"must be of space resnet-hand; got mobilenet-hand"):
        costs(RESNET, [MOBILENET.extreme(largest=True)], 10)


def test_per_stage_units_do_not_speak_of_means_over_stages() -> None:
    assert unit("width") == "channels, mean over stages"
    assert unit("width_stage2") == "channels"
    assert unit("stem_kernel") == "px"


@pytest.mark.parametrize(
    ("channels", "thousandths", "expected"),
    [(8, 1000, 8), (24, 333, 8), (24, 500, 16), (8, 200, 8), (16, 0, 0), (40, 1400, 56)],
)
def test_scaled_gives_the_nearest_multiple_of_eight(
    channels: int, thousandths: int, expected: int
) -> None:
    assert scaled(channels, thousandths) == expected
    as_array = scaled(np.array([channels]), np.array([thousandths]))
    assert np.asarray(as_array).tolist() == [expected]


@pytest.mark.parametrize("stride", [1, 2])
def test_strided_equals_the_size_torch_makes(stride: int) -> None:
    for size in (1, 2, 3, 12, 13):
        for kernel in (1, 3, 5, 7):
            weight = torch.zeros(1, 1, kernel, kernel)
            made = F.conv2d(torch.zeros(1, 1, size, size), weight, None, stride, kernel // 2)
            assert strided(size, stride) == made.shape[2]
