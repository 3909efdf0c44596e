"""Scores from counts alone: values by hand, intervals that hold however conditions go together."""

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from analysis.counts import NEEDS_IMAGES, mean_of_counts, score_counts
from analysis.outcomes import Outcome
from metrics import Estimate

MEAN = Outcome("natural", "natural", "mean", ((0, 1), (2,)), "")


def estimate(outcome: Outcome, tried: np.ndarray, right: np.ndarray) -> Estimate:
    found = mean_of_counts(outcome, tried.astype(np.uint32), right.astype(np.uint32))
    assert isinstance(found, Estimate)
    return found


def test_mean_of_counts_weighs_cells_as_the_plan_does() -> None:
    found = estimate(MEAN, np.array([[10, 20, 40]]), np.array([[5, 20, 10]]))
    value = ((5 / 10 + 20 / 20) / 2 + 10 / 40) / 2
    assert found.value == pytest.approx([value])
    low, high = proportion_confint(value * 10, 10, method="wilson")
    assert (found.low[0], found.high[0]) == pytest.approx((low, high))


def test_mean_of_counts_is_unknown_where_a_condition_was_not_evaluated() -> None:
    tried = np.array([[10, 0, 40], [10, 10, 10]])
    assert np.isnan(estimate(MEAN, tried, tried).value).tolist() == [True, False]
    assert score_counts(MEAN, tried.astype(np.uint32), tried.astype(np.uint32)) == (
        "some networks were not evaluated under all of its conditions"
    )


@pytest.mark.parametrize(
    ("outcome", "possible"),
    [
        (Outcome("system_nsd", "system", "deviation", ((0,), (1,)), ""), False),
        (Outcome("adversarial", "adversarial", "worst", ((0, 1), (2,)), ""), False),
        (Outcome("adversarial", "adversarial", "worst", ((0,), (2,)), ""), True),
    ],
)
def test_what_needs_to_know_the_images_is_not_scored(outcome: Outcome, possible: bool) -> None:
    counts = np.full((1, 3), 5, np.uint32)
    assert (mean_of_counts(outcome, counts, counts) != NEEDS_IMAGES) == possible


@pytest.mark.parametrize("together", [0.0, 0.5, 1.0])
def test_intervals_of_means_cover_however_conditions_go_together(together: float) -> None:
    rng = np.random.default_rng(3)
    truth, images, sets = np.array([0.9, 0.7, 0.3]), 100, 2000
    shared = rng.random((sets, 1, images))
    own = rng.random((sets, 3, images))
    difficulty = np.where(rng.random((sets, 1, images)) < together, shared, own)
    right = (difficulty < truth[:, None]).sum(-1)
    found = estimate(MEAN, np.full((sets, 3), images), right)
    target = (truth[:2].mean() + truth[2]) / 2
    assert np.mean((found.low <= target) & (target <= found.high)) > 0.94
