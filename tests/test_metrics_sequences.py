import numpy as np
import pytest
from scipy import stats

from metrics import (
    flip_probability,
    flip_shares,
    mean_flip_rate,
    mean_top5_distance,
    top5_distance,
    top5_distances,
)

PREVIOUS = np.array([False])
FIRST = np.array([True])


def frames_of(*images: str) -> np.ndarray:
    """(1, F, I) predictions of one sequence; a letter is a class, a dot is not evaluated."""
    return np.array([[-1 if c == "." else ord(c) for c in image] for image in images]).T[None]


def test_flip_shares_against_the_previous_frame_by_hand() -> None:
    shares = flip_shares(frames_of("aabba", "aaaaa", "abcde", "aab.a"), PREVIOUS)
    assert shares[0, :3].tolist() == [2 / 4, 0, 1]
    assert np.isnan(shares[0, 3])


def test_flip_shares_against_the_first_frame_by_hand() -> None:
    shares = flip_shares(frames_of("aabba", "abbbb", ".bbbb"), FIRST)
    assert shares[0, :2].tolist() == [2 / 4, 1]
    assert np.isnan(shares[0, 2])


def test_flip_shares_of_sequences_of_unequal_length() -> None:
    both = np.concatenate([frames_of("aabba"), frames_of("aba..")])
    shares = flip_shares(both, np.array([True, False]), np.array([5, 3]))
    assert shares[:, 0].tolist() == [2 / 4, 1]


def test_flip_shares_keep_leading_axes() -> None:
    rng = np.random.default_rng(0)
    predictions = rng.integers(0, 3, (2, 4, 3, 6, 5))
    rule = np.array([True, False, False])
    whole = flip_shares(predictions, rule)
    assert whole.shape == (2, 4, 3, 5)
    np.testing.assert_array_equal(whole[1, 2], flip_shares(predictions[1, 2], rule))


def test_flip_probability_is_the_mean_over_images_that_count() -> None:
    ours = flip_probability(np.array([[0.5, 0.0, 1.0, np.nan], [np.nan] * 4]))
    assert ours.value[0] == pytest.approx(0.5)
    assert 0 <= ours.low[0] < 0.5 < ours.high[0] <= 1
    assert np.isnan([ours.value[1], ours.low[1], ours.high[1]]).all()


def test_flip_probability_of_whole_flips_is_wilson() -> None:
    shares = (np.arange(80) < 13).astype(float)
    ours = flip_probability(shares)
    theirs = stats.binomtest(13, 80).proportion_ci(method="wilson")
    # the t-quantile over the normal one, for 80 images
    assert ours.high - ours.low == pytest.approx(theirs.high - theirs.low, rel=0.03)


def test_flip_probability_without_flips_is_not_certain() -> None:
    ours = flip_probability(np.zeros(100))
    edge = stats.binomtest(0, 100).proportion_ci(method="wilson")
    assert (ours.value, ours.low) == (0, 0)
    assert edge.high <= ours.high < 1.1 * edge.high


SHARES = np.array([[0.1, 0.3], [0.4, 0.8]])  # 2 sequences, 2 images: means 0.2 and 0.6


def test_mean_flip_rate_by_hand() -> None:
    ours = mean_flip_rate(SHARES, np.array([0.4, 0.3]))
    assert ours.value == pytest.approx((0.2 / 0.4 + 0.6 / 0.3) / 2)
    assert ours.low < ours.value < ours.high


def test_mean_flip_rate_of_the_reference_is_one_and_plain_without() -> None:
    assert mean_flip_rate(SHARES, np.array([0.2, 0.6])).value == pytest.approx(1)
    assert mean_flip_rate(SHARES).value == pytest.approx(0.4)


def test_mean_flip_rate_counts_images_of_every_sequence() -> None:
    shares = np.array([[0.1, 0.3, np.nan], [0.4, 0.8, 0.9]])
    assert mean_flip_rate(shares).value == pytest.approx(0.4)
    assert np.isnan(mean_flip_rate(np.full((2, 3), np.nan)).value)


@pytest.mark.parametrize("reference", [[0.4, 0.0], [0.4, np.nan], [0.4]])
def test_mean_flip_rate_refuses_a_reference_without_flips(reference: list[float]) -> None:
    with pytest.raises(ValueError, match=r"mean_flip_rate\.reference must be 2 numbers above 0"):
        mean_flip_rate(SHARES, np.array(reference))
    with pytest.raises(ValueError, match=r"mean_top5_distance\.reference must be .* got \[0\.4"):
        mean_top5_distance(SHARES, np.array(reference))


def ranks_of(*frames: str) -> np.ndarray:
    """(1, F, 1, 5) rankings of one image."""
    return np.array([[[ord(c) - 97 for c in frame]] for frame in frames])[None]


@pytest.mark.parametrize(
    ("before", "after", "distance"),
    [
        ("abcde", "abcde", 0),
        ("abcde", "bacde", 2),  # a and b move by one each
        ("abcde", "abcdf", 1),  # e goes from fifth to beyond
        ("abcde", "fabcd", 5),  # all five move down by one
        ("abcde", "bcdef", 9),  # a falls by five, four move up by one
        ("abcde", "fghij", 15),
        ("fabcd", "abcde", 9),  # not the same backwards
    ],
)
def test_top5_distances_by_hand(before: str, after: str, distance: int) -> None:
    assert top5_distances(ranks_of(before, after), PREVIOUS).tolist() == [[distance]]


