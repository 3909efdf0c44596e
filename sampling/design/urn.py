"""A space from which networks are drawn without replacement, and what is drawn from it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from nas_space.architecture import Architecture
from nas_space.space import Space

PATIENCE = 1000
"""Proposals in a row without a new network after which a space counts as exhausted."""


@dataclass(frozen=True)
class Draw:
    """One drawn network.

    Attributes:
        architecture: What was drawn.
        design: How: the name of a design, "largest", "smallest" or "listed", or more precisely
            "macs:<stratum>", "pair:<gene>", "equal_macs:<gene>", "cube:<gene>+<gene>+<gene>" or
            "neighbours:<steps>".
        unit: Design unit; networks with one unit were drawn together.
    """

    architecture: Architecture
    design: str
    unit: str


@dataclass
class Urn:
    """What is left of a space while a design draws from it.

    Attributes:
        space: Drawn from.
        rng: The only source of randomness.
        campaign: All spaces that are drawn from alike in one campaign, this one among them.
        classes: Outputs of the linear layer, for costs.
        seen: Ids of the networks that are gone.
    """

    space: Space
    rng: np.random.Generator
    campaign: tuple[Space, ...]
    classes: int
    seen: set[str] = field(default_factory=set)

    def take(self, propose: Callable[[], Sequence[Architecture]]) -> list[Architecture]:
        """The first proposal whose networks are distinct and all still there; they are then gone.

        Raises:
            ValueError: None in `PATIENCE` proposals was.
        """
        for _ in range(PATIENCE):
            networks = list(propose())
            ids = {network.id for network in networks}
            if ids and len(ids) == len(networks) and ids.isdisjoint(self.seen):
                self.seen |= ids
                return networks
        raise self.exhausted(f"none new in {PATIENCE} draws")

    def sift(self, networks: Iterable[Architecture], most: int) -> list[Architecture]:
        """The first `most` of these networks that are still there; they are then gone."""
        left = [n for n in dict.fromkeys(networks) if n.id not in self.seen][:most]
        self.seen.update(network.id for network in left)
        return left

    def exhausted(self, why: str) -> ValueError:
        """The error of a space that gives no more networks."""
        return ValueError(
            f"design.count must leave networks to find in {self.space.name}; {why}. "
            "Ask for fewer networks."
        )

    def unit(self, name: str, number: int) -> str:
        """Name of a design unit, distinct from those of other families."""
        return f"{self.space.family}-{name}{number}"


class Design(Protocol):
    """A way to draw networks: a value whose draws depend on the urn alone.

    `draw` returns exactly `count` distinct members of the space that the urn still held, for any
    count from `least` to what the space gives, and takes them from the urn. Networks that are not
    independent share a unit.
    """

    @property
    def name(self) -> str:
        """That of the table."""
        ...

    @property
    def about(self) -> str:
        """What it samples from, in one sentence without a full stop."""
        ...

    @property
    def least(self) -> int:
        """Fewest networks it can draw."""
        ...

    def draw(self, urn: Urn, count: int) -> list[Draw]:
        """Take networks from the urn."""
        ...
