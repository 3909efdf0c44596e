"""Which networks are compared: matched pairs, pairs at equal MACs, faces of cubes."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.genes import ABSENT, Genes
from nas_space.pairs import kind, matched_pairs

Ints = NDArray[np.intp]
MATCHED, EQUAL_MACS = COMPARISONS = ("matched", "equal_macs")


@dataclass(frozen=True)
class Contrasts:
    """P pairs of networks, positions among the n of a group.

    Attributes:
        low: (P,) network with the smaller value of the gene.
        high: (P,) the other one.
        gene: (P,) the gene in question.
        start: (P,) place of the smaller value among the gene's choices.
        stop: (P,) place of the larger one.
    """

    low: Ints
    high: Ints
    gene: NDArray[np.str_]
    start: Ints
    stop: Ints

    @property
    def kind(self) -> NDArray[np.str_]:
        """(P,) kind of the gene."""
        return np.array([kind(gene) for gene in self.gene], dtype=str)


def find_contrasts(genes: Genes, units: Ints, design: Sequence[str]) -> dict[str, Contrasts]:
    """Comparison name to its pairs.

    Matched pairs differ in one gene and stand in one design unit; pairs at equal MACs were drawn as
    such, and differ also in the widths and ratios that pay for the gene.

    Args:
        genes: Of n networks.
        units: (n,) design unit of each.
        design: (n,) how each was drawn.
    """
    found = matched_pairs(genes.space, genes.architectures, units)
    return {
        MATCHED: _located(genes, found.low, found.high, found.gene),
        EQUAL_MACS: _located(genes, *_at_equal_macs(genes, units, design)),
    }


def _at_equal_macs(
    genes: Genes, units: Ints, design: Sequence[str]
) -> tuple[Ints, Ints, NDArray[np.str_]]:
    """Low, high and gene of pairs drawn at equal MACs of which both networks are there."""
    members: dict[int, list[int]] = {}
    for row, (unit, text) in enumerate(zip(units.tolist(), design, strict=True)):
        if text.startswith(f"{EQUAL_MACS}:"):
            members.setdefault(unit, []).append(row)
    pairs = []
    for rows in members.values():
        gene = design[rows[0]].partition(":")[2]
        if len(rows) == 2 and gene in genes.places:
            first, second = sorted(rows, key=lambda row: genes.places[gene][row])
            if ABSENT < genes.places[gene][first] < genes.places[gene][second]:
                pairs.append((first, second, gene))
    low, high = (np.array([pair[side] for pair in pairs], np.intp) for side in (0, 1))
    return low, high, np.array([pair[2] for pair in pairs], dtype=str)


def _located(genes: Genes, low: Ints, high: Ints, names: NDArray[np.str_]) -> Contrasts:
    start, stop = (
        np.array([genes.places[g][row] for g, row in zip(names, rows, strict=True)], np.intp)
        for rows in (low, high)
    )
    return Contrasts(low, high, names, start, stop)


@dataclass(frozen=True)
class Faces:
    """Q faces of cubes: four networks in which two genes take two values each.

    Attributes:
        corners: (Q, 4) both low, first high, second high, both high.
        kinds: (Q,) the two kinds of gene, in the order of the corners.
        steps: (Q,) product of the steps of both genes.
    """

    corners: Ints
    kinds: tuple[tuple[str, str], ...]
    steps: Ints


def find_faces(genes: Genes, units: Ints, design: Sequence[str]) -> Faces:
    """All complete faces of the blocks in which several genes vary.

    Args:
        genes: Of n networks.
        units: (n,) design unit of each.
        design: (n,) how each was drawn: "<name>:<gene>+<gene>..." for a block.
    """
    blocks: dict[tuple[int, str], list[int]] = {}
    for row, (unit, text) in enumerate(zip(units.tolist(), design, strict=True)):
        varied = text.partition(":")[2]
        if "+" in varied and all(name in genes.places for name in varied.split("+")):
            blocks.setdefault((unit, varied), []).append(row)
    parts = [
        face for (_, varied), rows in blocks.items() for face in _faces_of(genes, varied, rows)
    ]
    return Faces(
        np.array([corners for corners, _, _ in parts], np.intp).reshape(-1, 4),
        tuple(kinds for _, kinds, _ in parts),
        np.array([steps for _, _, steps in parts], np.intp),
    )


def _faces_of(
    genes: Genes, varied: str, rows: Sequence[int]
) -> Iterator[tuple[list[int], tuple[str, str], int]]:
    """Corners, kinds and steps of the faces of one block; incomplete faces are left out."""
    order = list(dict.fromkeys(map(kind, genes.places)))  # two kinds meet in one order everywhere
    names = sorted(varied.split("+"), key=lambda name: order.index(kind(name)))
    places = np.stack([genes.places[name][list(rows)] for name in names], axis=1)
    at: Mapping[tuple[int, ...], int] = dict(zip(map(tuple, places.tolist()), rows, strict=True))
    low, high = places.min(0).tolist(), places.max(0).tolist()
    for i, j in itertools.combinations(range(len(names)), 2):
        rest = [(low[k], high[k]) if k not in (i, j) else (0,) for k in range(len(names))]
        for corner in itertools.product(*rest):
            cells = []
            for second, first in itertools.product((low[j], high[j]), (low[i], high[i])):
                place = [*corner]
                place[i], place[j] = first, second
                cells.append(at.get(tuple(place), ABSENT))
            if ABSENT not in cells and low[i] < high[i] and low[j] < high[j]:
                steps = (high[i] - low[i]) * (high[j] - low[j])
                yield cells, (kind(names[i]), kind(names[j])), steps
