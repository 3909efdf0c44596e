"""What a network is made of, layer by layer: the one description of each family.

A layout is read from genes by the functions of `mobilenet` and `resnet`. Genes may be ints (one
network, from which modules are built) or int64 arrays of shape (N,) (many networks at once, from
which costs are computed in closed form), so both uses share every formula.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nas_space.space import Space

Int = int | NDArray[np.int64]
Mask = bool | NDArray[np.bool_]


@dataclass(frozen=True)
class Conv:
    """A convolution without bias, padded by kernel // 2, followed by BatchNorm and an activation.

    Attributes:
        name: Unique in the network, for instance "stage1.block2.depthwise".
        c_in: Input channels.
        c_out: Output channels.
        kernel: Odd pixels.
        stride: Pixels.
        size: Height and width of the output, pixels.
        depthwise: One filter per channel (c_in equals c_out).
        activation: "relu", "hardswish" or "" (none).
    """

    name: str
    c_in: Int
    c_out: Int
    kernel: Int
    stride: int
    size: Int
    depthwise: bool = False
    activation: str = ""


@dataclass(frozen=True)
class Block:
    """A chain of convolutions, with an optional shortcut around it.

    Attributes:
        name: "stem" or for instance "stage1.block2".
        convs: In order.
        shortcut: None, "identity", or the convolution on the shortcut.
        activation: Applied after the shortcut was added: "relu" or "".
        active: Whether the block exists (per network, when genes are arrays).
    """

    name: str
    convs: tuple[Conv, ...]
    shortcut: Conv | str | None = None
    activation: str = ""
    active: Mask = True


@dataclass(frozen=True)
class Layout:
    """A whole network: blocks, global average pooling, one linear layer.

    Attributes:
        resolution: The input is resized to this many pixels first.
        blocks: In order from the input; block 0 is the stem.
        features: Channels that enter the linear layer.
        classes: Logits that leave it.
    """

    resolution: Int
    blocks: tuple[Block, ...]
    features: Int
    classes: int


LANE = 8
"""Hidden channels are multiples of this, as in MobileNetV2 (vector units like it)."""


def scaled(channels: Int, thousandths: Int) -> Int:
    """Channels times a ratio in thousandths, to the nearest multiple of 8, at least 8.

    A ratio of 0 marks a block that does not exist and gives 0.
    """
    lanes = (channels * thousandths + 500 * LANE) // (1000 * LANE)
    return LANE * (lanes + ((lanes == 0) & (thousandths > 0)))


def strided(size: Int, stride: int) -> Int:
    """Output size of a convolution with odd kernel padded by kernel // 2."""
    return size if stride == 1 else (size + stride - 1) // stride


@dataclass(frozen=True)
class Site:
    """Where a block stands and the genes that shape it.

    Attributes:
        name: For instance "stage1.block2".
        stage: Counted from 1.
        number: Of the block in its stage, counted from 1.
        c_in: Input channels.
        c_out: Output channels, the stage's width.
        kernel: Odd pixels, 0 where the block does not exist.
        expand: Ratio of hidden channels in thousandths, 0 where the block does not exist.
        stride: Of the block.
        size_in: Height and width of the input, pixels.
        size: Height and width of the output, pixels.
    """

    name: str
    stage: int
    number: int
    c_in: Int
    c_out: Int
    kernel: Int
    expand: Int
    stride: int
    size_in: Int
    size: Int


def chain(
    space: Space,
    genes: Mapping[str, Int],
    classes: int,
    stem_activation: str,
    build: Callable[[Site], Block],
) -> Layout:
    """A stem and one block per site of every stage, each block made by the family's `build`.

    With plain ints, blocks that do not exist are left out; with arrays they are kept and masked.
    """
    resolution = genes["resolution"]
    size = strided(resolution, space.stem_stride)
    features: Int = space.stem_width
    conv = Conv(
        "stem", 3, features, genes["stem.kernel"], space.stem_stride, size, False, stem_activation
    )
    blocks = [Block("stem", (conv,))]
    for s, stage in enumerate(space.stages, 1):
        width, depth = genes[f"stage{s}.width"], genes[f"stage{s}.depth"]
        for b in range(1, max(stage.depths) + 1):
            active = depth >= b
            if active is False:
                break
            name = f"stage{s}.block{b}"
            kernel, expand = genes[f"{name}.kernel"], genes[f"{name}.expand"]
            stride = stage.stride if b == 1 else 1
            out = strided(size, stride)
            site = Site(name, s, b, features, width, kernel, expand, stride, size, out)
            blocks.append(replace(build(site), active=active))
            features, size = width, out
    return Layout(resolution, tuple(blocks), features, classes)
