import numpy as np
import pytest
from scipy import stats

from metrics import (
    ALEXNET_CLEAN_ERROR,
    ALEXNET_ERRORS,
    alexnet_errors,
    attack_robustness,
    deviation_influence,
    mce_over_images,
    mean_corruption_error,
    normalised_mce,
    relative_mce,
    robust_accuracy,
    system_noise_deviation,
    worst_case,
)


def bits(*rows: str) -> np.ndarray:
    return np.array([[c == "1" for c in row] for row in rows])


CLEAN = bits("111101")[0]
TRIED = bits("111110", "111110", "111100")
RIGHT = bits("110010", "101000", "100100")


def test_robust_accuracy_is_over_all_attacked_images() -> None:
    assert robust_accuracy(TRIED, RIGHT).value.tolist() == [3 / 5, 2 / 5, 2 / 4]


def test_attack_robustness_is_over_clean_correct_images() -> None:
    # image 4 is wrong without noise, so its being right under attack 0 does not count
    assert attack_robustness(CLEAN, TRIED, RIGHT).value.tolist() == [2 / 4, 2 / 4, 2 / 4]


def test_attack_robustness_interval_counts_the_clean_correct_images() -> None:
    ours = attack_robustness(CLEAN, TRIED, RIGHT)
    theirs = stats.binomtest(2, 4).proportion_ci(method="wilson")
    assert (ours.low[0], ours.high[0]) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_attack_robustness_of_a_network_never_right_is_nan() -> None:
    assert np.isnan(attack_robustness(np.zeros(6, bool), TRIED, RIGHT).value).all()


def test_worst_case_needs_every_attack_of_the_rank() -> None:
    tried, right, ranks = worst_case(TRIED, RIGHT, np.array([1, 1, 2]))
    assert ranks.tolist() == [1, 2]
    assert tried.tolist() == bits("111110", "111100").tolist()
    assert right.tolist() == bits("100000", "100100").tolist()


def test_worst_case_feeds_both_definitions() -> None:
    tried, right, _ = worst_case(TRIED, RIGHT, np.array([1, 1, 1]))
    assert robust_accuracy(tried, right).value.tolist() == [1 / 4]
    assert attack_robustness(CLEAN, tried, right).value.tolist() == [1 / 4]


def test_worst_case_refuses_missing_ranks() -> None:
    with pytest.raises(ValueError, match="one rank for each of the 3 attacks"):
        worst_case(TRIED, RIGHT, np.array([1, 2]))


ERRORS = np.array([[0.2, 0.4], [0.1, 0.1]])
REFERENCE = np.array([[0.4, 0.8], [0.1, 0.3]])


def test_mean_corruption_error_by_hand() -> None:
    assert mean_corruption_error(ERRORS) == pytest.approx(0.2)


def test_normalised_mce_by_hand() -> None:
    assert normalised_mce(ERRORS, REFERENCE) == pytest.approx((0.6 / 1.2 + 0.2 / 0.4) / 2)
    assert normalised_mce(REFERENCE, REFERENCE) == pytest.approx(1)


def test_relative_mce_by_hand() -> None:
    ours = relative_mce(ERRORS, np.array(0.05), REFERENCE, 0.1)
    assert ours == pytest.approx(((0.6 - 0.1) / (1.2 - 0.2) + (0.2 - 0.1) / (0.4 - 0.2)) / 2)


def test_corruption_errors_keep_the_axis_of_networks() -> None:
    both = np.stack([ERRORS, REFERENCE])
    assert mean_corruption_error(both) == pytest.approx([0.2, 0.4])
    assert normalised_mce(both, REFERENCE) == pytest.approx([0.5, 1])
    ours = relative_mce(both, np.array([0.05, 0.1]), REFERENCE, 0.1)
    assert ours == pytest.approx([0.5, 1])


def test_mce_over_images_is_normalised_mce() -> None:
    rng = np.random.default_rng(4)
    correct = rng.random((2, 4, 60)) < 0.6
    errors = 1 - correct.mean(-1).reshape(2, 2, 2)
    ours = mce_over_images(np.ones_like(correct), correct, REFERENCE)
    assert ours.value == pytest.approx(normalised_mce(errors, REFERENCE))
    assert ((ours.low < ours.value) & (ours.value < ours.high)).all()


