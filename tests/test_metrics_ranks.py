import numpy as np
import pytest
from scipy import stats

from metrics import (
    Ranks,
    compare,
    mcnemar,
    rank_interval_of,
    rank_intervals,
    rank_intervals_from_counts,
)
from metrics.pairs import critical_value, greatest_over


def judged(accuracies: list[float], images: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.random((len(accuracies), images)) < np.array(accuracies)[:, None]).astype(float)


def ranked(scores: np.ndarray, draws: int = 500) -> Ranks:
    return rank_intervals(compare(scores, np.random.default_rng(1), draws))


def test_statistic_is_mcnemars() -> None:
    scores = judged([0.9, 0.7], 150)
    gained, lost = ((a > b).sum() for a, b in (scores, scores[::-1]))
    found = compare(scores, np.random.default_rng(0), 50).statistic
    assert found[0, 1] == pytest.approx((gained - lost) / np.sqrt(gained + lost), rel=1e-5)
    assert np.array_equal(found, -found.T)


def test_greatest_statistic_equals_plain_numpy() -> None:
    made = compare(judged([0.5, 0.7, 0.7, 0.9, 1.0], 60), np.random.default_rng(0), 300)
    lead = (made.noise[:, None] - made.noise[None]) * made.weight[:, :, None]
    assert made.greatest == pytest.approx(np.abs(lead).max((0, 1)))
    over = greatest_over(made, np.array([2, 4]), both_ways=False)
    assert over == pytest.approx(lead[:, [2, 4]].max(0))


@pytest.mark.parametrize(("gained", "lost"), [(5, 0), (6, 0), (14, 4), (15, 4), (30, 15)])
def test_two_networks_are_told_apart_as_by_the_exact_test(gained: int, lost: int) -> None:
    scores = np.zeros((2, 100))
    scores[0, :gained] = scores[1, gained : gained + lost] = 1
    surely = ranked(scores, draws=20_000).high[0] == 1
    assert surely == (mcnemar(gained, lost) <= 0.05)


def test_critical_value_is_that_of_the_studentised_range() -> None:
    """Networks of independent scores, normal over many images: Tukey's all-pairs comparison."""
    scores = np.random.default_rng(3).normal(size=(12, 4000))
    made = compare(scores, np.random.default_rng(4), 20_000)
    theirs = stats.studentized_range.ppf(0.95, 12, np.inf) / np.sqrt(2)
    assert critical_value(made.greatest) == pytest.approx(theirs, rel=0.02)


def test_order_that_is_plain_is_told() -> None:
    found = ranked(judged([0.2, 0.9, 0.55], 400))
    assert found.rank.tolist() == found.low.tolist() == found.high.tolist() == [3, 1, 2]
    assert found.best.tolist() == [False, True, False]
    assert found.tier.tolist() == [3, 1, 2]


def test_intervals_hold_ranks_and_agree_with_tiers() -> None:
    found = ranked(judged(np.linspace(0.3, 0.9, 40).tolist(), 200))
    assert (found.low <= found.rank).all()
    assert (found.rank <= found.high).all()
    assert not found.best[found.tier > 1].any()
    by_rank = np.argsort(found.rank, kind="stable")
    leaders = [by_rank[found.tier[by_rank] == t][0] for t in range(1, found.tier.max() + 1)]
    assert len(leaders) > 2
    # each leader is surely worse than all leaders before it
    assert all(found.low[leader] > before for before, leader in enumerate(leaders))


@pytest.mark.parametrize("value", [0.0, 1.0, 0.25])
@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_networks_that_agree_share_all_ranks(n: int, value: float) -> None:
    found = ranked(np.full((n, 30), value))
    assert found.rank.tolist() == found.low.tolist() == found.tier.tolist() == [1] * n
    assert found.high.tolist() == [n] * n
    assert found.best.all()


def test_one_image_orders_nothing() -> None:
    found = ranked(np.array([[1.0], [0.0], [1.0]]))
    assert found.rank.tolist() == [1, 3, 1]
    assert (found.low.tolist(), found.high.tolist()) == ([1, 1, 1], [3, 3, 3])
    assert found.best.all()


def test_few_draws_claim_nothing() -> None:
    found = ranked(judged([0.1, 0.9], 200), draws=5)
    assert found.high.tolist() == [2, 2]
    assert found.best.all()


