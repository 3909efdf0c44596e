"""Every design draws distinct members of the space, the same for equal seeds, or says it cannot."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from nas_space.costs import costs
from nas_space.pairs import kind, matched_pairs
from nas_space.presets import SPACES
from nas_space.space import Space, Stage
from sampling.design import DESIGNS, Design, draw, find_design
from sampling.design.neighbours import Neighbours

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

EVERY = pytest.mark.parametrize("design", DESIGNS.values(), ids=DESIGNS)
DIGITS = [SPACES["mobilenet-digits"], SPACES["resnet-digits"]]


@EVERY
@pytest.mark.parametrize("name", SPACES)
def test_draws_are_distinct_members_of_the_space(name: str, design: Design) -> None:
    draws = draw(SPACES[name], 43, 3, design)
    assert len({d.architecture.id for d in draws}) == len(draws) == 43
    for d in draws:
        SPACES[name].check(d.architecture)
        assert d.unit.startswith(SPACES[name].family)
    designs = {d.design.partition(":")[0] for d in draws}
    assert designs <= {design.name, design.name[:-1], "largest", "smallest", "genes", "cube"}


@EVERY
def test_equal_seeds_draw_equal_lists(design: Design) -> None:
    space = SPACES["mobilenet-cifar"]
    assert draw(space, 40, 1, design) == draw(space, 40, 1, design)
    assert draw(space, 40, 1, design)[2:] != draw(space, 40, 2, design)[2:]


@EVERY
def test_a_design_says_what_it_samples_from(design: Design) -> None:
    assert find_design(design.name) is design
    assert design.about
    assert not design.about.endswith(".")


@EVERY
def test_a_design_draws_as_few_as_it_says_and_no_fewer(design: Design) -> None:
    assert len(draw(SPACES["resnet-digits"], design.least, 0, design)) == design.least
    with pytest.raises(ValueError, match=rf"must be {design.least} to 1612800 .* {design.name};"):
        draw(SPACES["resnet-digits"], design.least - 1, 0, design)


@pytest.mark.parametrize("name", ["genes", "networks", "sobol", "neighbours"])
def test_single_draws_reach_every_network_of_a_small_space(name: str) -> None:
    drawn = {d.architecture.id for d in draw(TINY, 56, 0, find_design(name))}
    assert drawn == {TINY.network(i).id for i in range(56)}


@pytest.mark.parametrize("name", ["mixture", "macs", "pairs", "equal_macs", "cubes"])
def test_designs_say_when_a_small_space_has_no_more_of_what_they_need(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sampling.design.urn.PATIENCE", 100)
    with pytest.raises(
        ValueError, match=r"must leave networks to find in mobilenet-tiny; .* draws"
    ):
        draw(TINY, 56, 0, find_design(name))


@pytest.mark.parametrize("count", [-1, 0, 1, 10**12])
def test_draw_refuses_counts_the_space_cannot_give(count: int) -> None:
    with pytest.raises(ValueError, match=r"design.count must be 2 to \d+ networks"):
        draw(SPACES["resnet-digits"], count, seed=0)


def test_find_design_names_the_choices() -> None:
    with pytest.raises(ValueError, match=r"must be one of mixture, genes, networks, .*'lhs'"):
        find_design("lhs")


@pytest.mark.parametrize("name", ["genes", "networks"])
def test_uniform_designs_are_as_likely_as_they_say(name: str) -> None:
    every = [TINY.network(i) for i in range(56)]
    drawn = Counter(
        draw(TINY, 1, seed, find_design(name))[0].architecture.id for seed in range(2000)
    )
    # a network has 2 choices of resolution and width, 3 of depth, and 2 per block
    of_genes = [1 / (2 * 2 * 3 * 2 ** a.values["stage1.depth"]) for a in every]
    expected = np.array(of_genes if name == "genes" else [1 / 56] * 56)
    assert expected.sum() == pytest.approx(1)
    assert chisquare([drawn[a.id] for a in every], 2000 * expected).pvalue > 1e-3


@pytest.mark.parametrize("scale", ["digits", "cifar"])
def test_default_campaign_has_200_pairs_of_every_kind(scale: str) -> None:
    spaces = [SPACES[f"{family}-{scale}"] for family in ("mobilenet", "resnet")]
    pairs: Counter[str] = Counter()
    independent = 0
    for space in spaces:
        draws = draw(space, 602, 0, campaign=spaces)
        networks, units = [d.architecture for d in draws], [d.unit for d in draws]
        pairs.update(kind(gene) for gene in matched_pairs(space, networks, units).gene)
        independent += sum(d.design == "genes" for d in draws)
        assert [d.architecture for d in draws[:2]] == [space.extreme(True), space.extreme(False)]
        assert [d.design for d in draws[:2]] == ["largest", "smallest"]
    assert set(pairs) == {"resolution", "stem.kernel", "depth", "width", "kernel", "expand"}
    assert min(pairs.values()) >= 200
    assert independent == 400  # a third


def test_default_campaign_costs_what_uniform_draws_cost() -> None:
    for space in DIGITS:
        macs = {
            name: np.concatenate(
                [
                    costs(space, [d.architecture for d in draws], 10)["macs"]
                    for draws in (
                        draw(space, 602, seed, find_design(name), DIGITS) for seed in range(3)
                    )
                ]
            ).mean()
            for name in ("mixture", "genes")
        }
        assert macs["mixture"] == pytest.approx(macs["genes"], rel=0.05)


def test_neighbours_of_a_given_network_come_first() -> None:
    space = SPACES["resnet-digits"]
    centre = space.sample(np.random.default_rng(5))
    ring = {n.id for n in space.neighbours(centre)}
    draws = draw(space, len(ring) + 4, 0, Neighbours(centre))
    assert draws[0].architecture == centre
    assert {d.architecture.id for d in draws[1 : 1 + len(ring)]} == ring
    assert [d.design[-1] for d in draws] == ["0", *"1" * len(ring), *"222"]
    assert {d.unit for d in draws} == {"resnet-around0"}
    for d in draws[-3:]:
        assert {n.id for n in space.neighbours(d.architecture)} & ring


def test_neighbours_refuse_a_network_of_another_space() -> None:
    foreign = SPACES["mobilenet-digits"].extreme(largest=True)
    with pytest.raises(ValueError, match="must be of space resnet-digits; got mobilenet-digits"):
        draw(SPACES["resnet-digits"], 5, 0, Neighbours(foreign))
