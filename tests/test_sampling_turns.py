"""Sequential evaluation of networks that answer at random: what goes on, stops, fails, resumes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metrics import best_networks
from metrics.until import Until, attack_order, read_until
from sampling.executors import HERE, Handler
from sampling.store import Condition, Journal, Network, Outcome
from sampling.turns import Sequel, Turn, check_goal, record_turns, sequel

IMAGES, NETWORKS = 240, 12
ATTACKED = np.arange(0, IMAGES, 2)
ORDER = attack_order([str(i) for i in ATTACKED], 0)
CONDITIONS = (
    Condition("clean", "clean", 0, "{}", "clean"),
    Condition("pgd_e1", "adversarial", 1, "{}", "clean"),
    Condition("pgd_e2", "adversarial", 2, "{}", "clean"),
)


def networks() -> list[Network]:
    return [
        Network(f"{i:012x}", "{}", "resnet", "supernet", "", "standard", 0, "genes", "", {})
        for i in range(NETWORKS)
    ]


def truth(number: int) -> np.ndarray:
    """(M, I) right answers of a network on all images; the higher its number, the more."""
    share = 0.2 + 0.06 * number
    draws = np.random.default_rng(number).random(IMAGES)
    return draws < np.array([[1.0], [share], [share - 0.1]])


def answering(fails: tuple[int, int] = (-1, -1)) -> Handler:
    """What gives a network its turn; the turn of one network that begins at an image fails."""

    def give(turn: Turn, _: Callable[[Any], None]) -> Outcome:
        number = int(turn.network.id, 16)
        if (number, turn.begin) == fails:
            raise ValueError("no memory")
        evaluated = np.zeros((3, IMAGES), np.bool_)
        evaluated[0] = turn.begin == 0
        evaluated[1:, ATTACKED[ORDER[turn.begin : turn.end]]] = True
        return Outcome("a" * 64, evaluated, truth(number) & evaluated)

    return give


def follow(path: Path, until: Until, handler: Handler, stop: int = -1) -> list[list[Turn]]:
    """All rounds until nothing is left to do, or until so many outcomes were recorded."""
    rest, rounds = sequel(until, CONDITIONS, ATTACKED, ORDER), []
    with Journal.open(path, "{}") as journal:
        journal.add(networks())
        while turns := rest.turns(journal):
            rounds.append(turns)
            for _ in record_turns(journal, turns, lambda: handler, (), HERE):
                stop -= 1
                if stop == 0:
                    return rounds
    return rounds


def bits(path: Path) -> list[tuple[bytes, bytes]]:
    with Journal.view(path) as journal:
        rows = [row.outcome for row in journal.outcomes()]
    return [(o.evaluated.tobytes(), o.correct.tobytes()) if o else (b"", b"") for o in rows]


def test_clear_losers_stop_early_and_the_best_are_found(tmp_path: Path) -> None:
    until = read_until("best=3,block=20")
    follow(tmp_path / "j", until, answering())
    with Journal.view(tmp_path / "j") as journal:
        found = [row.outcome for row in journal.outcomes() if row.outcome]
    tried = np.array([o.evaluated[1].sum() for o in found])
    assert tried[0] < 60 < tried[9], "the worst stops before one at the border"
    order = ATTACKED[ORDER]
    right = np.stack([o.correct[2, order] for o in found])
    inside, outside = best_networks(tried, right, until.rounds(120), 3)
    assert (inside | outside).all() or tried.max() == 120
    whole = np.stack([truth(i)[2, ATTACKED] for i in range(NETWORKS)]).sum(1)
    assert whole[inside].min() > whole[outside].max()


def test_each_network_sees_the_first_images_of_the_order_and_none_twice(tmp_path: Path) -> None:
    rounds = follow(tmp_path / "j", read_until("best=3,block=20"), answering())
    seen: dict[str, list[int]] = {}
    for turn in (turn for turns in rounds for turn in turns):
        seen.setdefault(turn.network.id, []).extend(range(turn.begin, turn.end))
    assert len(seen) == NETWORKS
    assert all(places == list(range(len(places))) for places in seen.values())


@pytest.mark.parametrize("stop", [1, 7, 12, 13, 15, 20, 25])
def test_a_stopped_campaign_ends_as_an_undisturbed_one(tmp_path: Path, stop: int) -> None:
    until = read_until("best=3,margin=10,block=20")
    follow(tmp_path / "a", until, answering())
    follow(tmp_path / "b", until, answering(), stop)
    follow(tmp_path / "b", until, answering())
    assert bits(tmp_path / "a") == bits(tmp_path / "b")


def test_a_goal_that_cannot_be_reached_ends_with_all_images(tmp_path: Path) -> None:
    follow(tmp_path / "j", read_until("half_width=0.1,block=50"), answering())
    with Journal.view(tmp_path / "j") as journal:
        for i, row in enumerate(journal.outcomes()):
            assert row.outcome is not None
            assert row.outcome.evaluated[1].sum() == len(ATTACKED)
            np.testing.assert_array_equal(row.outcome.correct[1:, ATTACKED], truth(i)[1:, ATTACKED])


def test_a_network_that_fails_later_keeps_what_it_has(tmp_path: Path) -> None:
    follow(tmp_path / "j", read_until("half_width=1,block=40"), answering(fails=(5, 40)))
    with Journal.view(tmp_path / "j") as journal:
        rows = list(journal.outcomes())
        assert list(journal.given_up().values()) == ["no memory"]
    tried = [row.outcome.evaluated[1].sum() for row in rows if row.outcome]
    assert tried == [40 if i == 5 else 120 for i in range(NETWORKS)]


def test_a_network_that_fails_first_is_failed_and_the_rest_is_ranked(tmp_path: Path) -> None:
    follow(tmp_path / "j", read_until("best=3,block=40"), answering(fails=(5, 0)))
    with Journal.view(tmp_path / "j") as journal:
        assert journal.counts().failed == 1
        assert journal.counts().done == NETWORKS - 1


def test_one_condition_can_be_judged_alone() -> None:
    rest = sequel(read_until("best=3,on=pgd_e1"), CONDITIONS, ATTACKED, ORDER)
    assert isinstance(rest, Sequel)
    assert rest.columns == (1,)
    assert sequel(read_until("best=3"), CONDITIONS, ATTACKED, ORDER).columns == (1, 2)


@pytest.mark.parametrize("text", ["best=3,on=clean", "best=3,on=fog_s1"])
def test_a_condition_that_is_no_attack_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be an attack of the protocol, of pgd_e1, pgd_e2"):
        check_goal(read_until(text), CONDITIONS[1:], 10)


def test_a_protocol_without_attacks_is_refused() -> None:
    with pytest.raises(ValueError, match="of none"):
        check_goal(read_until("best=3"), (), 10)


@pytest.mark.parametrize(("text", "count"), [("best=5", 5), ("best=10", 6000), ("margin=1", 6000)])
def test_more_networks_than_can_be_ranked_are_refused(text: str, count: int) -> None:
    with pytest.raises(ValueError, match=r"until-decided.* must"):
        check_goal(read_until(text), CONDITIONS[1:], count)
    check_goal(read_until("half_width=1"), CONDITIONS[1:], 100_000)
