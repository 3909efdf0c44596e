import numpy as np
import pytest
from scipy import stats

from metrics import (
    accuracy,
    clopper_pearson,
    effective_size,
    image_scores,
    mean_over_images,
    wilson,
)


def bits(*rows: str) -> np.ndarray:
    return np.array([[c == "1" for c in row] for row in rows])


def test_wilson_equals_scipy_binomtest() -> None:
    for wins, trials in ((0, 12), (7, 12), (12, 12), (198, 397)):
        theirs = stats.binomtest(wins, trials).proportion_ci(method="wilson")
        ours = wilson(np.array(wins), np.array(trials))
        assert ours.value == pytest.approx(wins / trials)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_clopper_pearson_equals_scipy_binomtest() -> None:
    for wins, trials in ((0, 12), (7, 12), (12, 12), (198, 397)):
        theirs = stats.binomtest(wins, trials).proportion_ci(method="exact")
        ours = clopper_pearson(np.array(wins), np.array(trials))
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_clopper_pearson_is_wider_than_wilson_at_half() -> None:
    wide, narrow = (f(np.array(60), np.array(120)) for f in (clopper_pearson, wilson))
    assert wide.low < narrow.low < 0.5 < narrow.high < wide.high


def test_wilson_is_nan_without_trials() -> None:
    ours = wilson(np.array([0, 1]), np.array([0, 2]))
    assert np.isnan([ours.value[0], ours.low[0], ours.high[0]]).all()
    assert ours.value[1] == 0.5


def test_accuracy_counts_only_evaluated_images() -> None:
    evaluated, correct = bits("1111", "1100", "0000"), bits("1101", "0100", "0000")
    ours = accuracy(evaluated, correct)
    assert ours.value[:2].tolist() == [0.75, 0.5]
    assert np.isnan(ours.value[2])


def test_accuracy_refuses_correct_without_evaluated() -> None:
    with pytest.raises(ValueError, match="correct must be False where an image was not evaluated"):
        accuracy(bits("10"), bits("11"))


def test_accuracy_refuses_unequal_shapes() -> None:
    with pytest.raises(ValueError, match=r"accuracy.correct must have the shape .* got \(1, 3\)"):
        accuracy(bits("10"), bits("111"))


def test_image_scores_weighted_mean_by_hand() -> None:
    correct = bits("110", "100", "001")
    scores = image_scores(np.ones((3, 3), bool), correct, np.array([2.0, 1.0, 1.0]))
    assert scores.tolist() == [0.75, 0.5, 0.25]


def test_image_scores_leave_out_partly_evaluated_images() -> None:
    scores = image_scores(bits("11", "10"), bits("11", "10"))
    assert scores[0] == 1
    assert np.isnan(scores[1])


def test_image_scores_refuse_wrong_weights() -> None:
    with pytest.raises(ValueError, match="weights must be 2 non-negative numbers"):
        image_scores(bits("1", "1"), bits("1", "1"), np.array([1.0, -1.0]))


def test_mean_over_images_of_one_condition_is_wilson() -> None:
    scores = (np.arange(50) < 31).astype(float)
    ours, plain = mean_over_images(scores), wilson(np.array(31), np.array(50))
    assert (ours.low, ours.high) == pytest.approx((plain.low, plain.high), abs=1e-12)


def test_mean_over_images_of_copies_gains_nothing() -> None:
    scores = (np.arange(400) < 100).astype(float)
    copies, one = mean_over_images(scores, conditions=15), mean_over_images(scores)
    assert copies.high - copies.low == pytest.approx(one.high - one.low, rel=0.01)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_mean_over_images_at_the_edges_counts_images(share: float) -> None:
    ours = mean_over_images(np.full(100, share), conditions=15)
    edge = stats.binomtest(int(100 * share), 100).proportion_ci(method="wilson")
    width = edge.high - edge.low
    assert width <= ours.high - ours.low < 1.1 * width
    assert 0 <= ours.low <= share <= ours.high <= 1


def test_mean_over_images_ignores_nan_and_knows_no_images() -> None:
    scores = np.array([[1.0, 0.0, np.nan], [np.nan] * 3])
    ours = mean_over_images(scores)
    assert ours.value[0] == 0.5
    assert np.isnan(ours.value[1])


def test_effective_size_by_hand() -> None:
    # 201 images score 0, 0.5, 1 (67 each): variance 33.5 / 200, so conditions agree by 0.67;
    # 134 telling images and one pseudo-image of full agreement make it (134 x 0.67 + 1) / 135
    scores = np.repeat([0.0, 0.5, 1.0], 67)
    agreement = (134 * (33.5 / 200 / 0.25) + 1) / 135
    ratio = stats.t.ppf(0.975, 2009) / stats.t.ppf(0.975, 200)
    ours = effective_size(scores, scores.mean(), 10)
    assert ours == pytest.approx(201 / agreement * ratio**2)


def clustered(rng: np.random.Generator, mean: float, rho: float) -> np.ndarray:
    """(2000, 200) means of 12 conditions whose intra-image correlation is rho (beta-binomial)."""
    scale = (1 - rho) / rho
    hardness = rng.beta(mean * scale, (1 - mean) * scale, (2000, 200))
    return rng.binomial(12, hardness) / 12


@pytest.mark.parametrize(
    ("mean", "rho"), [(0.5, 0.5), (0.9, 0.3), (0.97, 0.5), (0.03, 0.05), (0.99, 0.7)]
)
def test_mean_over_images_covers_the_truth(mean: float, rho: float) -> None:
    scores = clustered(np.random.default_rng(7), mean, rho)
    ours = mean_over_images(scores, conditions=12)
    covered = float(np.mean((ours.low <= mean) & (mean <= ours.high)))
    assert 0.935 <= covered <= 0.985
    # the naive interval, 200 x 12 independent trials, falls short wherever images matter
    naive = wilson(scores.mean(-1) * 2400, np.full(2000, 2400.0))
    missed = 1 - float(np.mean((naive.low <= mean) & (mean <= naive.high)))
    assert missed > 0.05
