"""Hands jobs to workers, whatever these are, until every job has ended.

A `Crew` knows how workers are started, reached and ended; everything that is decided about jobs is
decided here, so that all crews give the same events.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from .contract import ATTEMPTS, Event
from .patience import Patience

PAUSE = 5.0
"""Seconds a crew is waited for at a time."""


class Sign(NamedTuple):
    """What came from a worker.

    Attributes:
        worker: Its number.
        kind: "alive" (nothing but that), "ready" (set up, it takes a job), "message", "done" and
            "failed" (of its job; it takes the next), or "lost": it takes no job any more.
        value: The message, the result or the reason.
    """

    worker: int
    kind: str
    value: Any = None


class Crew(Protocol):
    """Workers of one kind, named by numbers that are never used again."""

    def start(self) -> int:
        """Begin to set up a new worker; when it is ready, or lost, a sign says so."""

    def give(self, worker: int, job: Any) -> None:
        """Hand a job to a worker that is ready; if it has died, a sign says so."""

    def signs(self, timeout: float) -> Sequence[Sign]:
        """What has come; waits for the first sign, at most for so many seconds."""

    def end(self, worker: int, *, force: bool) -> None:
        """Let an idle worker go, or kill one by force; no sign of it comes any more."""

    def close(self) -> None:
        """Kill every worker that is left."""


@dataclass
class _Held:
    """A worker: the job it holds, None while it is set up; when it began; how long it is silent."""

    job: int | None
    begin: float
    silence: float = 0.0


class Pool:
    """Jobs, the workers that hold them, and what became of both.

    Only time spent waiting for signs counts as silence: a driver that is stopped for an hour, or
    busy with something else, blames no worker.

    Args:
        crew: Does the jobs.
        jobs: What to do.
        workers: At a time, at most.
        patience: How long a worker may give no sign.
        clock: Seconds since some moment.
    """

    def __init__(
        self,
        crew: Crew,
        jobs: Sequence[Any],
        workers: int,
        patience: Patience,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.crew, self.jobs, self.patience, self.clock = crew, jobs, patience, clock
        self.workers = workers
        self.queue = deque(range(len(jobs)))
        self.tries = [0] * len(jobs)
        self.held: dict[int, _Held] = {}
        self.failed_starts, self.why = 0, ""

    def run(self) -> Iterator[Event]:
        """Events of all jobs; workers are ended when it is left early, too.

        Raises:
            ValueError: `ATTEMPTS` workers in a row could not be set up, and none is left.
        """
        try:
            while self.queue or any(w.job is not None for w in self.held.values()):
                self._hire()
                if not self.held:
                    raise ValueError(
                        f"Execution.workers must come up; got {ATTEMPTS} in a row that did not: "
                        f"{self.why}. Nothing that was done is lost: mend that and go on."
                    )
                yield from self._listen()
        finally:
            self.crew.close()

    def _hire(self) -> None:
        """Start as many workers as there is work for."""
        starting = sum(w.job is None for w in self.held.values())
        wanted = min(len(self.queue) - starting, self.workers - len(self.held))
        for _ in range(wanted if self.failed_starts < ATTEMPTS else 0):
            self.held[self.crew.start()] = _Held(None, self.clock())

    def _listen(self) -> Iterator[Event]:
        """Wait for signs once; what they and the lack of them mean."""
        longest = max((w.silence for w in self.held.values()), default=0.0)
        timeout = min(PAUSE, max(0.0, self.patience.limit - longest) + 0.01)
        begin = self.clock()
        signs = self.crew.signs(timeout)
        waited = min(timeout, self.clock() - begin)
        for worker in self.held.values():
            worker.silence += waited
        for sign in signs:
            self.held[sign.worker].silence = 0.0
            yield from self._heard(sign)
        limit = self.patience.limit
        for number in [n for n, worker in self.held.items() if worker.silence > limit]:
            self.crew.end(number, force=True)
            yield from self._lost(number, f"gave no sign for {limit:g} s")

    def _heard(self, sign: Sign) -> Iterator[Event]:
        number, kind, value = sign
        worker = self.held[number]
        if kind == "lost":
            yield from self._lost(number, value)
        elif kind == "ready":
            self.failed_starts = 0
            self._give(number)
        elif kind == "message" and worker.job is not None:
            yield Event(worker.job, kind, value)
        elif kind != "alive" and worker.job is not None:
            if kind == "done":
                self.patience.note(self.clock() - worker.begin)
            self._give(number)
            yield Event(worker.job, kind, value)

    def _give(self, number: int) -> None:
        """Hand the next job over, or let the worker go when none is left."""
        if not self.queue:
            del self.held[number]
            self.crew.end(number, force=False)
            return
        job = self.queue.popleft()
        self.tries[job] += 1
        self.held[number] = _Held(job, self.clock())
        self.crew.give(number, self.jobs[job])

    def _lost(self, number: int, why: str) -> Iterator[Event]:
        """A worker is gone: its job is tried again, or has failed."""
        job = self.held.pop(number).job
        if job is None:
            self.failed_starts, self.why = self.failed_starts + 1, why.rstrip(".")
        elif self.tries[job] < ATTEMPTS:
            self.queue.append(job)
        else:
            yield Event(job, "failed", f"worker {why}, {ATTEMPTS} attempts")
