"""What a pool decides, with workers that follow a script and a clock that is turned by hand."""

from collections.abc import Sequence
from typing import Any

import pytest

from sampling.executors.contract import ATTEMPTS, Event
from sampling.executors.patience import LEAST, TIMES, Patience
from sampling.executors.pool import PAUSE, Pool, Sign

Script = Sequence[tuple[float, str, Any]]
"""Seconds after the one before, kind and value of each sign of a job; then silence."""


class Clock:
    """Seconds since some moment."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Scripted:
    """Workers that send what the scripts of their jobs say; a job has one script per try."""

    def __init__(self, clock: Clock, scripts: dict[Any, list[Script]], start: list[Script]) -> None:
        self.clock, self.scripts, self.start_scripts = clock, scripts, start
        self.due: dict[int, list[tuple[float, str, Any]]] = {}
        self.started, self.ended, self.given, self.closed = 0, list[int](), list[Any](), False

    def _follow(self, worker: int, script: Script) -> None:
        at = self.clock()
        self.due[worker] = [(at := at + after, kind, value) for after, kind, value in script]

    def start(self) -> int:
        self.started += 1
        last = min(self.started, len(self.start_scripts)) - 1
        self._follow(self.started, self.start_scripts[last])
        return self.started

    def give(self, worker: int, job: Any) -> None:
        self.given.append(job)
        self._follow(worker, self.scripts[job].pop(0))

    def signs(self, timeout: float) -> Sequence[Sign]:
        times = [due[0][0] for due in self.due.values() if due]
        self.clock.now = min([self.clock() + timeout, *(max(t, self.clock()) for t in times)])
        ready = [w for w, due in self.due.items() if due and due[0][0] <= self.clock()]
        found = [Sign(w, *self.due[w].pop(0)[1:]) for w in ready]
        for sign in found:
            if sign.kind == "lost":
                del self.due[sign.worker]
        return found

    def end(self, worker: int, *, force: bool) -> None:
        del self.due[worker]
        self.ended.append(worker)

    def close(self) -> None:
        self.closed = True


READY = [(1.0, "ready", None)]
DONE = [(1.0, "done", 7)]
LOST = [(1.0, "lost", "fell over")]
SILENT: Script = []


def run(
    scripts: dict[Any, list[Script]], start: list[Script] | None = None, seconds: float = 60.0
) -> tuple[list[Event], Scripted, Clock]:
    clock = Clock()
    crew = Scripted(clock, scripts, start or [READY])
    pool = Pool(crew, list(scripts), 2, Patience(seconds), clock)
    return list(pool.run()), crew, clock


def test_jobs_are_given_in_order_and_workers_let_go() -> None:
    events, crew, _ = run({"a": [DONE], "b": [DONE], "c": [DONE]})
    assert crew.given == ["a", "b", "c"]
    assert [(e.job, e.kind, e.value) for e in events] == [(j, "done", 7) for j in range(3)]
    assert (crew.started, sorted(crew.ended), crew.closed) == (2, [1, 2], True)


def test_a_silent_job_is_tried_again_and_fails_with_its_reason() -> None:
    events, crew, clock = run({"a": [SILENT] * ATTEMPTS, "b": [DONE]})
    assert events[0] == Event(1, "done", 7)
    assert events[1] == Event(0, "failed", f"worker gave no sign for 60 s, {ATTEMPTS} attempts")
    assert crew.started == ATTEMPTS + 1  # one for the other job
    assert 3 * 60 < clock() < 3 * 60 + 5 * ATTEMPTS


def test_a_silent_job_that_then_works_is_done() -> None:
    events, _, _ = run({"a": [SILENT, LOST, DONE]})
    assert events == [Event(0, "done", 7)]


def test_messages_keep_a_long_job_alive() -> None:
    script = [(50.0, "message", i) for i in range(100)] + DONE
    events, crew, clock = run({"a": [script]})
    assert events[-1] == Event(0, "done", 7)
    assert len(events) == 101
    assert crew.started == 1
    assert clock() > 5000


def test_a_worker_that_hangs_at_its_start_costs_no_job_an_attempt() -> None:
    jobs = {"a": [LOST, LOST, DONE]}
    events, crew, _ = run(jobs, [SILENT, SILENT, READY, READY, LOST, READY])
    assert events == [Event(0, "done", 7)]
    assert crew.started == 6


def test_workers_that_never_start_stop_the_work() -> None:
    with pytest.raises(ValueError, match="must come up; got 3 in a row that did not: fell over"):
        run({"a": [], "b": [], "c": [], "d": []}, [LOST])
    with pytest.raises(ValueError, match="in a row that did not: gave no sign for 60 s"):
        run({"a": []}, [SILENT])


def test_one_good_worker_does_everything_where_no_other_starts() -> None:
    jobs = {name: [DONE] for name in "abcdefgh"}
    events, crew, _ = run(jobs, [READY, LOST])
    assert [e.kind for e in events] == ["done"] * 8
    assert crew.started == 1 + ATTEMPTS


def test_a_driver_that_was_stopped_blames_no_worker() -> None:
    clock = Clock()
    crew = Scripted(clock, {"a": [[(30.0, "message", 0), (30.0, "done", 7)]]}, [READY])
    signs = crew.signs

    def stopped(timeout: float) -> Sequence[Sign]:
        if 10 < clock() < 12:
            clock.now += 10_000  # the driver slept through this, inside its wait
            crew.due[1] = [(at + 10_000, kind, value) for at, kind, value in crew.due[1]]
        return signs(timeout)

    crew.signs = stopped  # type: ignore[method-assign]
    events = list(Pool(crew, ["a"], 1, Patience(60.0), clock).run())
    assert events[-1] == Event(0, "done", 7)
    assert crew.started == 1
    assert clock() > 10_000


def test_a_worker_that_waits_for_its_place_is_not_blamed() -> None:
    waiting = [(PAUSE, "alive", None)] * 100
    events, crew, _ = run({"a": [DONE]}, [waiting + READY])
    assert (events, crew.started) == ([Event(0, "done", 7)], 1)


def test_patience_grows_with_the_median_job() -> None:
    patience = Patience()
    assert patience.limit == LEAST
    for seconds in (1.0, 500.0, 2.0, 100.0, 90.0):
        patience.note(seconds)
    assert patience.limit == TIMES * 90.0
    assert Patience(3.0).limit == 3.0
