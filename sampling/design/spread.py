"""Draws that are spread evenly: over the costs of networks, or over all genes at once."""

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from nas_space.architecture import Architecture
from nas_space.costs import costs
from sampling.design.urn import Draw, Urn

PILOT = 1000
"""Networks from which strata are laid out, and which are proposed at a time to fill them."""

TAIL = 0.01
"""Share of uniform draws below the second, and above the last but one, of the edges of strata."""

RUN = 10
"""Proposals of `PILOT` networks, or scrambled nets, in a row without a new network: exhausted."""


@dataclass(frozen=True)
class Macs:
    """Equal numbers in strata of MACs; within a stratum uniform over genes.

    The strata have equal ratios of MACs between the 1st and the 99th percentile of uniform draws;
    the first and the last reach to the ends of the space. Networks are given the strata in turn.

    Attributes:
        strata: How many.
    """

    strata: int = 10
    name: ClassVar[str] = "macs"

    @property
    def about(self) -> str:
        """See `Design`."""
        return (
            f"equal numbers in {self.strata} log-spaced strata of MACs, uniform over genes in each"
        )

    @property
    def least(self) -> int:
        """See `Design`."""
        return self.strata

    def draw(self, urn: Urn, count: int) -> list[Draw]:
        """See `Design`."""
        low, high = np.quantile(_macs(urn, _uniform(urn)), [TAIL, 1 - TAIL])
        edges = np.geomspace(low, high, self.strata + 1)[1:-1]
        wanted = [len(range(s, count, self.strata)) for s in range(self.strata)]
        filled: list[list[Architecture]] = [[] for _ in wanted]
        vain = 0
        while (left := sum(wanted) - sum(map(len, filled))) > 0:
            if vain == RUN:
                raise urn.exhausted(f"a stratum of MACs gave none new in {RUN * PILOT:,} draws")
            proposed = _uniform(urn)
            strata = np.searchsorted(edges, _macs(urn, proposed))
            for s, networks in enumerate(filled):
                inside = (proposed[i] for i in np.flatnonzero(strata == s))
                networks += urn.sift(inside, wanted[s] - len(networks))
            vain = vain + 1 if left == sum(wanted) - sum(map(len, filled)) else 0
        turns = itertools.zip_longest(*filled)
        drawn = [(n, s) for turn in turns for s, n in enumerate(turn, 1) if n is not None]
        return [
            Draw(n, f"{self.name}:{s}", urn.unit(self.name, i)) for i, (n, s) in enumerate(drawn)
        ]


@dataclass(frozen=True)
class Sobol:
    """Low-discrepancy draws: scrambled Sobol' nets (Owen 1998) over the choices of all genes.

    Each choice of a gene occurs almost equally often in a net. Genes of blocks that do not
    exist are drawn and dropped, and networks drawn before are left out. Points of one net depend on
    one another, so a net is a design unit; nets are independent.

    Attributes:
        points: Of a net, a power of 2.
    """

    points: int = 32
    name: ClassVar[str] = "sobol"
    least: ClassVar[int] = 1

    @property
    def about(self) -> str:
        """See `Design`."""
        return f"scrambled Sobol' nets of {self.points} points over the choices of all genes"

    def draw(self, urn: Urn, count: int) -> list[Draw]:
        """See `Design`."""
        draws: list[Draw] = []
        net = vain = 0
        while len(draws) < count:
            if vain == RUN * PILOT // self.points:
                raise urn.exhausted(f"none new in {vain} nets of {self.points} points")
            networks = urn.sift(self._net(urn), count - len(draws))
            draws += [Draw(n, self.name, urn.unit(self.name, net)) for n in networks]
            net, vain = net + 1, 0 if networks else vain + 1
        return draws

    def _net(self, urn: Urn) -> list[Architecture]:
        genes = urn.space.genes
        engine = qmc.Sobol(len(genes), rng=urn.rng)
        most = [len(gene.choices) for gene in genes]
        drawn: NDArray[np.int64] = engine.integers(0, u_bounds=most, n=self.points)
        return [
            urn.space.canonical({g.name: g.choices[i] for g, i in zip(genes, row, strict=True)})
            for row in drawn.tolist()
        ]


def _uniform(urn: Urn) -> list[Architecture]:
    return [urn.space.sample(urn.rng) for _ in range(PILOT)]


def _macs(urn: Urn, networks: list[Architecture]) -> NDArray[np.float64]:
    return costs(urn.space, networks, urn.classes)["macs"]
