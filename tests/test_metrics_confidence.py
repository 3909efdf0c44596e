"""Confidence metrics: values by hand and by loops, intervals by simulation."""

import numpy as np
import pytest
from scipy import special

from metrics import confident_class, response_rate_accuracy, rms_calibration_error


def bits(row: str) -> np.ndarray:
    return np.array([c == "1" for c in row])


def test_confident_class_is_argmax_and_softmax() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 7, 10))
    predicted, confidence = confident_class(logits)
    softmax = special.softmax(logits, axis=-1)
    np.testing.assert_array_equal(predicted, softmax.argmax(-1))
    np.testing.assert_allclose(confidence, softmax.max(-1))


def test_confident_class_among_a_list_by_hand() -> None:
    logits = np.log([[0.1, 0.2, 0.3, 0.4], [0.5, 0.2, 0.2, 0.1]])
    predicted, confidence = confident_class(logits, np.array([1, 2]))
    assert predicted.tolist() == [2, 1]  # a tie goes to the first, as argmax has it
    assert confidence.tolist() == pytest.approx([0.3 / 0.5, 0.5])


def test_confident_class_bears_large_logits() -> None:
    _, confidence = confident_class(np.array([1e4, 0.0], np.float32))
    assert confidence == 1


@pytest.mark.parametrize("classes", [[], [0, 4], [-1, 2], [2, 1], [1, 1]])
def test_confident_class_refuses_other_lists(classes: list[int]) -> None:
    with pytest.raises(ValueError, match="must be ascending indices from 0 to 3; got"):
        confident_class(np.zeros((2, 4)), np.array(classes, int))


def test_rms_calibration_error_by_hand() -> None:
    # bins of two by confidence: 0.2 and 0.4 (one right), then 0.6, 0.7, 0.8 (one right)
    confidence = np.array([0.8, 0.2, 0.6, 0.4, 0.7])
    ours = rms_calibration_error(confidence, bits("01100"), bin_images=2)
    gaps = 2 / 5 * (0.3 - 0.5) ** 2 + 3 / 5 * (0.7 - 1 / 3) ** 2
    assert ours.value == pytest.approx(np.sqrt(gaps))


def test_rms_calibration_error_counts_the_last_bin() -> None:
    # 430 images: the published code leaves the last 130 out of the sum
    rng = np.random.default_rng(0)
    confidence = rng.random(430)
    correct = rng.random(430) < confidence
    order = np.argsort(confidence)
    total = 0.0
    for start, end in ((0, 100), (100, 200), (200, 300), (300, 430)):
        members = order[start:end]
        total += (end - start) * (confidence[members].mean() - correct[members].mean()) ** 2
    assert rms_calibration_error(confidence, correct).value == pytest.approx(np.sqrt(total / 430))


def test_response_rate_accuracy_by_hand() -> None:
    # by confidence: right, wrong, right, right: accuracies 1, 1/2, 2/3, 3/4
    ours = response_rate_accuracy(np.array([0.1, 0.9, 0.5, 0.7]), bits("1110"))
    assert ours.value == pytest.approx((1 + 1 / 2 + 2 / 3 + 3 / 4) / 4)


@pytest.mark.parametrize("metric", [response_rate_accuracy, rms_calibration_error])
def test_equal_confidences_do_not_depend_on_the_order(metric) -> None:
    rng = np.random.default_rng(1)
    confidence = rng.integers(5, 9, 250) / 8  # bins of 100 cut through ties
    correct = rng.random(250) < 0.7
    turned = metric(confidence[::-1], correct[::-1])
    ours = metric(confidence, correct)
    assert turned.value == pytest.approx(ours.value)
    assert turned.low == pytest.approx(ours.low)


def test_response_rate_accuracy_with_ties_is_the_mean_over_orders() -> None:
    ours = response_rate_accuracy(np.array([0.9, 0.5, 0.5]), bits("110"))
    orders = ((1 + 1 + 2 / 3) / 3, (1 + 1 / 2 + 2 / 3) / 3)
    assert ours.value == pytest.approx(np.mean(orders))


@pytest.mark.parametrize("metric", [response_rate_accuracy, rms_calibration_error])
def test_confidence_metrics_keep_the_axis_of_networks(metric) -> None:
    rng = np.random.default_rng(2)
    confidence, correct = rng.random((3, 230)), rng.random((3, 230)) < 0.5
    together = metric(confidence, correct)
    for row in range(3):
        alone = metric(confidence[row], correct[row])
        assert together.value[row] == pytest.approx(alone.value)
        assert together.high[row] == pytest.approx(alone.high)


@pytest.mark.parametrize("share", [0, 1])
def test_response_rate_accuracy_at_the_edges_is_not_certain(share: int) -> None:
    ours = response_rate_accuracy(np.linspace(0, 1, 100), np.full(100, bool(share)))
    assert ours.value == share
    assert 0.03 < ours.high - ours.low < 0.12


@pytest.mark.parametrize("metric", [response_rate_accuracy, rms_calibration_error])
def test_confidence_metrics_refuse_other_images_and_nan(metric) -> None:
    with pytest.raises(
        ValueError, match=r"correct must be bool of the shape of confidence, \(3,\)"
    ):
        metric(np.ones(3), bits("11"))
    with pytest.raises(ValueError, match=r"confidence must be finite .* with 1 that are not"):
        metric(np.array([1.0, np.nan]), bits("11"))


def test_rms_calibration_error_refuses_bins_of_one() -> None:
    with pytest.raises(ValueError, match="bin_images must be at least 2; got 1"):
        rms_calibration_error(np.ones(3), bits("111"), bin_images=1)


def drawn(kind: str, images: int, count: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Confidence and correct (count, images), and the true RMS error, by how confidence errs."""
    rng = np.random.default_rng(3)
    confidence = rng.beta(4, 2, (count, images))
    right = {"calibrated": confidence, "over": 0.7 * confidence, "far": confidence**3}[kind]
    gap = float(np.sqrt(np.mean((confidence - right) ** 2)))
    return confidence, rng.random((count, images)) < right, gap


@pytest.mark.parametrize(
    ("kind", "least", "most"), [("over", 0.93, 0.98), ("far", 0.92, 0.98), ("calibrated", 0.96, 1)]
)
def test_rms_calibration_error_covers_the_truth(kind: str, least: float, most: float) -> None:
    confidence, correct, truth = drawn(kind, 1000, 400)
    ours = rms_calibration_error(confidence, correct)
    assert least <= np.mean((ours.low <= truth) & (truth <= ours.high)) <= most
    assert np.mean(ours.value) > truth  # the lean that the docstring states


@pytest.mark.parametrize("kind", ["calibrated", "over", "far"])
def test_response_rate_accuracy_covers_the_truth(kind: str) -> None:
    confidence, correct, _ = drawn(kind, 500, 600)
    ours = response_rate_accuracy(confidence, correct)
    truth = float(response_rate_accuracy(confidence.reshape(-1), correct.reshape(-1)).value)
    assert 0.93 <= np.mean((ours.low <= truth) & (truth <= ours.high)) <= 0.98
