import numpy as np
import pytest
from scipy import special

from benchmarks import statistics_ranks
from benchmarks.statistics import CASES
from benchmarks.statistics_ranks import IMAGES, SPREAD, judge, truth
from benchmarks.statistics_table import Coverage


def test_truth_is_what_many_images_show() -> None:
    ability = np.array([-1.0, 1.5, 4.5])
    rng = np.random.default_rng(0)
    shown = judge(ability, 400_000, rng).mean(-1)
    assert truth(ability) == pytest.approx(shown, abs=0.004)


def test_networks_share_the_difficulty_of_images() -> None:
    rng = np.random.default_rng(1)
    first, second = judge(np.array([0.0, 0.0]), 50_000, rng)
    difficulty = rng.normal(0, SPREAD, 400_000)
    expected = special.expit(-difficulty).var() / 0.25
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("coverage", "conservative", "trials", "kept"),
    [
        (0.935, False, 4000, True),
        (0.934, False, 4000, False),
        (0.966, False, 4000, False),
        (0.966, True, 4000, True),
        (0.92, False, 300, True),
        (0.88, True, 300, False),
    ],
)
def test_coverage_is_held_to_its_claim(
    coverage: float, conservative: bool, trials: int, kept: bool
) -> None:
    assert Coverage("case", 0.95, coverage, trials, conservative).kept == kept


@pytest.mark.parametrize("case", statistics_ranks.SIMPLE)
def test_intervals_hold_what_they_claim(case) -> None:
    rows = [Coverage(**row) for row in case(200, np.random.default_rng(7))]
    assert all(row.kept for row in rows), rows
    assert all(str(IMAGES) in row.case for row in rows)


@pytest.mark.parametrize("name", ["tied", "two", "one leads"])
def test_ranks_hold_what_they_claim(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {name: statistics_ranks.ABILITIES[name]}
    monkeypatch.setattr(statistics_ranks, "ABILITIES", chosen)
    for case in (statistics_ranks.rank_coverage, statistics_ranks.counts_coverage):
        rows = [Coverage(**row) for row in case(200, np.random.default_rng(8))]
        assert all(row.kept for row in rows), rows


def test_cases_have_rows_of_one_form() -> None:
    assert set(CASES) >= {"ranks"}
    (row,) = statistics_ranks.wilson_coverage(50, np.random.default_rng(0))
    assert list(row) == ["case", "nominal", "coverage", "trials", "conservative"]
