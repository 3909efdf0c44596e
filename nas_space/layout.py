"""What a network is made of, layer by layer: the one description of each family.

A layout is read from genes by the functions of `mobilenet` and `resnet`. Genes may be ints (one
network, from which modules are built) or int64 arrays of shape (N,) (many networks at once, from
which costs are computed in closed form), so both uses share every formula.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nas_space.space import Space

Int = int | NDArray[np.int64]
Mask = bool | NDArray[np.bool_]
Tally = tuple[Int, Int, Int]
"""Multiply-adds, parameters and activations (values put out by convolutions) on one image."""


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

    def tally(self) -> Tally:
        """Its costs; the two vectors of the BatchNorm are parameters."""
        fan_in = 1 if self.depthwise else self.c_in
        weights: Int = self.c_out * fan_in * (self.kernel * self.kernel)
        area: Int = self.size * self.size
        return area * weights, weights + 2 * self.c_out, area * self.c_out


@dataclass(frozen=True)
class Pool:
    """3 x 3 max pooling of stride 2, padded by 1.

    Attributes:
        name: Unique in the network.
        size: Height and width of the output, pixels.
    """

    name: str
    size: Int
    kernel: ClassVar[int] = 3
    stride: ClassVar[int] = 2

    def tally(self) -> Tally:
        """No costs: comparisons are not multiply-adds."""
        return 0, 0, 0


@dataclass(frozen=True)
class Squeeze:
    """Squeeze-and-excitation: channels weighted by two 1 x 1 convolutions of their means.

    Source: Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018, with the hard sigmoid of
    MobileNetV3. The convolutions have biases, no BatchNorm, and ReLU between them.

    Attributes:
        name: Unique in the network.
        channels: That are weighted.
        hidden: Channels between the two convolutions.
        size: Height and width of input and output, pixels.
    """

    name: str
    channels: Int
    hidden: Int
    size: Int
    kernel: ClassVar[int] = 1
    stride: ClassVar[int] = 1

    def tally(self) -> Tally:
        """Its costs."""
        weights, outputs = 2 * self.channels * self.hidden, self.channels + self.hidden
        return weights, weights + outputs, outputs


@dataclass(frozen=True)
class PooledLinear:
    """Global average pooling, a linear layer with biases, hard swish: the features (B, c_out).

    Attributes:
        name: Unique in the network.
        c_in: Channels before the pooling.
        c_out: Features.
    """

    name: str
    c_in: Int
    c_out: Int
    size: ClassVar[int] = 1
    kernel: ClassVar[int] = 1
    stride: ClassVar[int] = 1

    def tally(self) -> Tally:
        """Its costs; no convolution, no activations."""
        weights: Int = self.c_in * self.c_out
        return weights, weights + self.c_out, 0


Op = Conv | Pool | Squeeze | PooledLinear


@dataclass(frozen=True)
class Block:
    """A chain of operations, with an optional shortcut around it.

    Attributes:
        name: "stem", "head" or for instance "stage1.block2".
        ops: In order.
        shortcut: None, "identity", "matched" (identity where input and output have the same
            shape), or the convolution on the shortcut.
        activation: Applied after the shortcut was added: "relu" or "".
        active: Whether the block exists (per network, when genes are arrays).
    """

    name: str
    ops: tuple[Op, ...]
    shortcut: Conv | str | None = None
    activation: str = ""
    active: Mask = True


def ops_of(block: Block) -> Iterator[Op]:
    """Every operation of a block, the shortcut's included."""
    yield from block.ops
    if isinstance(block.shortcut, Conv):
        yield block.shortcut


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
    width: Int = space.stem_width if isinstance(space.stem_width, int) else genes["stem.width"]
    conv = Conv(
        "stem", 3, width, genes["stem.kernel"], space.stem_stride, size, False, stem_activation
    )
    stem: tuple[Op, ...] = (conv,)
    if space.stem_pool:
        size = strided(size, Pool.stride)
        stem += (Pool("stem.pool", size),)
    blocks, features = [Block("stem", stem)], width
    for s, stage in enumerate(space.stages, 1):
        depth, before = genes[f"stage{s}.depth"], features
        width = genes.get(f"stage{s}.width", 0)
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
        if 0 in stage.depths:
            features = width * (depth > 0) + before * (depth == 0)
    return Layout(resolution, tuple(blocks), features, classes)
