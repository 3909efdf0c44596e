"""The genes of one supernet's networks, read back from their architectures."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.study import Group, Study
from nas_space.architecture import Architecture
from nas_space.costs import SCALES
from nas_space.files import read_space
from nas_space.pairs import kind
from nas_space.presets import find_space
from nas_space.space import Space
from nas_space.table import gene_table

ABSENT = -1  # place of the choice of a gene that a network lacks
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Genes:
    """What was chosen for every gene of n networks.

    Attributes:
        space: The space they come from.
        architectures: n of them.
        places: Gene name to (n,) place of the choice among the gene's choices, `ABSENT` where the
            network lacks the gene. Genes without a choice are left out.
    """

    space: Space
    architectures: tuple[Architecture, ...]
    places: Mapping[str, Ints]

    def choices(self, gene: str) -> tuple[int, ...]:
        """What a gene offers, ascending."""
        return next(g.choices for g in self.space.genes if g.name == gene)


def read_genes(study: Study, group: Group) -> Genes | str:
    """Genes of a group's networks, or in words why they are not known."""
    texts = study.networks["architecture"].to_numpy(dtype=str)[group.rows]
    try:
        architectures = tuple(map(Architecture.from_json, texts.tolist()))
        (name,) = {f"{a.family}-{a.scale}" for a in architectures}
    except ValueError:
        return "the architectures of its networks are not those of one space"
    try:
        space = read_space(study.spaces[name]) if name in study.spaces else find_space(name)
        table = gene_table(space, architectures)
    except ValueError:
        return f"the space {name} of its networks is not known, or they lie outside of it"
    places = {}
    for gene in space.genes:
        if len(gene.choices) > 1:
            exists = table[gene.depth] >= gene.rank if gene.depth else np.ones(len(texts), bool)
            place = np.searchsorted(gene.choices, table[gene.name])
            places[gene.name] = np.where(exists, place, ABSENT).astype(np.intp)
    return Genes(space, architectures, places)


def shown(gene: str, choice: int) -> str:
    """A choice as readers see it: ratios plain, not in thousandths."""
    return f"{choice * SCALES.get(kind(gene), 1):g}"
