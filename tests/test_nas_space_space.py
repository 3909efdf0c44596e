import json
import math
from dataclasses import replace
from itertools import product
from math import log10
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from nas_space.architecture import Architecture
from nas_space.layout import scaled
from nas_space.presets import SPACES, find_space, layout
from nas_space.space import Space, Stage
from nas_space.table import gene_table

TINY = Space(
    family="mobilenet",
    scale="tiny",
    size=16,
    resolutions=(12, 16),
    stem_width=8,
    stem_kernels=(3,),
    stem_stride=2,
    stages=(
        Stage((8, 16), (1, 2), (3, 5), (1000, 2000), 1),
        Stage((24,), (2, 3), (3,), (1000, 2000), 2),
    ),
)
"""Small enough to enumerate: 2 * 2 * (4 + 16) * (4 + 8) = 960 networks."""

EVERY = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


def draws(space: Space, n: int, seed: int = 0) -> list[Architecture]:
    rng = np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(n)]


def full(space: Space, rng: np.random.Generator) -> dict[str, int]:
    """A value for every gene, of blocks that do not exist too."""
    return {gene.name: int(rng.choice(gene.choices)) for gene in space.genes}


@EVERY
def test_space_offers_sound_choices(space: Space) -> None:
    for gene in space.genes:
        assert list(gene.choices) == sorted(set(gene.choices))
        assert min(gene.choices) > 0 or gene.name in ("stage7.depth", "head.depth")
        assert "kernel" not in gene.name or all(k % 2 for k in gene.choices)
    assert space.size in space.resolutions


@EVERY
def test_canonical_drops_the_genes_of_inactive_blocks(space: Space) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        genes = full(space, rng)
        architecture = space.canonical(genes)
        for name, value in genes.items():
            stage, _, rest = name.partition(".block")
            exists = not rest or int(rest.split(".")[0]) <= genes[f"{stage}.depth"]
            if name in ("stage7.width", "head.features"):
                exists = genes[f"{name.partition('.')[0]}.depth"] > 0
            assert architecture.values.get(name) == (value if exists else None)
        assert space.canonical(architecture.values) == architecture


@EVERY
def test_inactive_genes_do_not_change_the_id(space: Space) -> None:
    rng = np.random.default_rng(0)
    shallow = {gene.name: min(gene.choices) for gene in space.genes}
    spare = {g.name: int(rng.choice(g.choices)) for g in space.genes if not g.active(shallow)}
    assert spare
    assert space.canonical(shallow | spare).id == space.canonical(shallow).id


def test_canonical_makes_plain_integers_of_numpy_ones() -> None:
    genes = {name: np.int64(v) for name, v in TINY.extreme(largest=True).genes}
    again = Architecture.from_json(TINY.canonical(genes).to_json())
    assert again == TINY.extreme(largest=True)


def test_cardinality_equals_enumeration() -> None:
    names = [gene.name for gene in TINY.genes]
    every = product(*(gene.choices for gene in TINY.genes))
    ids = {TINY.canonical(dict(zip(names, values, strict=True))).id for values in every}
    assert TINY.cardinality == len(ids) == 960
    assert TINY.log10_cardinality == pytest.approx(log10(960))


OPTIONAL = replace(
    TINY,
    resolutions=(16,),
    stem_width=(8, 16),
    stages=(
        Stage((16,), (1, 2), (3, 5), (1000,), 1, squeeze=True),
        Stage((24, 32), (0, 2), (3,), (1000, 2000), 1),
    ),
    head_widths=(40, 48),
    head_features=(16, 32),
)
"""Every kind of optional gene: 2 * (2 + 4) * (1 + 2 * 4) * 2 * (1 + 2) = 648 networks."""


def test_every_number_is_one_network_and_every_network_has_one() -> None:
    names = [gene.name for gene in OPTIONAL.genes]
    every = product(*(gene.choices for gene in OPTIONAL.genes))
    members = {OPTIONAL.canonical(dict(zip(names, values, strict=True))) for values in every}
    assert OPTIONAL.cardinality == len(members) == 648
    numbered = [OPTIONAL.network(i) for i in range(648)]
    assert set(numbered) == members
    assert len({a.id for a in numbered}) == 648


@pytest.mark.parametrize("index", [-1, 648])
def test_network_refuses_numbers_outside_the_space(index: int) -> None:
    with pytest.raises(ValueError, match=rf"must be 0 to 647 in mobilenet-tiny; got {index}"):
        OPTIONAL.network(index)


def test_sample_uniform_gives_every_network_the_same_chance() -> None:
    rng = np.random.default_rng(0)
    number = {OPTIONAL.network(i): i for i in range(OPTIONAL.cardinality)}
    drawn = [number[OPTIONAL.sample_uniform(rng)] for _ in range(12 * len(number))]
    assert chisquare(np.bincount(drawn, minlength=len(number))).pvalue > 1e-3
    # the test sees what it is to see: draws uniform over genes fail it by far
    by_genes = [number[OPTIONAL.sample(rng)] for _ in range(12 * len(number))]
    assert chisquare(np.bincount(by_genes, minlength=len(number))).pvalue < 1e-9


