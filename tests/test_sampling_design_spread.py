"""Stratified and low-discrepancy draws are spread more evenly than uniform ones."""

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import qmc

from nas_space.costs import costs
from nas_space.presets import SPACES
from nas_space.space import Space
from sampling.design import Draw, draw, find_design

EVERY = pytest.mark.parametrize("name", SPACES)


def macs_of(space: Space, draws: list[Draw]) -> NDArray[np.float64]:
    return costs(space, [d.architecture for d in draws], 10)["macs"]


@EVERY
def test_strata_of_macs_hold_equal_numbers_and_are_log_spaced(name: str) -> None:
    space = SPACES[name]
    draws = draw(space, 205, 0, find_design("macs"))
    strata = np.array([int(d.design.removeprefix("macs:")) for d in draws])
    assert Counter(strata.tolist()) == {s: 20 + (s <= 5) for s in range(1, 11)}
    macs = np.log(macs_of(space, draws))
    low = np.array([macs[strata == s].min() for s in range(1, 11)])
    high = np.array([macs[strata == s].max() for s in range(1, 11)])
    assert (low[1:] > high[:-1]).all()
    edges = (low[1:] + high[:-1]) / 2
    assert np.ptp(np.diff(edges)) < 0.35 * np.diff(edges).mean()  # sampling hides where they are
    if not space.patches:  # these spread the MACs of all draws
        uniform = draw(space, 205, 0, find_design("genes"))
        assert macs.std() > 1.2 * np.log(macs_of(space, uniform)).std()


def unevenness(space: Space, draws: list[Draw]) -> float:
    """Centred discrepancy of two genes beyond that of all their combinations, sum over any two.

    Of the genes that every network has, with their choices at the middles of equal parts of [0, 1].
    """
    genes = [g for g in space.genes if not g.depth and len(g.choices) > 1]
    total = 0.0
    for pair in combinations(genes, 2):
        drawn = [[g.choices.index(d.architecture.values[g.name]) for g in pair] for d in draws]
        every = list(product(*(range(len(g.choices)) for g in pair)))
        drawn_at, every_at = (
            (np.array(rows) + 0.5) / [len(g.choices) for g in pair] for rows in (drawn, every)
        )
        total += qmc.discrepancy(drawn_at) - qmc.discrepancy(every_at)
    return total


@EVERY
def test_sobol_draws_have_a_quarter_of_the_discrepancy_of_uniform_ones(name: str) -> None:
    space = SPACES[name]
    low, plain = (
        sum(unevenness(space, draw(space, 128, seed, find_design(design))) for seed in range(2))
        for design in ("sobol", "genes")
    )
    assert 0 < low < plain / 4  # 6 to 15 % of it


def test_each_choice_occurs_almost_equally_often_in_a_net() -> None:
    space = SPACES["mobilenet-cifar"]
    draws = draw(space, 64, 0, find_design("sobol"))
    assert Counter(d.unit for d in draws) == {"mobilenet-sobol0": 32, "mobilenet-sobol1": 32}
    for net in (draws[:32], draws[32:]):
        for gene in space.genes:
            if not gene.depth:
                counts = Counter(d.architecture.values[gene.name] for d in net)
                share = 32 / len(gene.choices)
                assert all(abs(counts[choice] - share) < 2 for choice in gene.choices)
