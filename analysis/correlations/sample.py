"""Networks to correlate over, sorted once for all draws."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.correlations.judged import Judged
from analysis.correlations.ranks import Order
from analysis.correlations.reliability import Luck, Sources, luck, rank_luck, sources
from metrics import Floats

PEARSON, SPEARMAN = METHODS = ("pearson", "spearman")


@dataclass(frozen=True)
class Sample:
    """Networks of one list, without constant variables.

    Attributes:
        factors: (F, n) values known without error.
        judged: Their accuracies under O measures.
        units: (n,) design unit of each, consecutive integers.
        among: (T,) measures that are correlated with each other.
        macs: Position of MACs among the factors, -1 if they are not held.
        clean: Position of clean accuracy in `among`, -1 if it is not held.
    """

    factors: Floats
    judged: Judged
    units: NDArray[np.intp]
    among: Sequence[int]
    macs: int = -1
    clean: int = -1

    @property
    def counted(self) -> bool:
        """Whether only counts are known, so that nothing can be said of other images."""
        return int(self.judged.sizes.shape[1]) == 0

    @property
    def n_units(self) -> int:
        """Number of independent design units."""
        return int(self.units.max()) + 1


@dataclass(frozen=True)
class Prepared:
    """What every draw of a sample needs.

    Attributes:
        sample: The networks.
        value: (O, n) accuracies, rounded so that equal ones are ties.
        order: (O, n) positions that sort them.
        factor_order: (F, n) positions that sort the factors.
        luck: Per method.
        sources: What the luck is made of.
    """

    sample: Sample
    value: Floats
    order: Order
    factor_order: Order
    luck: dict[str, Luck]
    sources: Sources


def prepare(sample: Sample, seed: Sequence[int]) -> Prepared:
    """Sort a sample and take the luck in it apart; the seed is that of the split halves."""
    judged, among = sample.judged, list(sample.among)
    value = np.round(judged.value, 10)
    order, factor_order = np.argsort(value, axis=1), np.argsort(sample.factors, axis=1)
    if sample.counted:
        none = Luck(np.zeros(len(value)), np.zeros((len(value), len(among))))
        parts = dict.fromkeys(METHODS, none)
    else:
        halves = rank_luck(judged, among, np.random.default_rng(seed))
        parts = {PEARSON: luck(judged, among), SPEARMAN: halves}
    return Prepared(sample, value, order, factor_order, parts, sources(judged))
