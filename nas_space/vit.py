"""Vision transformer family: elastic depth, embedding, heads, MLP ratio and patch.

Source: Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021, with the elastic genes of
Chen et al., "AutoFormer", ICCV 2021 (embedding, depth, heads and MLP ratio per block, heads of one
size) and the elastic patch of Beyer et al., "FlexiViT", CVPR 2023. Ours differs: the mean over the
tokens in place of a class token, and no relative positions.
"""

from collections.abc import Mapping

from nas_space.layout import (
    Attention,
    Block,
    Int,
    Layout,
    Patches,
    Perceptron,
    TokenMean,
    scaled,
)
from nas_space.space import Space, Stage


def layout(space: Space, genes: Mapping[str, Int], classes: int) -> Layout:
    """Layers of the network, or of the (N,) networks, with these genes.

    The embedding is the width of the one stage; each of its blocks is attention, then a perceptron,
    both beside an identity.
    """
    resolution, patch, width = genes["resolution"], genes["patch"], genes["stage1.width"]
    grid = resolution // patch
    blocks = [Block("stem", (Patches("stem", width, patch, grid),))]
    for b in range(1, max(space.stages[0].depths) + 1):
        active = genes["stage1.depth"] >= b
        if active is False:
            break
        name = f"stage1.block{b}"
        heads, hidden = genes[f"{name}.heads"], scaled(width, genes[f"{name}.expand"])
        reach = grid if b == 1 else 1
        attention = Attention(f"{name}.attention", width, heads, space.head_size, grid, reach)
        perceptron = Perceptron(f"{name}.perceptron", width, hidden, grid)
        for op in (attention, perceptron):
            blocks.append(Block(op.name, (op,), "identity", active=active))
    blocks.append(Block("head", (TokenMean("head", width),)))
    return Layout(resolution, tuple(blocks), width, classes)


DIGITS = Space(
    family="vit",
    scale="digits",
    size=16,
    resolutions=(16,),
    stem_width=0,
    stem_kernels=(),
    stem_stride=1,
    stages=(Stage((16, 24, 32), (2, 3, 4), (), (1000, 2000), 1, heads=(2, 3, 4)),),
    patches=(2, 4),
    head_size=8,
)

CIFAR = Space(
    family="vit",
    scale="cifar",
    size=32,
    resolutions=(32,),
    stem_width=0,
    stem_kernels=(),
    stem_stride=1,
    stages=(
        Stage((96, 128, 160, 192), (4, 5, 6, 7, 8), (), (2000, 3000, 4000), 1, heads=(3, 4, 5, 6)),
    ),
    patches=(4, 8),
    head_size=32,
)

IMAGENET = Space(
    family="vit",
    scale="imagenet",
    size=224,
    resolutions=(224,),
    stem_width=0,
    stem_kernels=(),
    stem_stride=1,
    stages=(
        Stage(
            (192, 216, 240, 320, 384, 448, 528, 576, 624),
            (12, 13, 14, 15, 16),
            (),
            (3000, 3500, 4000),
            1,
            heads=tuple(range(3, 11)),
        ),
    ),
    patches=(16, 32),
    head_size=64,
)
"""Contains the supernets AutoFormer-T (embedding 192 to 240, 3 to 4 heads, depth 12 to 14), -S (320
to 448, 5 to 7 heads, depth 12 to 14) and -B (528 to 624, 8 to 10 heads, depth 14 to 16), with MLP
ratios of 3, 3.5 and 4 and patches of 16, and networks between them; patches of 32 beside.
"""
