"""Average precision against scikit-learn, by hand, and its interval by simulation."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score

from metrics import average_precision


def test_average_precision_by_hand() -> None:
    # from the top: positive (1/1), negative, positive (2/3), negative
    scores = np.array([-0.2, -0.9, -0.5, -0.7])
    ours = average_precision(scores, np.array([True, False, False, True]))
    assert ours.value == pytest.approx((1 + 2 / 3) / 2)


def test_average_precision_equals_scikit_learn_with_ties() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 30, (4, 3, 200)) / 30
    positive = rng.random(200) < 0.3
    ours = average_precision(scores, positive)
    for index in np.ndindex(4, 3):
        theirs = average_precision_score(positive, scores[index])
        assert ours.value[index] == pytest.approx(theirs, abs=1e-12)
    assert ((ours.low < ours.value) & (ours.value < ours.high)).all()


def test_average_precision_without_information_is_the_share_of_positives() -> None:
    positive = np.arange(100) < 20
    assert average_precision(np.zeros(100), positive).value == pytest.approx(0.2)


def test_average_precision_of_a_perfect_score_is_not_certain() -> None:
    positive = np.arange(100) < 40
    ours = average_precision(positive.astype(float), positive)
    edge = stats.binomtest(40, 40).proportion_ci(method="wilson")
    assert (ours.value, ours.high) == (1, 1)
    assert ours.low == pytest.approx(edge.low)


def test_average_precision_interval_is_that_of_resampled_images() -> None:
    rng = np.random.default_rng(1)
    positive = np.arange(400) < 100
    scores = np.round(rng.normal(size=400) + positive, 1)  # ties too
    ours = average_precision(scores, positive)
    again = [
        average_precision_score(positive[index], scores[index])
        for index in (
            np.concatenate([rng.integers(0, 100, 100), rng.integers(100, 400, 300)])
            for _ in range(600)
        )
    ]
    half = (ours.high - ours.low) / 2
    assert half == pytest.approx(1.96 * np.std(again), rel=0.12)


@pytest.mark.parametrize("gap", [0.5, 1.5, 3.0])
def test_average_precision_covers_the_truth(gap: float) -> None:
    # normal scores, positives shifted by the gap; precision over recall integrated numerically
    t = np.linspace(-8, 12, 40_001)
    density, caught = stats.norm.pdf(t, gap), 0.25 * stats.norm.sf(t, gap)
    truth = np.trapezoid(density * caught / (caught + 0.75 * stats.norm.sf(t)), t)
    rng = np.random.default_rng(2)
    positive = np.arange(800) < 200
    ours = average_precision(rng.normal(size=(500, 800)) + gap * positive, positive)
    assert 0.92 <= np.mean((ours.low <= truth) & (truth <= ours.high)) <= 0.98


@pytest.mark.parametrize(
    "positive", [np.ones(3, bool), np.zeros(3, bool), np.array([1, 0, 1]), np.array([True, False])]
)
def test_average_precision_refuses_one_kind_of_images(positive: np.ndarray) -> None:
    with pytest.raises(
        ValueError, match=r"average_precision\.positive must be bool, one per score"
    ):
        average_precision(np.zeros(3), positive)


def test_average_precision_refuses_nan() -> None:
    with pytest.raises(ValueError, match=r"scores must be finite numbers .* with 1 that are not"):
        average_precision(np.array([np.nan, 1.0]), np.array([True, False]))
