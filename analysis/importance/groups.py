"""Factors in groups: one group per kind of choice, and which groups cannot be told apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.correlations import unusable_factors
from analysis.regressions import DESIGN_FACTORS, standardise
from analysis.summary import ENTANGLED
from metrics import Floats

CORRELATED = 0.7
"""Correlation from which two factors are called entangled (Dormann et al. 2013)."""

LEAST = 1e-8  # share of its variance that a factor counts as having to itself: VIF is at most 1e8


@dataclass(frozen=True)
class FactorGroups:
    """Columns of factors by the kind of choice they belong to.

    Attributes:
        columns: Group name to its factors: one per stage where the stages can differ, the
            whole-network factor otherwise.
        dropped: Group name to the reason why nothing can be said of it.
    """

    columns: dict[str, list[str]]
    dropped: dict[str, str]

    @property
    def sizes(self) -> list[int]:
        """Factors per group."""
        return [len(names) for names in self.columns.values()]

    @property
    def flat(self) -> list[str]:
        """All factors, group after group."""
        return [name for names in self.columns.values() for name in names]

    @property
    def needed(self) -> int:
        """Design units that a linear model of all of them needs: three per coefficient."""
        return 3 * (len(self.flat) + 1)


def group_factors(factors: pd.DataFrame, units: int) -> FactorGroups:
    """Design factors in groups, stages told apart where there are design units enough for that.

    Args:
        factors: (n, F) factors of one supernet's networks.
        units: Independent design units.
    """
    unusable = unusable_factors(factors)
    whole: dict[str, list[str]] = {}
    staged: dict[str, list[str]] = {}
    dropped = {}
    for name in (n for n in DESIGN_FACTORS if n in factors):
        stages = [str(c) for c in factors if str(c).startswith(f"{name}_stage")]
        known = [c for c in stages if c not in unusable]
        if name in unusable and not known:
            dropped[name] = unusable[name]
            continue
        # where a stage may be absent, the whole network's factor is the one that all have
        partial = any(unusable.get(c, "").startswith("undefined") for c in stages)
        whole[name] = [name] if name not in unusable else known
        staged[name] = known if known and not (partial and name not in unusable) else whole[name]
    finest = FactorGroups(staged, dropped)
    return finest if units >= finest.needed else FactorGroups(whole, dropped)


def entanglement(design: Floats, groups: FactorGroups) -> tuple[Floats, list[str]]:
    """(G,) variance inflation of every group by the others, and in words what it is mixed up with.

    The inflation is the largest over the group's columns, regressed on the columns of all other
    groups (within a group nothing needs telling apart); it ends at 1e8, where a column is
    determined by other groups. The words are "" where it is at most 5 and no correlation with a
    column of another group reaches 0.7.

    Args:
        design: (n, P) columns of the groups, in their order.
        groups: The groups.
    """
    x = standardise(design)
    owner = np.repeat(np.arange(len(groups.sizes)), groups.sizes)
    inflation, words = np.ones(len(groups.sizes)), []
    correlation = np.atleast_2d(np.corrcoef(x, rowvar=False))
    for g in range(len(groups.sizes)):
        own, others = x[:, owner == g], x[:, owner != g]
        if others.shape[1]:
            left = own - others @ np.linalg.lstsq(others, own, rcond=None)[0]
            share = (left**2).sum(0) / (own**2).sum(0)
            inflation[g] = 1 / max(float(share.min()), LEAST)
        words.append(_mixed(correlation, owner, groups.flat, g, float(inflation[g])))
    return inflation, words


def _mixed(
    correlation: Floats, owner: np.ndarray, names: Sequence[str], g: int, inflation: float
) -> str:
    """What a group cannot be told apart from, "" if nothing."""
    part = np.abs(correlation[np.ix_(owner == g, owner != g)])
    if not part.size:
        return ""
    i, j = np.unravel_index(int(part.argmax()), part.shape)
    own, other = (np.flatnonzero(side)[k] for side, k in ((owner == g, i), (owner != g, j)))
    if inflation <= ENTANGLED and part[i, j] < CORRELATED:
        return ""
    r = correlation[own, other]
    size = f"VIF {inflation:.3g}" if inflation < 1 / LEAST else "determined by the other groups"
    return f"{size}; most with {names[other]} ({names[own]}, r {r:+.2f})"
