"""Spaces as NNI ModelSpaces: for NNI's search strategies, and as an independent count of MACs.

The only module of this package that needs NNI and torch. Both are imported when first used, so that
everything else works without them. The ModelSpace is built from the family's own layout: genes are
`nni.choice` expressions in place of integers, so channels, kernels and sizes are read from the same
formulas as costs and supernets.

NNI knows no genes that do not exist: its samples carry those of inactive blocks, so many samples
are one architecture. `from_nni` drops them; `to_nni` fills them in.
"""

import warnings
from collections.abc import Mapping, Sequence
from functools import cache, partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nas_space.architecture import Architecture
from nas_space.layout import (
    Attention,
    Block,
    Conv,
    Op,
    Patches,
    Perceptron,
    Pool,
    PooledLinear,
    Squeeze,
    TokenMean,
)
from nas_space.nni_transformer import make_token_op
from nas_space.presets import FAMILIES
from nas_space.space import Space

if TYPE_CHECKING:
    from torch import Tensor, nn


def model_space(space: Space, classes: int) -> Any:
    """An `nni.nas.nn.pytorch.ModelSpace` with the genes, choices and networks of a space.

    Called inside `nni.nas.space.model_context(to_nni(space, architecture))` it is that one network,
    a static `nn.Module` from centred images (B, 3, s, s) to logits (B, K).

    Args:
        space: What may be built; gene names become labels.
        classes: K, number of logits.

    Raises:
        ValueError: NNI is not installed.
    """
    return _network_class()(space, classes)


def to_nni(space: Space, architecture: Architecture) -> dict[str, int]:
    """NNI sample of an architecture; genes of blocks that do not exist take their first choice.

    Raises:
        ValueError: The architecture lies outside the space.
    """
    space.check(architecture)
    return {gene.name: gene.choices[0] for gene in space.genes} | architecture.values


def from_nni(space: Space, sample: Mapping[str, int]) -> Architecture:
    """Canonical architecture of an NNI sample; many samples may give the same.

    Raises:
        ValueError: A gene is unknown (NNI itself ignores those), missing or outside its choices.
    """
    return space.canonical(sample)


def macs_by_nni(
    space: Space, architectures: Sequence[Architecture], classes: int
) -> NDArray[np.float64]:
    """(N,) multiply-adds per image, counted by NNI's FLOPs profiler on the ModelSpace.

    Raises:
        ValueError: NNI is not installed, or an architecture lies outside the space.
    """
    count = profiler(space, classes)
    return np.array([count.profile(to_nni(space, a)) for a in architectures], np.float64)


def profiler(space: Space, classes: int) -> Any:
    """NNI's FLOPs profiler of a space, set to count multiply-adds of convolutions and linear only.

    By default it adds biases, BatchNorm and activations to its "flops" (12 to 14 % more).
    """
    load_nni()
    import torch
    from nni.nas.profiler.pytorch.flops import FlopsProfiler

    images = torch.zeros(1, 3, space.size, space.size)
    options = dict.fromkeys(("count_bias", "count_normalization", "count_activation"), False)
    return FlopsProfiler(model_space(space, classes), images, **options)


