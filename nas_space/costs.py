"""Costs and factors of many networks at once, in closed form: nothing is instantiated.

Convention: one multiply-add is one MAC (FLOPs = 2 MACs). Convolutions, linear layers and the two
matrix products of attention count, as in torch's FlopCounterMode; normalisation, softmax,
activations, pooling and the input's resize do not.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nas_space.architecture import Architecture
from nas_space.layout import Block, Int, ops_of
from nas_space.presets import FAMILIES
from nas_space.space import Space
from nas_space.table import gene_table

UNITS = {
    "depth": "blocks",
    "width": "channels, mean over stages",
    "kernel": "px, mean over blocks",
    "expand": "ratio, mean over blocks",
    "resolution": "px",
    "heads": "count, mean over blocks",
    "patch": "px",
    "stem_kernel": "px",
    "stem_width": "channels",
    "head_width": "channels of the last convolution",
    "head_depth": "hidden linear layers",
    "head_features": "outputs of the hidden linear layer",
    "receptive_field": "px of the network's input",
    "parameters": "count",
    "macs": "multiply-adds per image",
    "activations": "values per image, outputs of convolutions and of a transformer's linear layers",
}
"""Unit of every whole-network factor; per-stage factors share the unit of the whole."""

SCALES = {"expand": 1e-3}
"""Of genes in thousandths, what makes them ratios."""

COSTS = ("macs", "parameters", "activations", "receptive_field")
"""Computed from layers, for the whole network and for every stage."""


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
    totals = _totals(space, gene_table(space, architectures), classes)
    return dict(zip(COSTS, totals[0].astype(np.float64), strict=True))


def _totals(space: Space, genes: dict[str, NDArray[np.int64]], classes: int) -> NDArray[np.int64]:
    """(1 + stages, costs, N) costs of the whole network, then of every stage."""
    layout = FAMILIES[space.family](space, genes, classes)
    parts = np.zeros((1 + len(space.stages), len(COSTS), len(genes["resolution"])), np.int64)
    jump: Int = 1  # input pixels per pixel
    jumps = np.ones((len(parts), parts.shape[-1]), np.int64)  # where a stage begins
    entered = {0}
    for block in layout.blocks:
        row = _stage(block)
        grown: Int = 0
        if row not in entered:
            jumps[row] = jump
            entered.add(row)
        for op in block.ops:
            grown = grown + (op.kernel - 1) * jump
            jump = jump * op.stride
        own = [sum(costs) for costs in zip(*(op.tally() for op in ops_of(block)), strict=True)]
        for total, part in zip(parts[row], (*own, grown), strict=True):
            total += block.active * part
    whole = parts.sum(0, keepdims=True)
    whole[0, 0] += layout.features * classes
    whole[0, 1] += (layout.features + 1) * classes
    parts[:, 3] //= jumps
    totals = np.concatenate((whole, parts[1:]))
    totals[:, 3] += 1
    return totals


def _stage(block: Block) -> int:
    """Number of the stage a block belongs to, 0 if none."""
    stage = block.name.partition(".")[0]
    return int(stage.removeprefix("stage")) if stage.startswith("stage") else 0


def factors(
    space: Space, architectures: Sequence[Architecture], classes: int
) -> dict[str, NDArray[np.float64]]:
    """Every architectural factor of N networks of one space: whole network, per stage, and costs.

    Returns:
        Factor name to (N,) float64, units in `UNITS`; those of genes only where the space has the
        gene. Ratios are plain (3.0, not thousandths); the receptive field ends at the last block
        and may exceed the input, and a stage's is that of its own blocks on the stage's input.
        What a network lacks (the kernel of a stage of depth 0) is NaN.
    """
    genes = gene_table(space, architectures)
    stages = range(1, len(space.stages) + 1)
    depths = np.stack([genes[f"stage{s}.depth"] for s in stages])
    widths = np.stack([genes[f"stage{s}.width"] for s in stages])
    blocks = {
        kind: np.stack([_over_blocks(genes, s, kind) for s in stages]) * SCALES.get(kind, 1.0)
        for kind in space.stages[0].block
    }
    whole = {
        "depth": depths.sum(0),
        "width": widths.sum(0) / (depths > 0).sum(0),
    } | {kind: totals.sum(0) / depths.sum(0) for kind, totals in blocks.items()}
    for gene in space.genes:
        if not gene.name.startswith("stage"):
            values = genes[gene.name]
            exists = genes[gene.depth] >= gene.rank if gene.depth else True
            whole[gene.name.replace(".", "_")] = np.where(exists, values, np.nan)
    result = {name: np.asarray(value, np.float64) for name, value in whole.items()}
    totals = _totals(space, genes, classes).astype(np.float64)
    result |= zip(COSTS, totals[0], strict=True)
    absent = np.where(depths > 0, 1.0, np.nan)
    for i, s in enumerate(stages):
        own = {
            "depth": depths[i],
            "width": widths[i] * absent[i],
        }
        own |= {kind: total[i] / (depths[i] * absent[i]) for kind, total in blocks.items()}
        own |= zip(COSTS, totals[i + 1], strict=True)
        result |= {f"{name}_stage{s}": np.asarray(v, np.float64) for name, v in own.items()}
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
