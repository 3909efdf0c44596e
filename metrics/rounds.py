"""When a sequential evaluation looks at what it has: the ends of its rounds, and what each may err.

Any fixed schedule is allowed, as intervals are only claimed at the ends of rounds. Of the chance to
err, the share (t / T)^`POWER` may be spent by image t, T being the last end at which there is
anything to err about (Kim and DeMets, Biometrika 1987). With all images seen nothing is uncertain,
so nothing is spent there.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.estimate import Floats

POWER = 1.0
"""Of the spending function, a compromise. Higher ones narrow late rounds: at 2 or 3, a half width
of 2 points on 1,000 images saves 19 or 20 % and not 16 %; but on 5,000 images, or at wider goals,
up to 8 points less. For the best k it hardly matters."""

LARGEST = 20_000
"""Images: beyond, the exact tables take minutes."""


@dataclass(frozen=True)
class Rounds:
    """A schedule.

    Attributes:
        images: A, size of the list that images are drawn from without replacement.
        ends: Images seen at the end of every round, rising, at most A.

    Raises:
        ValueError: The ends do not rise from 1 to at most `images`.
    """

    images: int
    ends: tuple[int, ...]

    def __post_init__(self) -> None:
        if not 2 <= self.images <= LARGEST:
            raise ValueError(
                f"Rounds.images must be 2 to {LARGEST}; got {self.images}. "
                "Attack a list of another length."
            )
        rising = all(a < b for a, b in zip((0, *self.ends), self.ends, strict=False))
        if not self.ends or not rising or self.ends[-1] > self.images:
            raise ValueError(
                f"Rounds.ends must rise from 1 to at most {self.images}; got {self.ends}. "
                "Make them with Rounds.of."
            )

    @classmethod
    def of(cls, images: int, block: int) -> "Rounds":
        """Rounds of `block` images each, the last as many as are left.

        Raises:
            ValueError: `block` is below 1.
        """
        if block < 1:
            raise ValueError(f"Rounds.block must be at least 1; got {block}. Attack some images.")
        return cls(images, (*range(block, images, block), images))

    @property
    def spending(self) -> Floats:
        """(R,) share of the chance to err that may be spent by the end of each round."""
        ends = np.array(self.ends, float)
        risky = ends[ends < self.images]
        if not len(risky):
            return np.ones_like(ends)
        spent: Floats = np.minimum(ends / risky[-1], 1.0) ** POWER
        return spent

    def index(self, evaluated: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of rounds (0 to R) after which that many images are evaluated.

        Raises:
            ValueError: One is neither 0 nor the end of a round.
        """
        known = np.array((0, *self.ends))
        found = np.minimum(np.searchsorted(known, evaluated), len(known) - 1)
        wrong = known[found] != evaluated
        if np.any(wrong):
            raise ValueError(
                f"Rounds.evaluated must be 0 or one of {self.ends}; got "
                f"{np.asarray(evaluated)[wrong].flat[0]}. Judge at the ends of rounds alone."
            )
        return found
