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
from nas_space.table import gene_table

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


def tally(conv: Conv) -> tuple[Int, Int, Int]:
    """Multiply-adds, parameters and activations of one convolution on one image.

    Parameters are the weights of the convolution and the two BatchNorm vectors after it;
    activations are the values it puts out.
    """
    fan_in = 1 if conv.depthwise else conv.c_in
    weights: Int = conv.c_out * fan_in * (conv.kernel * conv.kernel)
    area: Int = conv.size * conv.size
    return area * weights, weights + 2 * conv.c_out, area * conv.c_out


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
    return _costs(space, gene_table(space, architectures), classes)


def _costs(
    space: Space, genes: dict[str, NDArray[np.int64]], classes: int
) -> dict[str, NDArray[np.float64]]:
    layout = FAMILIES[space.family](space, genes, classes)
    n = len(genes["resolution"])
    totals = np.zeros((4, n), np.int64)
    totals[3], jump = 1, 1
    for block in layout.blocks:
        own = [tally(conv) for conv in convs_of(block)]
        grown: Int = 0
        for conv in block.convs:
            grown = grown + (conv.kernel - 1) * jump
            jump *= conv.stride
        for total, parts in zip(totals, (*zip(*own, strict=True), (grown,)), strict=True):
            total += block.active * sum(parts)
    totals[0] += layout.features * classes
    totals[1] += (layout.features + 1) * classes
    names = ("macs", "parameters", "activations", "receptive_field")
    return dict(zip(names, totals.astype(np.float64), strict=True))


def factors(
    space: Space, architectures: Sequence[Architecture], classes: int
) -> dict[str, NDArray[np.float64]]:
    """Every architectural factor of N networks of one space: whole network, per stage, and costs.

    Returns:
        Factor name to (N,) float64, units in `UNITS`. Ratios are plain (3.0, not thousandths); the
        receptive field ends at the last block and may exceed the input.
    """
    genes = gene_table(space, architectures)
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
