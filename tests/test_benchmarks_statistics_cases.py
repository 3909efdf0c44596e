import numpy as np
import pytest

from benchmarks import statistics_importance, statistics_pairs
from benchmarks.statistics_pairs import Setting, simulate, truth


@pytest.mark.parametrize("setting", [Setting(20, 40), Setting(20, 40, by_image=1.0)])
def test_truth_of_pairs_is_the_mean_of_many_campaigns(setting: Setting) -> None:
    rng = np.random.default_rng(0)
    means = [simulate(setting, rng)[0].mean() for _ in range(2000)]
    assert truth(setting) == pytest.approx(np.mean(means), abs=4 * np.std(means) / 2000**0.5)


def test_truth_of_shares_is_what_large_campaigns_show() -> None:
    setting = statistics_importance.Setting(20_000, 100)
    rng = np.random.default_rng(0)
    true, _ = statistics_importance.truth(setting)
    found = []
    for _ in range(6):
        data = statistics_importance.simulate(statistics_importance.Setting(2000, 100), rng)
        x, y = data.factors.T, data.scores[0].mean(-1)
        full = x - x.mean(0)
        found.append(np.var(full @ np.linalg.lstsq(full, y - y.mean(), rcond=None)[0]) / y.var())
    assert true.sum() == pytest.approx(np.mean(found), abs=4 * np.std(found) / 6**0.5)


def test_intervals_of_pairs_cover_the_truth() -> None:
    for row in statistics_pairs.coverage_of_pairs(200, seed=9):
        assert row["coverage"] >= 0.95 - 3 * (0.95 * 0.05 / 200) ** 0.5, row["case"]


def test_pairs_find_what_is_planted_and_little_else() -> None:
    true, found = statistics_pairs.false_discoveries(40, seed=9)
    assert true["coverage"] >= 0.95 - 0.02
    assert found["coverage"] >= found["nominal"]


def test_intervals_of_shares_cover_the_truth() -> None:
    for row in statistics_importance.coverage_of_shares(100, seed=9):
        assert row["coverage"] >= 0.95 - 3 * (0.95 * 0.05 / 100) ** 0.5, row["case"]
