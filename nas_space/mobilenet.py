"""MobileNetV3-like family: inverted residuals with elastic depth, width, kernel, expansion, input.

Source: Howard et al., "Searching for MobileNetV3", ICCV 2019, with the elastic genes of Cai et al.,
"Once-for-All", ICLR 2020 (depth, kernel, expand) and Yu et al., "BigNAS", ECCV 2020 (width, input
resolution). The small scales have no squeeze-and-excitation and no wide last convolution.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from nas_space.layout import (
    LANE,
    Block,
    Conv,
    Int,
    Layout,
    Op,
    PooledLinear,
    Site,
    Squeeze,
    chain,
    scaled,
)
from nas_space.space import Space, Stage


def layout(space: Space, genes: Mapping[str, Int], classes: int) -> Layout:
    """Layers of the network, or of the (N,) networks, with these genes."""
    plan = chain(space, genes, classes, "hardswish", partial(inverted_residual, space))
    return with_head(space, genes, plan) if space.head_widths else plan


def inverted_residual(space: Space, site: Site) -> Block:
    """Expand by 1x1, filter per channel, project by 1x1; identity but for a stage's first block.

    A stage whose only ratio is 1 has no expansion, as the first of MobileNetV3, and an identity
    wherever it fits.
    """
    stage, name = space.stages[site.stage - 1], site.name
    act = "relu" if site.stage <= space.relu_stages else "hardswish"
    hidden = scaled(site.c_in, site.expand)
    ops: list[Op] = [
        Conv(f"{name}.depthwise", hidden, hidden, site.kernel, site.stride, site.size, True, act),
        Conv(f"{name}.project", hidden, site.c_out, 1, 1, site.size),
    ]
    if stage.squeeze:
        ops.insert(1, Squeeze(f"{name}.squeeze", hidden, quarter(hidden), site.size))
    if stage.expands == (1000,):
        return Block(name, tuple(ops), "matched")
    expand = Conv(f"{name}.expand", site.c_in, hidden, 1, 1, site.size_in, False, act)
    return Block(name, (expand, *ops), "identity" if site.number > 1 else None)


def quarter(channels: Int) -> Int:
    """A quarter of channels in multiples of 8, never less than 90 % of it, as in MobileNetV3."""
    nearest: Int = (channels + 16) // 32 * LANE
    return nearest + LANE * (40 * nearest < 9 * channels)


def with_head(space: Space, genes: Mapping[str, Int], plan: Layout) -> Layout:
    """The network with a last 1x1 convolution and, if it has one, a hidden layer after pooling."""
    size, widths = plan.blocks[-1].ops[-1].size, space.head_widths
    width = genes["head.width"] if len(widths) > 1 else widths[0]
    conv = Conv("head", plan.features, width, 1, 1, size, False, "hardswish")
    blocks, features = [*plan.blocks, Block("head", (conv,))], width
    if space.head_features:
        depth, hidden = genes["head.depth"], genes.get("head.features", 0)
        layer = PooledLinear("head.block1.features", width, hidden)
        active = depth >= 1
        if active is not False:
            blocks.append(Block("head.block1", (layer,), active=active))
        features = hidden * (depth >= 1) + width * (depth == 0)
    return replace(plan, blocks=tuple(blocks), features=features)


DIGITS = Space(
    family="mobilenet",
    scale="digits",
    size=16,
    resolutions=(12, 16),
    stem_width=8,
    stem_kernels=(3,),
    stem_stride=2,
    stages=(
        Stage((8, 16), (1,), (3, 5, 7), (1000, 2000, 3000), 2),
        Stage((16, 24), (1, 2, 3), (3, 5), (1000, 2000), 1),
        Stage((24, 32), (1, 2), (3, 5), (1000, 2000), 1),
    ),
)

CIFAR = Space(
    family="mobilenet",
    scale="cifar",
    size=32,
    resolutions=(24, 28, 32),
    stem_width=16,
    stem_kernels=(3,),
    stem_stride=1,
    stages=(
        Stage((16, 24), (1, 2), (3, 5, 7), (1000, 2000), 2),
        Stage((24, 32, 40), (1, 2, 3), (3, 5, 7), (2000, 3000, 4000), 2),
        Stage((40, 56), (1, 2, 3), (3, 5, 7), (2000, 3000, 4000), 1),
        Stage((64, 80), (1, 2), (3, 5), (2000, 3000, 4000), 2),
    ),
)

_RATIOS = (3000, 4000, 6000)

IMAGENET = Space(
    family="mobilenet",
    scale="imagenet",
    size=224,
    resolutions=(*range(128, 225, 4), 288, 320),
    stem_width=(16, 24, 32, 40),
    stem_kernels=(3,),
    stem_stride=2,
    stages=(
        Stage((16, 24), (1, 2), (3,), (1000,), 1),
        Stage((24, 32), (2, 3, 4), (3, 5, 7), _RATIOS, 2),
        Stage((40, 48), (2, 3, 4), (3, 5, 7), _RATIOS, 2, squeeze=True),
        Stage((80, 88, 96), (2, 3, 4), (3, 5, 7), _RATIOS, 2),
        Stage((112, 120, 128, 136), (2, 3, 4, 5, 6), (3, 5, 7), _RATIOS, 1, squeeze=True),
        Stage((160, *range(192, 217, 8)), (2, 3, 4, 5, 6), (3, 5, 7), _RATIOS, 2, squeeze=True),
        Stage(tuple(range(320, 353, 8)), (0, 1, 2), (3, 5), (6000,), 1, squeeze=True),
    ),
    relu_stages=3,
    head_widths=(960, 1152, *range(1280, 1409, 8)),
    head_features=(1280, 1536),
)
"""The union of two published spaces, each of which it contains.

Once-for-All MobileNetV3 (width multipliers 1.0 and 1.2, rounded to multiples of 8): stem 16 or 24,
first block of the same width with kernel 3 and no expansion, stages 2 to 6 of 2 to 4 blocks, stage
7 of none, `head.width` 960 or 1152, a hidden layer of 1280 or 1536, inputs of 128 to 224 in steps
of 4. BigNAS: stem 32 or 40, stages 1 to 7, `head.width` 1280 to 1408, no hidden layer, inputs of
192, 224, 288 and 320; channels in steps of 8 where the paper gives a range.

Activations and squeeze-and-excitation are placed as in MobileNetV3 (stage 7, which it lacks: as
stage 6). Differs: hard swish where BigNAS has swish, and the hidden layer has biases.
"""
