"""Steps of an analysis in several processes: in order, once each, and their errors."""

import math
import operator
import os
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from analysis.parallel import do, processes


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr("analysis.parallel.WORTHWHILE", 1)
    with processes(1) as count:
        yield count


def test_few_networks_stay_in_one_process() -> None:
    with processes(2) as count:
        assert count == 1


def where(_: float) -> int:
    """The process that does this, slowly enough that both take part."""
    time.sleep(0.3)
    return os.getpid()


def test_results_come_in_order_from_two_processes(two: int) -> None:
    assert two == 2
    steps: list[Callable[[float], float]] = [
        math.sqrt,
        math.exp,
        math.floor,
        partial(operator.add, 1),
        math.cos,
    ]
    assert list(do(steps, 4.0, two)) == [step(4.0) for step in steps]
    homes = list(do([where] * 12, 0.0, two))
    assert len(set(homes)) == 2
    assert homes[-1] == os.getpid()  # this one begins with the last
    assert homes[0] != os.getpid()


def test_error_of_a_step_arrives_as_itself(two: int) -> None:
    for steps in ([math.log, math.sqrt], [math.sqrt, math.log]):
        with pytest.raises(ValueError, match=r"domain|positive"):
            list(do(steps, 0.0, two))
    assert list(do([math.sqrt, math.cos], 0.0, two)) == [0.0, 1.0]  # it works on afterwards
