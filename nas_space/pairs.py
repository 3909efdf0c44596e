"""Matched pairs: which networks of a list differ in exactly one gene, everything else equal.

Blocks that a depth adds bring genes of their own. Two networks that differ in a depth are matched
when they agree in every gene that both have.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas_space.architecture import Architecture
from nas_space.space import Gene, Space
from nas_space.table import gene_table

Ints = NDArray[np.intp]
Codes = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class MatchedPairs:
    """P pairs of networks that differ in exactly one gene.

    Attributes:
        low: (P,) position of the network with the smaller value of the gene.
        high: (P,) position of the one with the larger value.
        gene: (P,) name of the gene. Pairs are in the order of `Space.genes`, then low, then high.
    """

    low: Ints
    high: Ints
    gene: NDArray[np.str_]


def kind(gene: str) -> str:
    """Factor a gene belongs to: "stage2.block1.kernel" is a "kernel", "stem.kernel" its own."""
    return gene.rsplit(".", 1)[-1] if gene.startswith("stage") else gene


def matched_pairs(
    space: Space,
    architectures: Sequence[Architecture],
    units: NDArray[np.intp] | Sequence[str] | None = None,
) -> MatchedPairs:
    """Every matched pair among N networks of one space, a network listed twice twice.

    Networks are compared by 64-bit sums of random codes (Zobrist 1970): of 100,000 networks, one
    false pair in some hundred million lists.

    Args:
        space: Where the networks come from.
        architectures: N networks.
        units: (N,) equal within a design unit: pairs are then sought within units alone.

    Raises:
        ValueError: An architecture lies outside the space.
    """
    table = gene_table(space, architectures)
    rng = np.random.default_rng(0)
    codes = {gene.name: _codes(gene.choices, table[gene.name], rng) for gene in space.genes}
    whole = sum(codes.values(), start=np.zeros(len(architectures), np.uint64))
    if units is not None:
        names, member = np.unique(np.asarray(units), return_inverse=True)
        whole += rng.integers(2**64, size=len(names), dtype=np.uint64)[member]
    found = [_pairs_in(gene, space, table[gene.name], codes, whole) for gene in space.genes]
    low, high = np.concatenate(found, axis=1)
    place = np.repeat(np.arange(len(found)), [pairs.shape[1] for pairs in found])
    order = np.lexsort((high, low, place))
    genes = np.array([gene.name for gene in space.genes])
    return MatchedPairs(low[order], high[order], genes[place[order]])


def _codes(choices: tuple[int, ...], values: NDArray[np.int64], rng: np.random.Generator) -> Codes:
    """(N,) random codes, equal for equal values; a gene that does not exist has one, too."""
    codes = rng.integers(2**64, size=len(choices) + 1, dtype=np.uint64)
    return codes[np.searchsorted(choices, values, side="right")]


def _pairs_in(
    gene: Gene, space: Space, values: NDArray[np.int64], codes: dict[str, Codes], whole: Codes
) -> Ints:
    """(2, P) low and high of the pairs that differ in this gene."""
    rest = whole - codes[gene.name]
    switched = [g for g in space.genes if g.depth == gene.name]
    if not switched:
        return _cross(rest, values)
    parts = []
    for least in gene.choices[:-1]:  # pairs of a network as deep as this and a deeper one
        added = (codes[g.name] for g in switched if g.rank > least)
        common = rest - sum(added, start=np.zeros_like(rest))
        rows = np.flatnonzero(values >= least)
        parts.append(rows[_cross(common[rows], values[rows] > least)])
    return np.concatenate(parts, axis=1) if parts else np.zeros((2, 0), np.intp)


def _cross(keys: Codes, values: NDArray[np.int64] | NDArray[np.bool_]) -> Ints:
    """(2, P) every two positions of equal key and ascending, different values."""
    order = np.lexsort((values, keys))
    keys, values = keys[order], values[order]
    here = np.arange(len(order))
    steps = np.cumsum((keys[1:] != keys[:-1]) | (values[1:] != values[:-1]))
    runs = np.append(0, steps)[: len(order)]  # a run has equal keys and equal values
    first = np.searchsorted(runs, runs, side="right")  # the next run
    count = np.searchsorted(keys, keys, side="right") - first
    offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    pairs: Ints = order[np.stack([np.repeat(here, count), np.repeat(first, count) + offset])]
    return pairs
