"""Matched pairs found by codes are those that a plain comparison of all genes finds."""

from itertools import combinations
from time import perf_counter

import numpy as np
import pytest

from nas_space.architecture import Architecture
from nas_space.pairs import kind, matched_pairs
from nas_space.presets import SPACES
from nas_space.space import Space, Stage

TINY = Space(
    family="mobilenet",
    scale="tiny",
    size=16,
    resolutions=(12, 16),
    stem_width=8,
    stem_kernels=(3,),
    stem_stride=2,
    stages=(Stage((8, 16), (1, 2, 3), (3,), (1000, 2000), 1),),
)
"""2 * 2 * (2 + 4 + 8) = 56 networks."""

Found = list[tuple[int, int, str]]


def found(space: Space, architectures: list[Architecture], units: list[str] | None = None) -> Found:
    pairs = matched_pairs(space, architectures, units)
    return list(zip(pairs.low.tolist(), pairs.high.tolist(), pairs.gene.tolist(), strict=True))


def compared(architectures: list[Architecture]) -> Found:
    """Every two networks compared gene by gene."""
    pairs = []
    for i, j in combinations(range(len(architectures)), 2):
        a, b = architectures[i].values, architectures[j].values
        differ = [name for name in a.keys() & b.keys() if a[name] != b[name]]
        if len(differ) == 1 and (a.keys() == b.keys() or differ[0].endswith("depth")):
            name = differ[0]
            pairs.append((i, j, name) if a[name] < b[name] else (j, i, name))
    return pairs


def test_pairs_of_all_networks_of_a_space_are_as_many_as_counted_by_hand() -> None:
    every = [TINY.network(i) for i in range(TINY.cardinality)]
    genes = [name for *_, name in found(TINY, every)]
    assert genes.count("resolution") == genes.count("stage1.width") == 28
    # with 2 * 2 ways for the rest: 2 shallow networks, each with 4 and 8 deeper ones that share its
    # first block, of which there are 2 and 4, and 4 middle ones with 2 deeper ones each
    assert genes.count("stage1.depth") == 4 * (2 * 2 + 2 * 4 + 4 * 2)
    assert genes.count("stage1.block1.expand") == 4 * (1 + 2 + 4)
    assert genes.count("stage1.block3.expand") == 4 * 4
    assert sorted(found(TINY, every)) == sorted(compared(every))


@pytest.mark.parametrize("name", SPACES)
def test_pairs_are_those_of_a_plain_comparison(name: str) -> None:
    space, rng = SPACES[name], np.random.default_rng(1)
    listed = []
    for _ in range(4):
        base = space.sample(rng)
        ring = space.neighbours(base)
        listed += [base, *(ring[i] for i in rng.integers(len(ring), size=25))]  # some of them twice
    order = rng.permutation(len(listed))
    listed = [listed[i] for i in order]
    expected = compared(listed)
    assert len(expected) > 100
    assert sorted(found(space, listed)) == sorted(expected)
    genes = [gene.name for gene in space.genes]
    places = [genes.index(gene) for *_, gene in found(space, listed)]
    assert places == sorted(places)


def test_pairs_within_units_are_those_whose_units_are_equal() -> None:
    every = [TINY.network(i) for i in range(TINY.cardinality)]
    units = [f"u{i}" for i in np.random.default_rng(0).integers(3, size=len(every))]
    expected = [pair for pair in found(TINY, every) if units[pair[0]] == units[pair[1]]]
    assert 0 < len(expected) < len(found(TINY, every))
    assert found(TINY, every, units) == expected
    numbers = np.unique(units, return_inverse=True)[1]
    assert np.array_equal(matched_pairs(TINY, every, numbers).low, [i for i, *_ in expected])


@pytest.mark.parametrize("count", [0, 1])
def test_a_list_too_short_has_no_pairs(count: int) -> None:
    assert found(TINY, [TINY.extreme(largest=True)] * count) == []


def test_pairs_of_many_networks_take_little_time() -> None:
    space, rng = SPACES["resnet-cifar"], np.random.default_rng(0)
    listed = [space.sample(rng) for _ in range(4000)] * 25
    begin = perf_counter()
    pairs = matched_pairs(space, listed)
    assert perf_counter() - begin < 20  # 1.5 s where nothing else runs
    assert len(pairs.low) == 25 * 25 * len(matched_pairs(space, listed[:4000]).low)


def test_matched_pairs_refuses_networks_of_another_space() -> None:
    with pytest.raises(ValueError, match="must be of space mobilenet-tiny; got resnet-digits"):
        matched_pairs(TINY, [SPACES["resnet-digits"].extreme(largest=True)])


@pytest.mark.parametrize(
    ("gene", "factor"),
    [
        ("stage2.block1.kernel", "kernel"),
        ("stage12.depth", "depth"),
        ("stem.kernel", "stem.kernel"),
        ("head.width", "head.width"),
        ("resolution", "resolution"),
    ],
)
def test_kind_is_the_factor_a_gene_belongs_to(gene: str, factor: str) -> None:
    assert kind(gene) == factor
