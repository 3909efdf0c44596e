"""How attacks are run: batches and switches, part of every protocol."""

from dataclasses import dataclass

QUANTUM = 32
"""Batches are multiples of this, small ones of 8, so that few shapes occur."""


@dataclass(frozen=True)
class Plan:
    """How lanes are run; part of the protocol, as rounding depends on the batch.

    Attributes:
        batch: Lanes that step together, a multiple of 32.
        nested: Robust at a budget means not fooled at any listed budget up to it; False judges each
            budget alone.
        leave: Fooled lanes leave; False runs every lane to the end (same outcome, slower).
        last: Gradient attacks are judged by their last iterate alone, as most libraries do; False
            by every iterate.
        probes: Ask the network what only alarms need: a huge budget, and the same images twice.
    """

    batch: int = 640
    nested: bool = True
    leave: bool = True
    last: bool = False
    probes: bool = True

    def __post_init__(self) -> None:
        if type(self.batch) is not int or self.batch < 1 or self.batch % QUANTUM:
            raise ValueError(
                f"Plan.batch must be a positive multiple of {QUANTUM}; got {self.batch}. Round it."
            )