@EVERY
def test_sample_uniform_draws_depths_as_often_as_they_have_networks(space: Space) -> None:
    rng = np.random.default_rng(1)
    drawn = [space.sample_uniform(rng) for _ in range(1000)]
    assert all(space.contains(a) for a in drawn[::50])
    for s, stage in enumerate(space.stages, 1):
        block = math.prod(len(choices) for choices in stage.block.values())
        widths = len(stage.widths)
        networks = np.array([float((block**d) * (widths if d else 1)) for d in stage.depths])
        if len(networks) > 1:
            expected = 1000 * networks / networks.sum()
            found = [sum(a.values[f"stage{s}.depth"] == d for a in drawn) for d in stage.depths]
            likely = expected >= 5
            assert np.all(np.array(found)[~likely] <= 20)
            if likely.sum() > 1:
                observed = np.array(found)[likely]
                scaled_up = expected[likely] * observed.sum() / expected[likely].sum()
                assert chisquare(observed, scaled_up).pvalue > 1e-4


def test_sample_uniform_depends_on_the_generator_alone() -> None:
    pairs = [
        SPACES["mobilenet-imagenet"].sample_uniform(np.random.default_rng(s)) for s in (1, 1, 2)
    ]
    assert pairs[0] == pairs[1] != pairs[2]


def test_genes_of_what_may_be_missing_exist_only_where_it_is_there() -> None:
    bare = OPTIONAL.extreme(largest=False).values
    assert bare["stage2.depth"] == bare["head.depth"] == 0
    assert not {"stage2.width", "head.features"} & set(bare)
    grown = OPTIONAL.with_gene(OPTIONAL.extreme(largest=False), "stage2.depth", 2).values
    assert grown["stage2.width"] == 24
    assert grown["stage2.block1.expand"] == grown["stage2.block2.expand"] == 1000
    plan = layout(OPTIONAL, OPTIONAL.extreme(largest=False), 10)
    assert [block.name for block in plan.blocks] == ["stem", "stage1.block1", "head"]
    assert (plan.features, plan.blocks[-1].ops[0].c_in) == (40, 16)


def test_table_refuses_an_architecture_that_lacks_a_gene_whose_choices_hold_0() -> None:
    genes = dict(OPTIONAL.extreme(largest=False).values)
    del genes["head.depth"]
    with pytest.raises(
        ValueError, match=r"Space\.head\.depth must be one of \(0, 1\).*gene is missing"
    ):
        gene_table(OPTIONAL, [Architecture.of("mobilenet", "tiny", genes)])


def test_stage_that_may_be_missing_must_keep_the_size() -> None:
    with pytest.raises(ValueError, match=r"Stage\.stride must be 1 where a depth of 0 is offered"):
        Stage((8,), (0, 1), (3,), (1000,), 2)


@EVERY
def test_sample_is_uniform_over_each_gene(space: Space) -> None:
    drawn = draws(space, 2000)
    for gene in space.genes:
        values = [a.values[gene.name] for a in drawn if gene.name in a.values]
        counts = [values.count(choice) for choice in gene.choices]
        assert sum(counts) == len(values)
        if len(counts) > 1:
            assert chisquare(counts).pvalue > 1e-4, gene.name


@EVERY
def test_sample_depends_on_the_generator_alone(space: Space) -> None:
    assert draws(space, 5, seed=3) == draws(space, 5, seed=3)
    assert draws(space, 5, seed=3) != draws(space, 5, seed=4)


@EVERY
def test_space_contains_what_it_makes(space: Space) -> None:
    made = [space.extreme(largest=True), space.extreme(largest=False), *draws(space, 20)]
    assert all(space.contains(architecture) for architecture in made)
    others = [other for other in SPACES.values() if other is not space]
    assert not any(other.contains(made[0]) for other in others)


def test_check_names_the_foreign_family() -> None:
    foreign = SPACES["resnet-digits"].extreme(largest=True)
    with pytest.raises(ValueError, match="must be of space mobilenet-tiny; got resnet-digits"):
        TINY.check(foreign)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stage9.depth": 1}, "unknown 'stage9.depth'"),
        ({"stage1.block2.kernel": 3}, "blocks that exist; got 'stage1.block2.kernel'"),
        ({"stage1.block1.kernel": 7}, r"stage1.block1.kernel must be one of \(3, 5\).*got 7"),
        ({"stage1.depth": 2}, r"stage1.block2.kernel must be one of \(3, 5\).*gene is missing"),
    ],
)
def test_check_names_the_gene(change: dict[str, int], message: str) -> None:
    genes = TINY.extreme(largest=False).values | change
    architecture = Architecture.of("mobilenet", "tiny", genes)
    assert not TINY.contains(architecture)
    with pytest.raises(ValueError, match=message):
        TINY.check(architecture)
    with pytest.raises(ValueError, match=message):
        gene_table(TINY, [TINY.extreme(largest=True), architecture])


