"""What a claim is, what its test is given, and what it gives back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.attenuation import Key, Shared
from analysis.marks import Marks
from analysis.study import Study


@dataclass(frozen=True)
class Evidence:
    """What claims are tested on.

    Attributes:
        study: Networks with their scores.
        pairs: What changing one gene does, as in pairs.csv.
        marks: What speaks against some of the numbers.
        shrink: What effects seen with supernet weights are multiplied by; empty to leave them.
    """

    study: Study
    pairs: pd.DataFrame
    marks: Marks
    shrink: Mapping[Key, Shared]


@dataclass(frozen=True)
class Interval:
    """An effect with its 95 % interval and the two-sided p of its being at the bound."""

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Part:
    """One number that a claim stands or falls with.

    Attributes:
        label: What is compared, in words.
        effect: The number; `p` is that of its being equal to `bound`.
        unit: Of the effect.
        data: What it was computed from, with the number of networks and images.
        conditional_on: What it holds for.
        bound: The claim says that the effect lies beyond this.
        above: Beyond is above; else below.
        mark: Why the number is in doubt, "" if nothing speaks against it.
    """

    label: str
    effect: Interval
    unit: str
    data: str
    conditional_on: str
    bound: float = 0.0
    above: bool = True
    mark: str = ""


@dataclass(frozen=True)
class Gap:
    """A part of a claim that cannot be tested, and what is missing for it."""

    label: str
    missing: str


Answer = Part | Gap


@dataclass(frozen=True)
class Claim:
    """Something said of robustness.

    Attributes:
        name: Short, for tables.
        text: What is said; it holds when every part holds.
        source: Who says it.
        test: Its parts, at least one.
    """

    name: str
    text: str
    source: str
    test: Callable[[Evidence], Sequence[Answer]]
