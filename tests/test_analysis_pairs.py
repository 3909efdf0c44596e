from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis.findings import Findings, examine
from analysis.genes import read_genes
from analysis.pairs.contrasts import find_contrasts, find_faces
from analysis.pairs.crossed import Effect, crossed_mean, crossed_ratio
from sampling.store import open_results
from tests.analysis_matched_example import write_matched
from tests.analysis_synthetic import Recipe, write_synthetic

PLANTED = {"resolution": -1.5, "kernel": 1.0}
TOGETHER = {("resolution", "kernel"): 1.2}


def findings(folder: Path, design: str, count: int, together: dict | None = None) -> Findings:
    path = write_matched(folder / "results.h5", design, count, PLANTED, together)
    with open_results(path) as results:
        return examine(results, draws=50)


@pytest.fixture(scope="module")
def cubes(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return findings(tmp_path_factory.mktemp("cubes"), "cubes", 480, TOGETHER)


@pytest.fixture(scope="module")
def equal(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return findings(tmp_path_factory.mktemp("equal"), "equal_macs", 160)


def effect(differences: np.ndarray, units: np.ndarray) -> Effect:
    made = crossed_mean(differences, units)
    assert isinstance(made, Effect)
    return made


def test_crossed_mean_of_constant_rows_is_the_t_test() -> None:
    rows = np.random.default_rng(0).normal(1, 2, 12)
    made = effect(np.repeat(rows[:, None], 30, 1), np.arange(12))
    theirs = stats.ttest_1samp(rows, 0)
    assert made.estimate == pytest.approx(rows.mean())
    assert made.p == pytest.approx(theirs.pvalue)
    low, high = theirs.confidence_interval()
    assert (made.low, made.high) == pytest.approx((low, high))


def test_crossed_mean_variance_is_that_of_a_two_way_table() -> None:
    rng = np.random.default_rng(1)
    d = rng.normal(0, 2, (9, 1)) + rng.normal(0, 2, 25) + rng.normal(size=(9, 25))
    made = effect(d, np.arange(9))
    # mean squares of a two-way layout without replication (Scheffe 1959)
    a, b = d.mean(1), d.mean(0)
    rest = d - a[:, None] - b + d.mean()
    of_cells = (rest**2).sum() / (8 * 24) / d.size
    whole = a.var(ddof=1) / 9 + b.var(ddof=1) / 25 - of_cells
    reach = (made.high - made.low) / 2
    assert reach == pytest.approx(stats.t.ppf(0.975, made.degrees) * np.sqrt(whole))


def test_crossed_mean_takes_copies_of_a_pair_for_one() -> None:
    d = np.random.default_rng(2).normal(1, 1, (8, 40))
    once, twice = effect(d, np.arange(8)), effect(np.repeat(d, 2, 0), np.repeat(np.arange(8), 2))
    assert (once.low, once.high) == pytest.approx((twice.low, twice.high))


def test_crossed_mean_answers_in_words_at_the_edges() -> None:
    few = crossed_mean(np.ones((4, 9)), np.arange(4))
    assert few == "needs 5 independent design units; has 4"
    same = crossed_mean(np.zeros((6, 9)), np.arange(6))
    assert isinstance(same, str)
    assert "no image" in same


def test_crossed_ratio_is_the_effect_per_unit() -> None:
    rng = np.random.default_rng(3)
    moved = rng.choice((2.0, 4.0), 40)
    d = 1.5 * moved[:, None] + rng.normal(size=(40, 30))
    made = crossed_ratio(d, moved, np.arange(40))
    assert isinstance(made, Effect)
    assert made.low < 1.5 < made.high
    assert made.estimate == pytest.approx(d.mean() / moved.mean())
    assert isinstance(crossed_ratio(d[:0], moved[:0], np.arange(0)), str)


def test_matched_contrasts_differ_in_their_gene_alone(cubes: Findings) -> None:
    group = cubes.study.groups[0]
    genes = read_genes(cubes.study, group)
    assert not isinstance(genes, str)
    found = find_contrasts(genes, group.units, cubes.study.networks["design"].tolist())
    pairs = found["matched"]
    assert len(pairs.gene) >= 480 // 8 * 12
    for low, high, gene in zip(pairs.low, pairs.high, pairs.gene, strict=True):
        a, b = (genes.architectures[row].values for row in (low, high))
        assert [g for g in a.keys() & b.keys() if a[g] != b[g]] == [gene]
        assert a[gene] < b[gene]


def test_faces_are_four_corners_of_two_genes(cubes: Findings) -> None:
    group = cubes.study.groups[0]
    genes = read_genes(cubes.study, group)
    assert not isinstance(genes, str)
    faces = find_faces(genes, group.units, cubes.study.networks["design"].tolist())
    assert len(faces.steps) == 480 // 8 * 6
    for corners in faces.corners[:40]:
        low, one, other, both = (genes.architectures[row].values for row in corners)
        first = {g for g in low.keys() & one.keys() if low[g] != one[g]}
        second = {g for g in low.keys() & other.keys() if low[g] != other[g]}
        assert len(first) == len(second) == 1
        assert {g for g in low.keys() & both.keys() if low[g] != both[g]} == first | second


def test_pairs_recover_planted_genes_and_no_others(cubes: Findings) -> None:
    rows = cubes.pairs[(cubes.pairs["level"] == "kind") & (cubes.pairs["outcome"] == "natural")]
    rows = rows.set_index("kind")
    assert rows.loc["resolution", "high"] < 0
    assert rows.loc["kernel", "low"] > 0
    null = cubes.pairs[cubes.pairs["kind"].isin(("width", "expand")) & cubes.pairs["p"].notna()]
    assert len(null) > 100
    assert (null["q"] < 0.05).mean() < 0.05


def test_pairs_table_equals_the_mean_difference_by_hand(cubes: Findings) -> None:
    study, group = cubes.study, cubes.study.groups[0]
    score = study.score("natural")
    assert score is not None
    networks = study.networks.iloc[group.rows].assign(value=100 * score.estimate.value)
    moves = networks[networks["design"].str.contains("resolution")]
    low, high = (moves[moves["architecture"].str.contains(f'"resolution":{r},')] for r in (12, 16))
    rows = cubes.pairs[
        (cubes.pairs["gene"] == "resolution") & (cubes.pairs["outcome"] == "natural")
    ]
    change = rows[rows["change"] == "12 -> 16"].iloc[0]
    assert change["pairs"] == len(low) == len(high)
    assert change["effect_pp"] == pytest.approx(high["value"].mean() - low["value"].mean())


def test_interactions_recover_the_planted_one(cubes: Findings) -> None:
    rows = cubes.interactions[cubes.interactions["reason"] == ""]
    both = rows[(rows["first"] == "resolution") & (rows["second"] == "kernel")]
    assert (both.set_index("outcome").loc[["natural", "system"], "low"] > 0).all()
    rest = rows[~((rows["first"] == "resolution") | (rows["second"] == "kernel"))]
    assert (rest["q"] < 0.05).mean() < 0.05


def test_pairs_at_equal_macs_are_told_apart_from_matched(equal: Findings) -> None:
    rows = equal.pairs[(equal.pairs["level"] == "kind") & (equal.pairs["outcome"] == "natural")]
    own = rows[rows["comparison"] == "equal_macs"].set_index("kind")
    assert own.loc["resolution", "high"] < 0
    assert own["pairs"].sum() == 80
    assert set(equal.interactions["reason"]) == {"no design unit varies two genes at once"}


def test_pairs_agree_with_the_regression_where_effects_add_up(
    equal: Findings, tmp_path: Path
) -> None:
    made = findings(tmp_path, "cubes", 320).agreement
    known = made[made["reason"] == ""]
    assert len(known) > 20
    assert (known["verdict"] == "contradict").mean() <= 0.05
    assert known["pairs_per_unit"].between(known["pairs_low"], known["pairs_high"]).all()


def test_tables_give_a_number_or_a_reason(cubes: Findings, equal: Findings) -> None:
    for made in (cubes, equal):
        for table, number in (
            (made.pairs, "effect_pp"),
            (made.interactions, "effect_pp"),
            (made.agreement, "pairs_per_unit"),
        ):
            assert (table[number].isna() == (table["reason"] != "")).all()


def test_unknown_architectures_are_said_to_be(tmp_path: Path) -> None:
    recipe = Recipe(n=12, supernets=("mobilenet",), families=())
    with open_results(write_synthetic(tmp_path / "r.h5", recipe)) as results:
        made = examine(results, draws=20)
    for table in (made.pairs, made.interactions, made.forest):
        assert set(table["reason"]) == {
            "the architectures of its networks are not those of one space"
        }
