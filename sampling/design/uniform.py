"""Independent draws, uniform over genes or over networks: each network is a design unit."""

from dataclasses import dataclass
from typing import ClassVar

from sampling.design.urn import Draw, Urn


@dataclass(frozen=True)
class Genes:
    """Uniform over the choices of every gene; shallow networks are as likely as deep ones."""

    name: ClassVar[str] = "genes"
    about: ClassVar[str] = "uniform over the choices of every gene"
    least: ClassVar[int] = 1

    def draw(self, urn: Urn, count: int) -> list[Draw]:
        """See `Design`."""
        networks = [urn.take(lambda: [urn.space.sample(urn.rng)])[0] for _ in range(count)]
        return [Draw(n, self.name, urn.unit("single", i)) for i, n in enumerate(networks)]


@dataclass(frozen=True)
class Networks:
    """Uniform over networks; as most of a space's networks are deep, so are most draws."""

    name: ClassVar[str] = "networks"
    about: ClassVar[str] = "uniform over all networks, most of which are deep"
    least: ClassVar[int] = 1

    def draw(self, urn: Urn, count: int) -> list[Draw]:
        """See `Design`."""
        networks = [urn.take(lambda: [urn.space.sample_uniform(urn.rng)])[0] for _ in range(count)]
        return [Draw(n, self.name, urn.unit("network", i)) for i, n in enumerate(networks)]