def test_top5_distances_follow_the_rule_of_the_sequence() -> None:
    ranked = ranks_of("abcde", "bacde", "bacde", "abcde")
    assert top5_distances(ranked, PREVIOUS).tolist() == [[4 / 3]]
    assert top5_distances(ranked, FIRST).tolist() == [[4 / 3]]
    ranked = ranks_of("abcde", "fghij", "fghij")
    assert top5_distances(ranked, PREVIOUS).tolist() == [[7.5]]
    assert top5_distances(ranked, FIRST).tolist() == [[15]]


def brute_force_distance(before: np.ndarray, after: np.ndarray) -> int:
    """From whole rankings of all classes, by the published sum."""
    new_rank = {int(c): rank for rank, c in enumerate(after, start=1)}
    return sum(
        abs(min(i - 1, 5) - min(new_rank[int(c)] - 1, 5)) for i, c in enumerate(before[:5], start=1)
    )


def test_top5_distances_equal_the_published_sum_over_whole_rankings() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(2, 2, 6, 7, 9)) + 2 * rng.normal(size=(2, 2, 1, 7, 9))
    whole = np.argsort(-scores, axis=-1)  # (N, Q, F, I, K)
    rule = np.array([True, False])
    ours = top5_distances(whole[..., :5], rule)
    assert ours.shape == (2, 2, 7)
    for n, q, i in np.ndindex(2, 2, 7):
        sums = [
            brute_force_distance(whole[n, q, 0 if rule[q] else f - 1, i], whole[n, q, f, i])
            for f in range(1, 6)
        ]
        assert ours[n, q, i] == pytest.approx(np.mean(sums))


def test_top5_distances_leave_out_images_not_evaluated_on_every_frame() -> None:
    ranked = np.concatenate([ranks_of("abcde", "fabcd", "abcde")] * 3, axis=2)
    ranked[0, 1, 0] = -1
    ranked[0, 2, 1] = -1
    assert np.isnan(top5_distances(ranked, PREVIOUS)[0]).tolist() == [True, True, False]
    shorter = top5_distances(ranked, PREVIOUS, np.array([2]))
    assert np.isnan(shorter[0]).tolist() == [True, False, False]


def test_mean_top5_distance_by_hand() -> None:
    distances = np.array([[1.0, 3.0], [4.0, 8.0]])
    assert top5_distance(distances).value == pytest.approx([2, 6])
    assert mean_top5_distance(distances).value == pytest.approx(4)
    ours = mean_top5_distance(distances, np.array([4.0, 3.0]))
    assert ours.value == pytest.approx((2 / 4 + 6 / 3) / 2)
    assert top5_distance(np.full(4, 15.0)).high == pytest.approx(15)


def rough_walks(rng: np.random.Generator, sets: int, images: int, mean: float) -> np.ndarray:
    """(sets, images) flips of 30 comparisons whose rate is the image's own (beta, 0.4 within)."""
    rate = rng.beta(mean * 1.5, (1 - mean) * 1.5, (sets, images))
    return rng.binomial(30, rate) / 30


@pytest.mark.parametrize("images", [100, 400])
@pytest.mark.parametrize("mean", [0.02, 0.1, 0.5])
def test_flip_probability_covers_the_truth(mean: float, images: int) -> None:
    shares = rough_walks(np.random.default_rng(4), 2000, images, mean)
    ours = flip_probability(shares)
    assert 0.93 <= np.mean((ours.low <= mean) & (mean <= ours.high)) <= 0.985
    rate = np.random.default_rng(5).binomial(30, mean, (2000, images)) / 30  # all images alike
    same = flip_probability(rate)
    # wider than needed when flips are few and independent: one image of full agreement is added
    assert 0.93 <= np.mean((same.low <= mean) & (mean <= same.high)) <= 0.99


def test_mean_rates_cover_the_truth() -> None:
    rng = np.random.default_rng(6)
    truth, reference = np.array([0.05, 0.2, 0.1]), np.array([0.1, 0.2, 0.3])
    shares = np.stack([rough_walks(rng, 2000, 150, mean) for mean in truth], axis=1)
    for estimate, factor in (
        (mean_flip_rate(shares, reference), 1.0),
        (mean_top5_distance(15 * shares, 15 * reference), 1.0),
        (mean_top5_distance(15 * shares), 15.0 * 0.35 / 3 / np.mean(truth / reference)),
    ):
        goal = factor * np.mean(truth / reference)
        assert 0.93 <= np.mean((estimate.low <= goal) & (goal <= estimate.high)) <= 0.97


GOOD = np.zeros((2, 4, 3), int)
RULE = np.array([True, False])


@pytest.mark.parametrize(
    ("predictions", "rule", "frames", "message"),
    [
        (GOOD.astype(float), RULE, None, r"flip_shares\.predictions must be integers; got float64"),
        (GOOD, RULE[:1], None, r"against_first must be bool, one for each of the 2 sequences"),
        (GOOD, RULE.astype(int), None, r"against_first must be bool.* got \[1 0\]"),
        (GOOD, RULE, [4, 5], r"frames must be 2 numbers from 2 to 4; got \[4, 5\]"),
        (GOOD, RULE, [4, 1], r"frames must be 2 numbers from 2 to 4; got \[4, 1\]"),
        (GOOD, RULE, [4], r"frames must be 2 numbers from 2 to 4; got \[4\]"),
    ],
)
def test_flip_shares_refuse_bad_input(predictions, rule, frames, message) -> None:
    with pytest.raises(ValueError, match=message):
        flip_shares(predictions, rule, frames)


def test_top5_distances_refuse_fewer_than_five_classes() -> None:
    with pytest.raises(ValueError, match=r"must hold 5 classes on its last axis; got shape \(1, "):
        top5_distances(np.zeros((1, 4, 3, 4), int), PREVIOUS)