def test_copies_of_networks_tie_and_change_no_order() -> None:
    scores = judged([0.9, 0.6, 0.3], 300)
    found = ranked(np.repeat(scores, 2, axis=0))
    assert found.rank.tolist() == [1, 1, 3, 3, 5, 5]
    assert found.high.tolist() == [2, 2, 4, 4, 6, 6]


def test_interval_for_one_network_is_no_longer_than_among_all() -> None:
    made = compare(judged(np.linspace(0.4, 0.9, 30).tolist(), 200), np.random.default_rng(0), 900)
    among_all = rank_intervals(made)
    for network in (0, 14, 29):
        rank, low, high = rank_interval_of(made, network)
        assert rank == among_all.rank[network]
        assert among_all.low[network] <= low <= rank <= high <= among_all.high[network]


def test_compare_refuses_failed_networks() -> None:
    scores = judged([0.5, 0.5], 10)
    scores[1, 3] = np.nan
    with pytest.raises(ValueError, match=r"got NaN or infinity in 1 of 2 networks. Leave failed"):
        compare(scores, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"got shape \(2, 0\)"):
        compare(scores[:, :0], np.random.default_rng(0))


def test_counts_order_less_than_bits_that_go_together() -> None:
    rng = np.random.default_rng(0)
    luck = rng.random(300)  # shared by all: networks differ where they must
    scores = (luck < np.linspace(0.5, 0.9, 9)[:, None]).astype(float)
    counts = rank_intervals_from_counts(scores.sum(1).astype(int), np.full(9, 300))
    bits = ranked(scores)
    assert counts.rank.tolist() == bits.rank.tolist()
    assert (counts.low <= bits.low).all()
    assert (bits.high <= counts.high).all()
    assert bits.high.sum() < counts.high.sum() < 81


def test_counts_of_two_equal_the_test_of_arcsines() -> None:
    gap = (
        2 * np.abs(np.diff(np.arcsin(np.sqrt((np.array([80, 65]) + 0.375) / 100.75)))) * 100.5**0.5
    )
    found = rank_intervals_from_counts(np.array([80, 65]), np.array([100, 100]))
    assert found.critical == pytest.approx(1.959964, rel=1e-4)
    assert (found.high[0] == 1) == (gap[0] / np.sqrt(2) > 1.959964)


def test_counts_of_equal_images_are_ranked_as_by_all_pairs() -> None:
    right = np.random.default_rng(0).integers(20, 300, 60)
    found = rank_intervals_from_counts(right, np.full(60, 300))
    angle = np.arcsin(np.sqrt((right + 0.375) / 300.75))
    surely = (angle[:, None] - angle) / np.sqrt(0.5 / 300.5) > found.critical
    assert found.low.tolist() == (1 + surely.sum(0)).tolist()
    assert found.high.tolist() == (60 - surely.sum(1)).tolist()
    assert found.best.tolist() == (~surely.any(0)).tolist()
    leaders = [right[found.tier == t].argmax() for t in range(1, found.tier.max() + 1)]
    for t, leader in enumerate(leaders, 1):
        one = np.flatnonzero(found.tier == t)[leader]
        assert surely[one].tolist() == (found.tier > t).tolist()


def test_many_networks_count_as_judged_on_the_fewest_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right, tried = np.array([90, 160, 50, 70]), np.array([100, 200, 100, 100])
    paired = rank_intervals_from_counts(right, tried)
    monkeypatch.setattr("metrics.ranks.MOST_PAIRED", 3)
    found = rank_intervals_from_counts(right, tried)
    same = rank_intervals_from_counts(np.array([90, 80, 50, 70]), np.full(4, 100))
    assert (found.low.tolist(), found.high.tolist()) == (same.low.tolist(), same.high.tolist())
    assert (found.low <= paired.low).all()
    assert (found.high >= paired.high).all()


@pytest.mark.parametrize(
    ("right", "tried"), [([11], [10]), ([-0.5], [3]), ([np.nan], [3]), ([], [])]
)
def test_counts_that_are_none_are_refused(right: list, tried: list) -> None:
    with pytest.raises(
        ValueError, match=r"rank_intervals_from_counts.right must be from 0 to tried"
    ):
        rank_intervals_from_counts(np.array(right), np.array(tried))