def test_mce_over_images_of_one_condition_by_hand() -> None:
    # 2 of 6 wrong, the reference wrong on half: the Wilson limits of 2 in 6, doubled
    ours = mce_over_images(np.ones((1, 6), bool), bits("110110"), np.array([[0.5]]))
    edge = stats.binomtest(2, 6).proportion_ci(method="wilson")
    assert ours.value == pytest.approx(2 / 3)
    assert (ours.low, ours.high) == pytest.approx((2 * edge.low, 2 * edge.high))


def test_mce_over_images_refuses_missing_conditions() -> None:
    with pytest.raises(ValueError, match=r"mce_over_images\.reference must be of 3 conditions"):
        mce_over_images(TRIED, RIGHT & TRIED, REFERENCE)


def test_relative_mce_refuses_a_reference_that_loses_nothing() -> None:
    with pytest.raises(ValueError, match=r"relative_mce\.reference must have errors above 0"):
        relative_mce(ERRORS, np.array(0.05), REFERENCE, 0.2)


def test_alexnet_errors_are_whole_numbers_of_images() -> None:
    # 50,000 validation images at five severities; 21,739 of them wrong without noise
    wrong = np.array([*ALEXNET_ERRORS.values()]) * 250_000
    assert len(wrong) == 15
    np.testing.assert_allclose(wrong, np.rint(wrong), atol=1e-6)
    assert round(ALEXNET_CLEAN_ERROR * 50_000, 6) == 21_739


def test_alexnet_is_its_own_reference_by_hand() -> None:
    names = ["fog", "gaussian_noise"]
    reference = alexnet_errors(names, 224)
    assert reference.shape == (2, 5)
    # errors that fall with severity elsewhere, but with AlexNet's mean: as bad as AlexNet
    steps = np.array([-0.1, -0.05, 0, 0.05, 0.1])
    errors = np.array([0.819324, 0.886428])[:, None] + steps
    assert normalised_mce(errors, reference) == pytest.approx(1)
    ours = relative_mce(errors / 2, np.array(0.2), reference, ALEXNET_CLEAN_ERROR)
    fog, noise = (0.409662 - 0.2) / (0.819324 - 0.43478), (0.443214 - 0.2) / (0.886428 - 0.43478)
    assert ours == pytest.approx((fog + noise) / 2)


def test_alexnet_errors_refuse_other_sizes_and_the_extra_four() -> None:
    with pytest.raises(ValueError, match=r"alexnet_errors\.size must be 224 px.* got 32"):
        alexnet_errors(["fog"], 32)
    with pytest.raises(ValueError, match=r"got saturate\. Report these un-normalised"):
        alexnet_errors(["fog", "saturate"], 224)


def test_normalised_mce_refuses_a_faultless_reference() -> None:
    with pytest.raises(ValueError, match="reference must have errors above 0"):
        normalised_mce(ERRORS, np.array([[0.0, 0.0], [0.1, 0.1]]))


def test_system_noise_deviation_by_hand() -> None:
    # accuracies 0.75 and 0.25: standard deviation 25 points
    ours = system_noise_deviation(bits("1110", "0010"))
    assert ours.value == pytest.approx(-25)
    assert ours.low < ours.value < ours.high <= 0


def test_system_noise_deviation_without_flips_is_not_certain() -> None:
    ours = system_noise_deviation(np.tile(bits("1110"), (5, 1)))
    assert (ours.value, ours.high) == (0, 0)
    assert ours.low < 0


def test_system_noise_deviation_refuses_one_variant() -> None:
    with pytest.raises(ValueError, match="at least 2 variants; got 1"):
        system_noise_deviation(bits("1110"))


def test_deviation_influence_is_the_derivative() -> None:
    rng = np.random.default_rng(3)
    correct = rng.random((4, 30)) < np.array([0.9, 0.8, 0.6, 0.7])[:, None]
    weights = np.full(30, 1 / 30)
    step = 1e-6
    for image in (0, 11):
        moved = weights * (1 - step) + step * (np.arange(30) == image)
        change = (np.std(correct @ moved) - np.std(correct @ weights)) / step
        assert deviation_influence(correct)[image] == pytest.approx(change, abs=1e-4)


def test_system_noise_deviation_covers_the_truth() -> None:
    rng = np.random.default_rng(5)
    truth = np.array([0.9, 0.88, 0.8, 0.84, 0.7])
    correct = rng.random((500, 1, 400)) < truth[:, None]  # one draw per image: variants nested
    ours = system_noise_deviation(correct)
    goal = -100 * truth.std()
    assert 0.92 <= np.mean((ours.low <= goal) & (goal <= ours.high)) <= 0.98
