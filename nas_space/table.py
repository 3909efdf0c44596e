"""Many architectures as one table of integers, checked: what costs and factors are computed from.

Written for speed: a table of 1,200 architectures takes about as long as drawing fifty of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from nas_space.architecture import Architecture
from nas_space.space import Space


@dataclass(frozen=True)
class _Genes:
    """What is looked up about the G genes of a space.

    Attributes:
        row: Gene name to its place in `Space.genes`.
        always: Names of the genes that every network has.
        switch: (G,) row of the depth gene that switches each gene, 0 where there is none.
        rank: (G,) depth from which the gene exists, 0 where it always does.
        choices: (G, most choices), short rows filled up with their first choice.
    """

    row: dict[str, int]
    always: frozenset[str]
    switch: NDArray[np.intp]
    rank: NDArray[np.int64]
    choices: NDArray[np.int64]


@lru_cache(maxsize=32)
def _genes(space: Space) -> _Genes:
    row = {gene.name: i for i, gene in enumerate(space.genes)}
    switch = [row[gene.depth] if gene.depth else 0 for gene in space.genes]
    most = max(len(gene.choices) for gene in space.genes)
    choices = [g.choices + g.choices[:1] * (most - len(g.choices)) for g in space.genes]
    rank = [gene.rank for gene in space.genes]
    always = frozenset(gene.name for gene in space.genes if not gene.depth)
    return _Genes(row, always, np.array(switch, np.intp), np.array(rank), np.array(choices))


def gene_table(space: Space, architectures: Sequence[Architecture]) -> dict[str, NDArray[np.int64]]:
    """Gene name to (N,) values, 0 where the gene does not exist.

    Raises:
        ValueError: An architecture lies outside the space.
    """
    genes = _genes(space)
    if {(a.family, a.scale) for a in architectures} - {(space.family, space.scale)}:
        _refuse(space, architectures)
    values = _gather(space, genes, architectures)
    active = values[genes.switch] >= genes.rank[:, None]
    offered = (values[:, None, :] == genes.choices[:, :, None]).any(1)
    if not np.where(active, offered, values == 0).all():
        _refuse(space, architectures)
    return dict(zip(genes.row, values, strict=True))


def _refuse(space: Space, architectures: Sequence[Architecture]) -> None:
    """Raise the error of the first architecture outside the space."""
    for architecture in architectures:
        space.check(architecture)


def _gather(
    space: Space, genes: _Genes, architectures: Sequence[Architecture]
) -> NDArray[np.int64]:
    """(G, N) values, 0 where an architecture lacks the gene; only names are checked.

    Few sets of names occur, one per combination of depths, so each is looked up once.
    """
    chosen = [architecture.values for architecture in architectures]
    names = list(map(tuple, chosen))
    rows = dict.fromkeys(names)
    for own in rows:
        if not genes.row.keys() >= set(own) >= genes.always:
            _refuse(space, architectures)
        rows[own] = np.array([genes.row[name] for name in own], np.intp)
    row = np.concatenate([rows[own] for own in names] or [np.zeros(0, np.intp)])
    column = np.repeat(np.arange(len(chosen)), list(map(len, names)))
    flat = chain.from_iterable(map(dict.values, chosen))
    values = np.zeros((len(genes.row), len(chosen)), np.int64)
    values[row, column] = np.fromiter(flat, np.int64, len(row))
    return values