@cache
def load_nni() -> Any:
    """The nni package, without its training framework, chatter and import warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import nni

            nni.set_default_framework("none")  # else the imports below need pytorch-lightning
            nni.silence_stdout()
            import nni.nas.nn.pytorch
            import nni.nas.profiler.pytorch.flops
    except ImportError as error:
        raise ValueError(
            f"nni_adapter.nni must be importable; got {error}. Install it with pip install nni."
        ) from error
    return nni


@cache
def _network_class() -> Any:
    """The ModelSpace class (made on first use, like those below: their bases are NNI's)."""
    nni = load_nni()
    from nni.nas.nn.pytorch import ModelSpace, MutableLinear, Repeat
    from torch import nn

    class Network(ModelSpace):  # type: ignore[misc]
        """Resize, stem, a Repeat of blocks per stage, the head, pooling, a linear layer."""

        def __init__(self, space: Space, classes: int) -> None:
            super().__init__()
            genes = {gene.name: nni.choice(gene.name, list(gene.choices)) for gene in space.genes}
            plan = FAMILIES[space.family](space, genes, classes)
            self.resize = _resize_class()(plan.resolution)
            self.stem = _residual_class()(plan.blocks[0])
            self.stages = nn.ModuleList()
            for stage, parts in groupby(plan.blocks[1:], _stage):
                blocks = [tuple(same) for _, same in groupby(parts, _number)]
                makers = [partial(_make_block, block) for block in blocks]
                self.stages.append(Repeat(makers, genes[f"{stage}.depth"] if stage else 1))
            self.head = MutableLinear(plan.features, plan.classes)
            self.tokens = bool(space.patches)

        def forward(self, x: "Tensor") -> "Tensor":
            """Logits (B, K) of centred images (B, 3, s, s)."""
            x = self.stem(self.resize(x))
            for stage in self.stages:
                x = stage(x)
            return self.head(x if self.tokens else x.mean((2, 3)))  # type: ignore[no-any-return]

    return Network


def _stage(block: Block) -> str:
    """Name of the stage a block belongs to, "" if it always exists alone."""
    stage, dot, _ = block.name.partition(".")
    return stage if dot else ""


def _number(block: Block) -> str:
    """What the parts of one block of a stage have in common."""
    return ".".join(block.name.split(".")[:2])


def _make_block(parts: tuple[Block, ...], _: int) -> "nn.Module":
    """Module of a block in parts; Repeat passes its place in the stage."""
    from torch import nn

    return nn.Sequential(*(_residual_class()(part) for part in parts))


@cache
def _residual_class() -> Any:
    """A chain of convolutions with the block's shortcut around it."""
    from torch import nn

    class Residual(nn.Module):
        def __init__(self, block: Block) -> None:
            super().__init__()
            self.body = nn.Sequential(*(_make_op(op) for op in block.ops))
            self.identity = block.shortcut in ("identity", "matched")
            projected = isinstance(block.shortcut, Conv)
            self.shortcut = _unit_class()(block.shortcut) if projected else None
            self.activation = _activation(block.activation)

        def forward(self, x: "Tensor") -> "Tensor":
            y: Tensor = self.body(x)
            if self.shortcut is not None:
                y = y + self.shortcut(x)
            elif self.identity and x.shape == y.shape:
                y = y + x
            return y if self.activation is None else self.activation(y)

    return Residual


def _make_op(op: Op) -> "nn.Module":
    """Module of an operation."""
    if isinstance(op, Conv):
        made = _unit_class()(op)
    elif isinstance(op, Pool):
        made = _pool_class()(op)
    elif isinstance(op, Patches | Attention | Perceptron | TokenMean):
        made = make_token_op(op)
    else:
        made = _squeeze_class()(op) if isinstance(op, Squeeze) else _features_class()(op)
    return made  # type: ignore[no-any-return]


@cache
def _pool_class() -> Any:
    """Max pooling; NNI's own shape would nest the size of the layer before."""
    load_nni()
    from nni.nas.profiler.pytorch.flops import FlopsResult
    from nni.nas.profiler.pytorch.utils import MutableShape
    from torch import nn

    class MaxPool(nn.MaxPool2d):
        def __init__(self, op: Pool) -> None:
            super().__init__(op.kernel, op.stride, op.kernel // 2)
            self.plan = op

        def _shape_forward(self, x: Any) -> Any:
            b, c, _, _ = x.real_shape
            return MutableShape(b, c, self.plan.size, self.plan.size)

        def _count_flops(self, x: Any, y: Any) -> Any:
            return FlopsResult(0.0, 0.0)

    return MaxPool


@cache
def _squeeze_class() -> Any:
    """Squeeze-and-excitation."""
    load_nni()
    import torch.nn.functional as F
    from nni.nas.nn.pytorch import MutableConv2d
    from torch import nn

    class SqueezeExcite(nn.Module):
        def __init__(self, op: Squeeze) -> None:
            super().__init__()
            self.reduce = MutableConv2d(op.channels, op.hidden, 1)
            self.expand = MutableConv2d(op.hidden, op.channels, 1)

        def forward(self, x: "Tensor") -> "Tensor":
            means = x.mean((2, 3), keepdim=True)
            return x * F.hardsigmoid(self.expand(F.relu(self.reduce(means))))

    return SqueezeExcite


@cache
def _features_class() -> Any:
    """Pooling and the hidden linear layer, as a convolution on a map of one pixel."""
    load_nni()
    import torch.nn.functional as F
    from nni.nas.nn.pytorch import MutableConv2d
    from torch import nn

    class Features(nn.Module):
        def __init__(self, op: PooledLinear) -> None:
            super().__init__()
            self.linear = MutableConv2d(op.c_in, op.c_out, 1)

        def forward(self, x: "Tensor") -> "Tensor":
            return F.hardswish(self.linear(x.mean((2, 3), keepdim=True)))

    return Features


@cache
def _unit_class() -> Any:
    """A convolution, its BatchNorm and its activation."""
    load_nni()
    from nni.nas.nn.pytorch import MutableBatchNorm2d, MutableConv2d
    from nni.nas.profiler.pytorch.utils import MutableShape
    from torch import nn

    class Unit(nn.Sequential):
        def __init__(self, conv: Conv) -> None:
            convolution = MutableConv2d(
                conv.c_in,
                conv.c_out,
                conv.kernel,
                stride=conv.stride,
                padding=conv.kernel // 2,
                groups=conv.c_in if conv.depthwise else 1,
                bias=False,
            )
            activation = _activation(conv.activation)
            last = () if activation is None else (activation,)
            super().__init__(convolution, MutableBatchNorm2d(conv.c_out), *last)
            self.plan = conv

        def _shape_forward(self, x: Any) -> Any:
            # NNI would nest each layer's size in the next one's and count ten times slower
            conv = self.plan
            return MutableShape(x.real_shape[0], conv.c_out, conv.size, conv.size)

    return Unit


def _activation(kind: str) -> "nn.Module | None":
    """Module of "relu" or "hardswish", None of ""."""
    if not kind:
        return None
    from torch import nn

    return nn.ReLU() if kind == "relu" else _hardswish_class()()


@cache
def _hardswish_class() -> Any:
    """Hard swish that NNI's profiler knows: without a count it would log a complaint."""
    load_nni()
    from nni.nas.profiler.pytorch.flops import FlopsResult
    from torch import nn

    class Hardswish(nn.Hardswish):
        def _count_flops(self, x: Any, y: Any) -> Any:
            return FlopsResult(0.0, 0.0)

    return Hardswish


@cache
def _resize_class() -> Any:
    """Antialiased bilinear resize to an elastic resolution; its arithmetic is not counted."""
    load_nni()
    import torch.nn.functional as F
    from nni.nas.nn.pytorch import ParametrizedModule
    from nni.nas.profiler.pytorch.flops import FlopsResult
    from nni.nas.profiler.pytorch.utils import MutableShape

    class Resize(ParametrizedModule):  # type: ignore[misc]
        def __init__(self, size: int) -> None:
            super().__init__()
            self.size = size

        def forward(self, x: "Tensor") -> "Tensor":
            return F.interpolate(x, (self.size, self.size), mode="bilinear", antialias=True)

        def _shape_forward(self, x: Any) -> Any:
            b, c, _, _ = x.real_shape
            return MutableShape(b, c, self.args["size"], self.args["size"])

        def _count_flops(self, x: Any, y: Any) -> Any:
            return FlopsResult(0.0, 0.0)

    return Resize
