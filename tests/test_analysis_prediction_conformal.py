import math

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from analysis.prediction.conformal import (
    clopper_pearson,
    half_width,
    least_units,
    one_per_unit,
    rank,
)


@pytest.mark.parametrize(("n", "k"), [(19, 19), (39, 38), (99, 95), (20, 20), (18, 19)])
def test_rank_is_that_of_the_published_formula(n: int, k: int) -> None:
    # ceil(0.95 (n + 1)) by hand: 19, 38, 95, 19.95 -> 20, 18.05 -> 19 of 18: none
    assert rank(n, 0.95) == k


def test_half_width_is_the_order_statistic() -> None:
    residuals = np.array([5.0, 1.0, 4.0, 2.0, 3.0, 9.0, 7.0, 8.0, 6.0])
    assert half_width(residuals, 0.9) == 9.0  # ceil(10 * 0.9) = 9
    assert half_width(residuals, 0.5) == 5.0


def test_half_width_is_numpys_quantile_of_the_enlarged_sample() -> None:
    residuals = np.random.default_rng(0).random(84)
    enlarged = np.append(residuals, np.inf)
    expected = np.quantile(enlarged, 0.95, method="inverted_cdf")
    assert half_width(residuals) == expected


@pytest.mark.parametrize(("level", "least"), [(0.95, 19), (0.9, 9), (0.99, 99), (0.5, 1)])
def test_too_few_units_give_no_finite_interval(level: float, least: int) -> None:
    assert least_units(level) == least
    assert math.isinf(half_width(np.ones(least - 1), level))
    assert half_width(np.ones(least), level) == 1.0


def test_level_outside_0_and_1_is_refused() -> None:
    with pytest.raises(ValueError, match=r"conformal.level must be between 0 and 1; got 1"):
        rank(10, 1.0)


def test_one_member_of_every_unit_is_kept_each_as_often() -> None:
    units, rng = np.array([2, 0, 2, 1, 2, 2]), np.random.default_rng(0)
    drawn = np.array([one_per_unit(units, rng) for _ in range(2000)])
    assert (units[drawn] == [0, 1, 2]).all()
    shares = np.bincount(drawn[:, 2], minlength=6)[units == 2] / 2000
    assert np.abs(shares - 0.25).max() < 4 * (0.25 * 0.75 / 2000) ** 0.5


def test_limits_of_coverage_are_those_of_statsmodels() -> None:
    assert clopper_pearson(237, 250) == pytest.approx(proportion_confint(237, 250, 0.05, "beta"))


def test_intervals_cover_random_members_of_new_blocks_with_seed() -> None:
    # 39 pairs whose members share half of their variance; exactly 95 % by theory
    rng, hits = np.random.default_rng(3), []
    for _ in range(1500):
        shared = rng.normal(size=(40, 1)) + rng.normal(size=(40, 2))
        one = np.abs(shared.ravel()[one_per_unit(np.repeat(np.arange(40), 2), rng)])
        hits.append(one[-1] <= half_width(one[:-1]))
    assert np.mean(hits) == pytest.approx(0.95, abs=4 * (0.95 * 0.05 / 1500) ** 0.5)
