"""Outcomes that grow by further images, and the journal that keeps them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sampling.store import DONE, SMALLER_BATCH, Journal, Network, Outcome, StoreError
from sampling.store.growth import joined

NETWORK = Network("0" * 12, "{}", "resnet", "supernet", "", "standard", 0, "genes", "", {})


def outcome(tried: list[int], right: list[int], **alarms: float) -> Outcome:
    """Two conditions, six images, all tried under the first; which the second tried, and right."""
    evaluated, correct = np.zeros((2, 6), np.bool_), np.zeros((2, 6), np.bool_)
    evaluated[0] = correct[0] = True
    evaluated[1, tried], correct[1, right] = True, True
    shares = {name: np.array([np.nan, value]) for name, value in alarms.items()}
    return Outcome("a" * 64, evaluated, correct, shares, seconds=1.5)


def test_joined_outcome_holds_both_and_the_old_one_stands() -> None:
    old, new = outcome([0, 1], [1]), outcome([1, 2, 3], [3])
    new.correct[0] = False
    whole = joined("x", old, new)
    assert whole.evaluated.sum(1).tolist() == [6, 4]
    assert np.flatnonzero(whole.correct[1]).tolist() == [1, 3]
    assert whole.correct[0].all(), "was known"
    assert whole.seconds == 3.0


def test_joined_alarms_are_means_over_images_and_batches_the_smaller() -> None:
    old = outcome([0], [], flat=0.2, **{SMALLER_BATCH: 0.5})
    new = outcome([1, 2, 3], [], flat=0.6, late=1.0, **{SMALLER_BATCH: 0.75})
    alarms = joined("x", old, new).alarms
    assert alarms["flat"][1] == pytest.approx((0.2 + 3 * 0.6) / 4)
    assert alarms["late"][1] == 1.0
    assert alarms[SMALLER_BATCH][1] == 0.75
    assert all(np.isnan(values[0]) for values in alarms.values())


def test_joined_distances_are_those_of_the_images_attacked() -> None:
    far, near = np.full((2, 6), np.nan, np.float32), np.full((2, 6), np.nan, np.float32)
    far[1, :2], near[1, 1:3] = 5.0, 1.0
    old, new = outcome([0, 1], []), outcome([1, 2], [])
    whole = joined("x", replace(old, distance=far), replace(new, distance=near))
    assert whole.distance is not None
    np.testing.assert_array_equal(whole.distance[1], [5, 5, 1, np.nan, np.nan, np.nan])


def test_joined_refuses_another_network() -> None:
    other = replace(outcome([2], []), weights="b" * 64)
    with pytest.raises(StoreError, match="same weights"):
        joined("x", outcome([0], []), other)


def test_journal_keeps_what_grew(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal.open(path, "{}") as journal:
        journal.add([NETWORK])
        with pytest.raises(StoreError, match="network with outcome"):
            journal.grow(NETWORK.key, outcome([0], []))
        journal.record(NETWORK.key, outcome([0, 1], [1], flat=0.5))
        journal.grow(NETWORK.key, outcome([2], [2], flat=0.0))
        journal.give_up(NETWORK.key, "worker died")
    with Journal.view(path) as journal:
        (row,) = journal.outcomes()
        assert row.outcome is not None
        assert row.status == DONE
        assert row.outcome.evaluated[1].sum() == 3
        assert journal.counts().done == 1
        assert journal.given_up() == {NETWORK.key: "worker died"}
        assert journal.failures() == []
