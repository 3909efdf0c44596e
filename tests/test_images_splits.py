"""Stratified subsets: shares, determinism, values by hand."""

import numpy as np
import pytest

from images.splits import stratified

LABELS = np.random.default_rng(0).choice(7, 500, p=[0.4, 0.3, 0.1, 0.1, 0.05, 0.03, 0.02])


@pytest.mark.parametrize("count", [1, 2, 10, 64, 250, 499, 500])
@pytest.mark.parametrize("seed", [0, 1])
def test_stratified_keeps_shares_to_within_one(count: int, seed: int) -> None:
    index = stratified(LABELS, count, seed)
    assert len(index) == count
    assert index.dtype == np.int64
    assert (np.diff(index) > 0).all()
    wanted = np.bincount(LABELS, minlength=7) * count / len(LABELS)
    assert np.abs(np.bincount(LABELS[index], minlength=7) - wanted).max() < 1


def test_stratified_gives_the_largest_remainders_the_rest() -> None:
    labels = np.repeat([0, 1, 2], [5, 3, 2])  # quotas for 4 of 10: 2.0, 1.2, 0.8
    assert np.bincount(labels[stratified(labels, 4, 0)]).tolist() == [2, 1, 1]


def test_stratified_depends_on_the_seed_alone() -> None:
    np.testing.assert_array_equal(stratified(LABELS, 50, 3), stratified(LABELS.copy(), 50, 3))
    assert not np.array_equal(stratified(LABELS, 50, 3), stratified(LABELS, 50, 4))
    labels = np.zeros(12, np.int64)
    # the three smallest of the first 12 outputs of Philox with seed 5, which NumPy keeps stable
    expected = np.sort(np.argsort(np.random.Philox(5).random_raw(12))[:3])
    np.testing.assert_array_equal(stratified(labels, 3, 5), expected)


def test_stratified_breaks_ties_by_the_seed() -> None:
    labels = np.arange(10)
    first = {int(stratified(labels, 1, seed)[0]) for seed in range(40)}
    assert len(first) >= 8  # 40 uniform draws of 10 miss more than two once in 10,000


def test_stratified_ignores_absent_classes() -> None:
    labels = np.array([4, 4, 9, 9])
    assert sorted(labels[stratified(labels, 2, 0)]) == [4, 9]


@pytest.mark.parametrize("count", [0, -1, 501])
def test_stratified_refuses_impossible_counts(count: int) -> None:
    with pytest.raises(ValueError, match=f"from 1 to the 500 images there are; got {count}"):
        stratified(LABELS, count, 0)