def test_neighbours_are_as_many_as_counted_by_hand() -> None:
    # resolution, width and depth of stage 1, depth of stage 2: one other choice each; per block of
    # stage 1 kernel and expand, per block of stage 2 expand; stem kernel and width of stage 2: none
    assert len(TINY.neighbours(TINY.extreme(largest=False))) == 4 + 2 * 1 + 1 * 2
    assert len(TINY.neighbours(TINY.extreme(largest=True))) == 4 + 2 * 2 + 1 * 3


@EVERY
def test_neighbours_differ_in_one_gene(space: Space) -> None:
    for base in draws(space, 5):
        neighbours = space.neighbours(base)
        assert len({n.id for n in neighbours} | {base.id}) == len(neighbours) + 1
        for neighbour in neighbours:
            assert space.contains(neighbour)
            shared = base.values.keys() & neighbour.values.keys()
            changed = [k for k in shared if base.values[k] != neighbour.values[k]]
            assert len(changed) == 1
            same_genes = base.values.keys() == neighbour.values.keys()
            assert same_genes or changed[0].endswith("depth")


@EVERY
def test_neighbours_are_mutual_up_to_depth(space: Space) -> None:
    base = draws(space, 1)[0]
    for neighbour in space.neighbours(base):
        if neighbour.values.keys() == base.values.keys():
            assert base in space.neighbours(neighbour)


def test_with_gene_copies_the_last_block_into_those_that_appear() -> None:
    space = SPACES["mobilenet-cifar"]
    stage, depths = next((s, x.depths) for s, x in enumerate(space.stages, 1) if len(x.depths) > 2)
    genes = {gene.name: gene.choices[0] for gene in space.genes}
    last = f"stage{stage}.block{depths[0]}"
    genes |= {f"{last}.kernel": 5, f"{last}.expand": space.stages[stage - 1].expands[1]}
    deep = space.with_gene(space.canonical(genes), f"stage{stage}.depth", depths[-1]).values
    for block in range(depths[0] + 1, depths[-1] + 1):
        assert deep[f"stage{stage}.block{block}.kernel"] == 5
        assert deep[f"stage{stage}.block{block}.expand"] == genes[f"{last}.expand"]


def test_with_gene_refuses_a_gene_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match=r"must hold the gene to change; got 'stage1.block2.kern"):
        TINY.with_gene(TINY.extreme(largest=False), "stage1.block2.kernel", 5)


@EVERY
def test_table_holds_every_gene_and_zero_where_there_is_none(space: Space) -> None:
    drawn = draws(space, 40)
    table = gene_table(space, drawn)
    assert list(table) == [gene.name for gene in space.genes]
    for name, column in table.items():
        assert column.tolist() == [a.values.get(name, 0) for a in drawn]


def test_table_of_nothing_is_empty() -> None:
    assert {column.shape for column in gene_table(TINY, []).values()} == {(0,)}


def test_table_refuses_a_foreign_family() -> None:
    foreign = SPACES["mobilenet-digits"].extreme(largest=True)
    with pytest.raises(ValueError, match="got mobilenet-digits"):
        gene_table(TINY, [TINY.extreme(largest=True), foreign])


@EVERY
def test_ratios_give_different_hidden_widths(space: Space) -> None:
    stem = space.stem_width
    before: tuple[int, ...] = stem if isinstance(stem, tuple) else (stem,)
    for stage in space.stages:
        bases = set(stage.widths) | (set(before) if space.family == "mobilenet" else set())
        for base in bases:
            hidden = [scaled(base, expand) for expand in stage.expands]
            assert hidden == sorted(set(hidden)), base
        before = stage.widths


@EVERY
def test_larger_kernels_reach_further_on_the_smallest_map(space: Space) -> None:
    genes = space.extreme(largest=True).values | {"resolution": min(space.resolutions)}
    size: Any = min(space.resolutions)
    for block in layout(space, space.canonical(genes), 10).blocks:
        for conv in block.ops:
            reach = conv.kernel // 2
            # the outermost taps, first and last, each meet a pixel at some output position
            assert reach <= (conv.size - 1) * conv.stride
            assert reach <= size - 1
            assert conv.kernel <= 2 * size - 1
            size = conv.size


@EVERY
def test_describe_is_json_of_an_equal_space(space: Space) -> None:
    data = json.loads(json.dumps(space.describe()))
    stages = tuple(
        Stage(**{k: tuple(v) if isinstance(v, list) else v for k, v in stage.items()})
        for stage in data.pop("stages")
    )
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
    assert Space(**plain, stages=stages) == space


def test_find_space_names_the_choices() -> None:
    assert find_space("resnet-cifar").name == "resnet-cifar"
    with pytest.raises(ValueError, match=r"must be one of mobilenet-digits, .*; got 'vgg'"):
        find_space("vgg")
