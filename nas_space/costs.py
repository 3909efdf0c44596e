"""Costs and factors of many networks at once, in closed form: nothing is instantiated.

Convention: one multiply-add is one MAC (FLOPs = 2 MACs). Convolutions and the linear layer count,
as in torch's FlopCounterMode; BatchNorm, activations, pooling and the input's resize do not.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nas_space.architecture import Architecture
from nas_space.layout import Block, Conv, Int
from nas_space.presets import FAMILIES
from nas_space.space import Space

UNITS = {
    "depth": "blocks",
    "width": "channels, mean over stages",
    "kernel": "px, mean over blocks",
    "expand": "ratio, mean over blocks",
    "resolution": "px",
    "stem_kernel": "px",
    "receptive_field": "px of the network's input",
    "parameters": "count",
    "macs": "multiply-adds per image",
    "activations": "values per image, outputs of convolutions",
}
"""Unit of every whole-network factor; per-stage factors share the unit of the whole."""


def macs_of(conv: Conv) -> Int:
    """Multiply-adds of one convolution on one image."""
    fan_in = 1 if conv.depthwise else conv.c_in
    return conv.size * conv.size * conv.kernel * conv.kernel * fan_in * conv.c_out


def parameters_of(conv: Conv) -> Int:
    """Weights of the convolution and the two BatchNorm vectors after it."""
    fan_in = 1 if conv.depthwise else conv.c_in
    return (conv.kernel * conv.kernel * fan_in + 2) * conv.c_out


def convs_of(block: Block) -> Iterator[Conv]:
    """Every convolution of a block, the shortcut's included."""
    yield from block.convs
    if isinstance(block.shortcut, Conv):
        yield block.shortcut


def costs(
    space: Space, architectures: Sequence[Architecture], classes: int
) -> dict[str, NDArray[np.float64]]:
    """Closed-form costs of N networks of one space.

    Args:
        space: Where the networks come from.
        architectures: N networks.
        classes: Outputs of the linear layer.

    Returns:
        "macs", "parameters", "activations" and "receptive_field", each (N,) float64.
    """
    return _costs(space, space.table(architectures), classes)


def _costs(
    space: Space, genes: dict[str, NDArray[np.int64]], classes: int
) -> dict[str, NDArray[np.float64]]:
    layout = FAMILIES[space.family](space, genes, classes)
    n = len(genes["resolution"])
    macs, parameters, activations = (np.zeros(n, np.int64) for _ in range(3))
    field, jump = np.ones(n, np.int64), 1
    for block in layout.blocks:
        for conv in convs_of(block):
            macs += block.active * macs_of(conv)
            parameters += block.active * parameters_of(conv)
            activations += block.active * (conv.size * conv.size * conv.c_out)
        for conv in block.convs:
            field += block.active * ((conv.kernel - 1) * jump)
            jump *= conv.stride
    macs += layout.features * classes
    parameters += (layout.features + 1) * classes
    values = {
        "macs": macs,
        "parameters": parameters,
        "activations": activations,
        "receptive_field": field,
    }
    return {name: value.astype(np.float64) for name, value in values.items()}


def factors(
    space: Space, architectures: Sequence[Architecture], classes: int
) -> dict[str, NDArray[np.float64]]:
    """Every architectural factor of N networks of one space: whole network, per stage, and costs.

    Returns:
        Factor name to (N,) float64, units in `UNITS`. Ratios are plain (3.0, not thousandths); the
        receptive field ends at the last block and may exceed the input.
    """
    genes = space.table(architectures)
    stages = range(1, len(space.stages) + 1)
    depths = np.stack([genes[f"stage{s}.depth"] for s in stages])
    widths = np.stack([genes[f"stage{s}.width"] for s in stages])
    kernels = np.stack([_over_blocks(genes, s, "kernel") for s in stages])
    expands = np.stack([_over_blocks(genes, s, "expand") for s in stages]) / 1000
    whole = {
        "depth": depths.sum(0),
        "width": widths.mean(0),
        "kernel": kernels.sum(0) / depths.sum(0),
        "expand": expands.sum(0) / depths.sum(0),
        "resolution": genes["resolution"],
        "stem_kernel": genes["stem.kernel"],
    }
    result = {name: np.asarray(value, np.float64) for name, value in whole.items()}
    result |= _costs(space, genes, classes)
    for i, s in enumerate(stages):
        result[f"depth_stage{s}"] = depths[i].astype(np.float64)
        result[f"width_stage{s}"] = widths[i].astype(np.float64)
        result[f"kernel_stage{s}"] = kernels[i] / depths[i]
        result[f"expand_stage{s}"] = expands[i] / depths[i]
    return result


def unit(factor: str) -> str:
    """Unit of a factor, per stage or whole."""
    name, _, stage = factor.partition("_stage")
    text = UNITS[name]
    return text.replace(", mean over stages", "").replace("network", "stage") if stage else text


def _over_blocks(genes: dict[str, NDArray[np.int64]], stage: int, kind: str) -> NDArray[np.int64]:
    """(N,) sum of one gene over the blocks of a stage that exist (absent genes are 0)."""
    names = [n for n in genes if n.startswith(f"stage{stage}.block") and n.endswith(kind)]
    total: NDArray[np.int64] = np.stack([genes[name] for name in names]).sum(0)
    return total
