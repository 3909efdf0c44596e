"""Drawn networks are distinct members of the space, and a pair differs in exactly one gene."""

from collections import Counter, defaultdict

import pytest

from nas_space.presets import SPACES
from sampling.design import draw, kind

NAMES = sorted(SPACES)


@pytest.mark.parametrize("name", NAMES)
def test_draws_are_distinct_members_of_the_space(name: str) -> None:
    space = SPACES[name]
    draws = draw(space, 300, seed=3)
    assert len({d.architecture.id for d in draws}) == 300
    for d in draws:
        space.check(d.architecture)
    assert [d.design for d in draws[:2]] == ["largest", "smallest"]
    assert draws[0].architecture == space.extreme(largest=True)
    assert draws[1].architecture == space.extreme(largest=False)


@pytest.mark.parametrize("name", NAMES)
def test_a_pair_is_equal_but_for_the_gene_it_names(name: str) -> None:
    units = defaultdict(list)
    for d in draw(SPACES[name], 300, seed=3):
        units[d.unit].append(d)
    pairs = [members for members in units.values() if len(members) > 1]
    assert len(pairs) == 100  # two thirds of the networks
    for a, b in pairs:
        assert a.design == b.design
        gene = a.design.removeprefix("pair:")
        one, other = a.architecture.values, b.architecture.values
        assert one[gene] != other[gene]
        # a block that comes or goes with the depth brings its own genes
        added = set(one) ^ set(other)
        assert not added or gene.endswith(".depth")
        assert {n for n in set(one) & set(other) if one[n] != other[n]} == {gene}


def test_every_kind_of_gene_has_as_many_pairs_as_any_other() -> None:
    draws = draw(SPACES["resnet-digits"], 602, seed=0)
    pairs = Counter(kind(d.design.removeprefix("pair:")) for d in draws if "pair" in d.design)
    assert set(pairs) == {"resolution", "stem.kernel", "depth", "width", "kernel", "expand"}
    assert max(pairs.values()) - min(pairs.values()) <= 2  # one pair of two networks


def test_equal_seeds_draw_equal_lists() -> None:
    space = SPACES["mobilenet-digits"]
    assert draw(space, 40, seed=1) == draw(space, 40, seed=1)
    assert draw(space, 40, seed=1)[2:] != draw(space, 40, seed=2)[2:]


@pytest.mark.parametrize("count", [-1, 0, 1, 10**12])
def test_draw_refuses_counts_the_space_cannot_give(count: int) -> None:
    with pytest.raises(ValueError, match=r"design.count must be 2 to \d+ networks"):
        draw(SPACES["resnet-digits"], count, seed=0)
