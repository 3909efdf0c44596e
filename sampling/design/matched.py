"""Draws for comparisons with everything else equal: factorial blocks, and pairs at equal MACs."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from nas_space.architecture import Architecture
from nas_space.costs import costs
from nas_space.pairs import kind
from nas_space.space import Gene, Space
from sampling.design.uniform import Genes
from sampling.design.urn import Draw, Urn


def kinds(space: Space) -> list[str]:
    """Kinds of gene that offer a choice, in order from the input."""
    return list(dict.fromkeys(kind(g.name) for g in space.genes if len(g.choices) > 1))


def kind_turns(campaign: Sequence[Space], space: Space, size: int) -> Iterator[tuple[str, ...]]:
    """Which kinds of gene vary in one block of a space after another.

    The spaces take turns; each block takes the kinds that blocks of the whole campaign have varied
    least so far, and of those the ones that have met least. So a kind that few spaces offer is
    varied more often there, until all kinds have equal numbers, as far as that can be attained.

    Args:
        campaign: All spaces, with equal numbers of blocks each.
        space: The one whose blocks are asked for.
        size: Kinds in a block.
    """
    varied: Counter[str] = Counter()
    met: Counter[frozenset[str]] = Counter()
    options = {s: sets_of_kinds(s, size) for s in campaign}

    def wear(chosen: tuple[str, ...]) -> tuple[int, int]:
        return sum(varied[k] for k in chosen), sum(met[p] for p in _couples(chosen))

    while True:
        for turn in (s for s in campaign if options[s]):
            chosen = min(options[turn], key=wear)
            varied.update(chosen)
            met.update(_couples(chosen))
            if turn == space:
                yield chosen


def sets_of_kinds(space: Space, size: int) -> list[tuple[str, ...]]:
    """Sets of kinds that one network can vary at once: no gene needs what another takes away."""
    top = {gene.name: gene.choices[-1] for gene in space.genes}

    def possible(chosen: tuple[str, ...]) -> bool:
        for genes in itertools.product(*(of_kind(space, k) for k in chosen)):
            lower = top | {gene.name: gene.choices[-2] for gene in genes}
            if all(gene.active(lower) for gene in genes):
                return True
        return False

    return [c for c in itertools.combinations(kinds(space), size) if possible(c)]


def _couples(chosen: tuple[str, ...]) -> list[frozenset[str]]:
    return [frozenset(couple) for couple in itertools.combinations(chosen, 2)]


@dataclass(frozen=True)
class Factorial:
    """Full factorial blocks of two levels: 2^k networks in which k genes of different kinds vary.

    A block has k 2^(k-1) matched pairs, its edges, and shows how its genes act together; it is one
    design unit. Everything else is uniform over genes, as are the genes that vary and their levels.
    What does not fill a block is drawn by `Genes`.

    Attributes:
        name: Of the design.
        label: What a draw's design starts with.
        genes: k.
    """

    name: str
    label: str
    genes: int

    @property
    def about(self) -> str:
        """See `Design`."""
        return (
            f"blocks of {self.least} networks that differ in {self.genes} gene"
            f"{'s' * (self.genes > 1)}, all else uniform over genes"
        )

    @property
    def least(self) -> int:
        """See `Design`."""
        return 1 << self.genes

    def draw(self, urn: Urn, count: int) -> list[Draw]:
        """See `Design`."""
        if not sets_of_kinds(urn.space, self.genes):
            raise ValueError(
                f"Space.genes must offer choices of {self.genes} kinds for design {self.name}; "
                f"got {', '.join(kinds(urn.space))} in {urn.space.name}. Choose another design."
            )
        draws: list[Draw] = []
        turns = kind_turns(urn.campaign, urn.space, self.genes)
        for i in range(count // self.least):
            varied = next(turns)
            networks = urn.take(partial(block, urn, varied))
            genes = differing(networks[0], networks[-1])
            unit = urn.unit(self.label, i)
            draws += [Draw(n, f"{self.label}:{'+'.join(genes)}", unit) for n in networks]
        return draws + Genes().draw(urn, count - len(draws))


def differing(one: Architecture, other: Architecture) -> list[str]:
    """Genes that both have, with different values."""
    return [name for name, value in one.genes if other.values.get(name, value) != value]


def block(urn: Urn, varied: Sequence[str]) -> list[Architecture]:
    """2^k networks in which one gene of each of these k kinds takes two levels.

    The first has all low levels, the last all high ones. Empty when the network that was drawn has
    no gene of some kind.
    """
    space, rng = urn.space, urn.rng
    values = {gene.name: int(rng.choice(gene.choices)) for gene in space.genes}
    depths = {kind(gene.depth) for gene in space.genes}
    levels: dict[str, list[int]] = {}
    # depths first: the other genes then exist in the shallowest network of the block, so in all
    for wanted in sorted(varied, key=lambda name: name not in depths):
        genes = [g for g in of_kind(space, wanted) if g.active(values)]
        if not genes:
            return []
        gene = genes[rng.integers(len(genes))]
        low, high = sorted(rng.choice(gene.choices, 2, replace=False).tolist())
        levels[gene.name] = [low, high]
        values[gene.name] = low
    corners = itertools.product(*levels.values())
    return [space.canonical(values | dict(zip(levels, c, strict=True))) for c in corners]


def of_kind(space: Space, wanted: str) -> list[Gene]:
    """Genes of a kind that offer a choice."""
    return [g for g in space.genes if kind(g.name) == wanted and len(g.choices) > 1]


@dataclass(frozen=True)
class EqualMacs:
    """Pairs of networks at equal MACs: one gene differs, and widths and ratios elsewhere pay.

    The first network is uniform over genes. What the change of the gene costs is paid for by genes
    of the kinds "width" and "expand", but not of its own, at each step the one that comes closest,
    until the MACs agree; networks for which they never do are left out, and kinds of gene for which
    none is found (half the patch is four times the tokens). A pair is one design unit;
    an odd network is drawn by `Genes`.

    Attributes:
        tolerance: Largest difference of the MACs as a share of the first network's.
    """

    tolerance: float = 0.02
    name: ClassVar[str] = "equal_macs"
    least: ClassVar[int] = 2

    @property
    def about(self) -> str:
        """See `Design`."""
        return (
            "pairs that differ in one gene, uniform over genes, with widths or ratios changed so "
            f"that MACs agree within {self.tolerance:.0%}"
        )

    def draw(self, urn: Urn, count: int) -> list[Draw]:
        """See `Design`."""
        draws: list[Draw] = []
        turns, unpaid = kind_turns(urn.campaign, urn.space, 1), set[str]()
        for i in range(count // 2):
            pair, varied = self._pair(urn, turns, unpaid)
            (gene,) = (name for name in differing(*pair) if kind(name) == varied)
            draws += [Draw(n, f"{self.name}:{gene}", urn.unit(self.name, i)) for n in pair]
        return draws + Genes().draw(urn, count % 2)

    def _pair(
        self, urn: Urn, turns: Iterator[tuple[str, ...]], unpaid: set[str]
    ) -> tuple[list[Architecture], str]:
        """A pair and the kind that differs; kinds that nothing pays for are noted as unpaid."""
        while True:
            varied = next(turn[0] for turn in turns if turn[0] not in unpaid)
            try:
                return urn.take(partial(self._propose, urn, varied)), varied
            except ValueError:
                unpaid.add(varied)
                if unpaid >= set(kinds(urn.space)):
                    raise

    def _propose(self, urn: Urn, varied: str) -> list[Architecture]:
        """A network, and one of its MACs with another choice of one gene; empty: none found."""
        space, pair = urn.space, block(urn, [varied])
        if not pair:
            return []
        base, changed = (pair[i] for i in urn.rng.permutation(2))
        payers = [g for k in ("width", "expand") if k != varied for g in of_kind(space, k)]
        ends = [
            space.canonical(changed.values | {g.name: g.choices[end] for g in payers})
            for end in (0, -1)
        ]
        target, now, least, most = costs(space, [base, changed, *ends], urn.classes)["macs"]
        slack = self.tolerance * target
        if not least - slack <= target <= most + slack:
            return []  # however it pays
        while abs(now - target) > self.tolerance * target:
            options = [
                (gene, space.with_gene(changed, gene.name, choice))
                for gene in payers
                for choice in gene.choices
                if choice != changed.values.get(gene.name, choice)
            ]
            if not options:
                return []
            macs = costs(space, [network for _, network in options], urn.classes)["macs"]
            best = int(np.argmin(np.abs(macs - target)))
            if abs(macs[best] - target) >= abs(now - target):
                return []
            now, (gene, changed) = macs[best], options[best]
            payers.remove(gene)
        return [base, changed]


PAIRS = Factorial("pairs", "pair", genes=1)
CUBES = Factorial("cubes", "cube", genes=3)
