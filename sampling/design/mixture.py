"""The default design: blocks for comparisons, independent networks for the regression."""

from dataclasses import dataclass
from typing import ClassVar

from sampling.design.matched import CUBES
from sampling.design.uniform import Genes
from sampling.design.urn import Draw, Urn


@dataclass(frozen=True)
class Mixture:
    """The two extremes, cubes, and networks uniform over genes, which give the regression spread.

    A campaign of 1,204 networks over the two digits spaces has 200 matched pairs of every kind of
    gene, those that only one family has included: 50 cubes of 12 pairs in each space are 1,200
    pairs for six kinds. Two thirds is the least share with which that can be attained.

    Attributes:
        blocks: Share of the networks that stand in cubes.
    """

    blocks: float = 2 / 3
    name: ClassVar[str] = "mixture"
    least: ClassVar[int] = 2

    @property
    def about(self) -> str:
        """See `Design`."""
        return (
            f"the largest and the smallest network, {self.blocks:.0%} in cubes (see cubes), the "
            "rest uniform over genes"
        )

    def draw(self, urn: Urn, count: int) -> list[Draw]:
        """See `Design`."""
        draws = []
        for name, largest in (("largest", True), ("smallest", False)):
            for network in urn.sift([urn.space.extreme(largest)], 1):
                draws.append(Draw(network, name, f"{urn.space.family}-{name}"))
        cubes = int(count * self.blocks) // CUBES.least
        if cubes:
            draws += CUBES.draw(urn, cubes * CUBES.least)
        return draws + Genes().draw(urn, count - len(draws))
