"""Goals of a sequential evaluation, written as text, and the order of attack."""

import numpy as np
import pytest

from metrics.sequential import Goal
from metrics.until import Until, attack_order, read_note, read_until, until_note


def test_goal_is_read_in_percentage_points() -> None:
    read = read_until("half_width=2,margin=1,level=90,block=50,on=pgd_linf_e1")
    assert read == Until(Goal(half_width=0.02, margin=0.01, level=0.9), 50, "pgd_linf_e1")
    assert read_until("best=10") == Until(Goal(best=10))


@pytest.mark.parametrize(
    "text",
    [
        *("best", "best=", "best=ten", "best=2.5", "bst=2", "best=2,best=3", "best=2,,", "=2"),
        *("block=5", "best=2,block=-1", "best=2,block=1.5", "best=0", "half_width=50", "level=95"),
        *("margin=nan", "best=inf", "best=2,level=100", "half_width=-1"),
    ],
)
def test_goal_refuses_what_is_no_goal(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be .*; got .*"):
        read_until(text)


def test_rounds_are_an_eighth_of_the_images_unless_named() -> None:
    assert read_until("best=1").rounds(400).ends == (50, 100, 150, 200, 250, 300, 350, 400)
    assert read_until("best=1").rounds(60).ends == (25, 50, 60)
    assert read_until("best=1,block=40").rounds(100).ends == (40, 80, 100)


def test_order_of_attack_is_a_fixed_permutation_that_depends_on_the_seed() -> None:
    ids = [f"test/{i}" for i in range(200)]
    order = attack_order(ids, 0)
    assert sorted(order) == list(range(200))
    assert order.tolist() != attack_order(ids, 1).tolist()
    backwards = attack_order(ids[::-1], 0)
    assert [ids[i] for i in order] == [ids[::-1][i] for i in backwards], "ids alone count"


def test_first_images_of_the_order_are_no_particular_ones() -> None:
    ids = [f"test/{i}" for i in range(60)]
    firsts = np.concatenate([attack_order(ids, seed)[:20] for seed in range(300)])
    counts = np.bincount(firsts, minlength=60)  # binomial(300, 1/3): 100 +- 8
    assert counts.min() > 65
    assert counts.max() < 135


def test_note_says_what_was_to_be_decided() -> None:
    note = until_note("best=10,block=50", 400)
    found = read_note(f"A note before. {note} Another.")
    assert found == (Until(Goal(best=10), 50), 400)
    assert read_note("Pixels were encoded again.") is None
