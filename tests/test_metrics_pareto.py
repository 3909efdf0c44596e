import numpy as np
import pytest

from metrics import compare, front_shares, pareto_front, surely_dominated, thinned_front

STAIRS = np.array([[1, 5], [2, 4], [2, 3], [3, 3], [0, 5], [3, 3.0]])


def plain_front(values: np.ndarray) -> list[bool]:
    """By the definition, one pair at a time."""
    return [
        not any((other >= one).all() and (other > one).any() for other in values) for one in values
    ]


def test_front_by_hand_with_equals() -> None:
    assert pareto_front(STAIRS).tolist() == [True, True, False, True, False, True]


def test_front_equals_its_definition() -> None:
    values = np.random.default_rng(0).integers(0, 6, (80, 3)).astype(float)
    assert pareto_front(values).tolist() == plain_front(values)


def test_front_of_one_and_of_equals_is_all() -> None:
    assert pareto_front(np.array([[0.3, 0.2]])).all()
    assert pareto_front(np.full((4, 3), 0.5)).all()


def test_near_front_holds_what_is_beaten_by_less() -> None:
    values = np.array([[0.80, 0.80], [0.795, 0.80], [0.79, 0.79], [0.7, 0.7]])
    assert pareto_front(values, 0.01).tolist() == [True, True, False, False]
    assert pareto_front(values, 0.05).tolist() == [True, True, True, False]
    assert pareto_front(values, np.array([0.0, 0.05])).tolist() == [True, True, True, False]


def test_thinned_front_is_within_epsilon_of_everyone() -> None:
    values = np.random.default_rng(1).random((300, 3))
    chosen = thinned_front(values, 0.1)
    assert not (chosen & ~pareto_front(values)).any()
    assert chosen.sum() < pareto_front(values).sum()
    lead = values[chosen][:, None] + 0.1 - values
    assert (lead >= -1e-9).all(-1).any(0).all()


def test_thinned_front_without_epsilon_covers_the_front() -> None:
    chosen = STAIRS[thinned_front(STAIRS, 0.0)]
    assert sorted(map(tuple, chosen.tolist())) == [(1, 5), (2, 4), (3, 3)]


def test_shares_equal_the_front_of_every_draw() -> None:
    rng = np.random.default_rng(2)
    draws = [rng.integers(0, 8, (25, 40)) / 8 for _ in range(3)]
    fixed = rng.integers(0, 5, 25).astype(float)
    expected = np.mean(
        [plain_front(np.column_stack([*(d[:, b] for d in draws), fixed])) for b in range(40)], 0
    )
    assert front_shares(draws, fixed) == pytest.approx(expected)


def test_shares_take_rounding_for_ties() -> None:
    draws = [np.array([[0.1 + 0.2], [0.3]]), np.array([[0.5], [0.5]])]
    assert front_shares(draws, np.zeros(2)).tolist() == [1, 1]


def test_surely_dominated_needs_every_outcome_and_the_cost() -> None:
    rng = np.random.default_rng(3)
    accuracies = np.array([[0.9, 0.5, 0.5, 0.5], [0.9, 0.5, 0.9, 0.5]])
    bits = (rng.random((2, 4, 400)) < accuracies[:, :, None]).astype(float)
    made = [compare(b, rng, 500) for b in bits]
    found = surely_dominated(made, -np.array([1.0, 1.0, 2.0, 0.5]))
    # the third is as good in one outcome, the fourth costs less
    assert found.tolist() == [False, True, False, False]
    assert not surely_dominated(made, np.array([np.nan, 1, 1, 1])).any()


def test_fronts_refuse_failed_networks() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 2\) with 1 networks that are not"):
        pareto_front(np.array([[1, 2], [np.nan, 3]]))
    with pytest.raises(ValueError, match=r"pareto_front.epsilon must be non-negative"):
        pareto_front(STAIRS, -0.1)
