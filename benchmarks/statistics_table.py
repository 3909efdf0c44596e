"""The one form of a simulated coverage: how often an interval holds what it claims to hold."""

import math
from dataclasses import dataclass

from benchmarks.table import Cell

LEEWAY = 0.015  # by which coverage may miss what is claimed
ENOUGH = 4000  # trials from which on it is held to that


@dataclass(frozen=True)
class Coverage:
    """One case.

    Attributes:
        case: What was simulated.
        nominal: What it claims.
        coverage: Share of the trials in which the interval held the truth.
        trials: Number of trials.
        conservative: Whether the interval covers at least its level by construction, so that more
            is no fault.
    """

    case: str
    nominal: float
    coverage: float
    trials: int
    conservative: bool

    @property
    def kept(self) -> bool:
        """Whether the coverage is that claimed, or above it where it may be, give or take `LEEWAY`.

        With fewer trials than `ENOUGH`, three standard errors of what is missing are let pass.
        """
        leeway = LEEWAY + 3 * max(0.0, self._error(self.trials) - self._error(ENOUGH))
        above = self.coverage - self.nominal
        return above >= -leeway and (self.conservative or above <= leeway)

    def _error(self, trials: int) -> float:
        return math.sqrt(self.nominal * (1 - self.nominal) / trials)

    def as_json(self) -> dict[str, Cell]:
        """Plain data, in the documented order of fields."""
        return {
            "case": self.case,
            "nominal": self.nominal,
            "coverage": self.coverage,
            "trials": self.trials,
            "conservative": self.conservative,
        }
