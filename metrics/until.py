"""Until what images are attacked, as text, and in which order they are."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.rounds import Rounds
from metrics.sequential import Goal

POINTS = {"half_width": 100.0, "margin": 100.0, "level": 100.0, "best": 1.0}
"""Part of a goal to what one is in the unit it is written in: percentage points, networks."""

BLOCKS = 8
"""Rounds, where no size of a round is named."""

LEAST = 25
"""Images of a round, where no size is named."""


@dataclass(frozen=True)
class Until:
    """What an evaluation is for, and how it is done in rounds.

    Attributes:
        goal: When it may end.
        block: Images of a round; 0: an eighth of all, at least `LEAST`.
        on: Condition whose right answers count; "": right under every attack.
    """

    goal: Goal
    block: int = 0
    on: str = ""

    def rounds(self, images: int) -> Rounds:
        """The schedule for so many images that may be attacked.

        Raises:
            ValueError: There are too few or too many.
        """
        return Rounds.of(images, self.block or max(LEAST, -(-images // BLOCKS)))


def read_until(text: str) -> Until:
    """What is written as "best=10", or as "half_width=2,margin=1,level=95,block=50,on=CONDITION".

    Half width, margin and level are percentage points.

    Raises:
        ValueError: It is not written so, or a number is out of range.
    """
    parts = dict(part.partition("=")[::2] for part in text.split(","))
    known = {*POINTS, "block", "on"}
    try:
        if not known.issuperset(parts) or len(parts) < len(text.split(",")):
            raise ValueError(text)
        on, block = parts.pop("on", ""), int(parts.pop("block", "0"))
        values = {name: float(value) / POINTS[name] for name, value in parts.items()}
        best = values.pop("best", None)
        if (best is not None and best % 1) or block < 0:
            raise ValueError(text)
    except ValueError as error:
        raise ValueError(
            f"until-decided must be NAME=NUMBER between commas, of {', '.join(sorted(known))}, "
            f"each once; got {text!r}. Write best=10, or half_width=2 in percentage points."
        ) from error
    return Until(Goal(best=None if best is None else int(best), **values), block, on)


def attack_order(ids: Sequence[str], seed: int) -> NDArray[np.intp]:
    """(A,) positions of the images in the order in which they are attacked: at random, and fixed.

    Args:
        ids: Stable ids of the A images.
        seed: Of the protocol.
    """
    keys = [hashlib.sha256(f"order {seed} {name}".encode()).digest() for name in ids]
    return np.array(sorted(range(len(ids)), key=keys.__getitem__), np.intp)


def until_note(text: str, images: int) -> str:
    """Sentence for the results file: what was to be decided, and of how many images at most."""
    return f"Networks were attacked until decided: {text}; on {images} images at most."


def read_note(notes: str) -> tuple[Until, int] | None:
    """What a note of `until_note` among others says; None where there is none.

    Raises:
        ValueError: The note is not as it was written.
    """
    found = re.search(r"attacked until decided: (\S+); on (\d+) images at most\.", notes)
    return None if found is None else (read_until(found[1]), int(found[2]))
