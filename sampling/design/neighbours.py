"""The networks around a given one."""

from dataclasses import dataclass
from typing import ClassVar

from nas_space.architecture import Architecture
from sampling.design.urn import Draw, Urn


@dataclass(frozen=True)
class Neighbours:
    """A network and those around it, by growing number of steps and in random order within one.

    A step gives one gene another choice, see `Space.neighbours`. All are drawn around one network,
    so they are one design unit.

    Attributes:
        around: The network; drawn uniformly over genes when None.
    """

    around: Architecture | None = None
    name: ClassVar[str] = "neighbours"
    least: ClassVar[int] = 1

    @property
    def about(self) -> str:
        """See `Design`."""
        centre = "a network uniform over genes" if self.around is None else self.around.id
        return f"{centre} and those around it, the fewest changed genes first"

    def draw(self, urn: Urn, count: int) -> list[Draw]:
        """See `Design`.

        Raises:
            ValueError: The network lies outside the space.
        """
        ring = [self.around or urn.space.sample(urn.rng)]
        urn.space.check(ring[0])
        draws: list[Draw] = []
        steps = 0
        while len(draws) < count:
            order = urn.rng.permutation(len(ring))
            ring = urn.sift((ring[i] for i in order), count - len(draws))
            if not ring:
                raise urn.exhausted(f"no network is more than {steps - 1} steps away")
            draws += [Draw(n, f"{self.name}:{steps}", urn.unit("around", 0)) for n in ring]
            ring = [other for network in ring for other in urn.space.neighbours(network)]
            steps += 1
        return draws
