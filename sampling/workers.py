"""Runs jobs in this process or in one-thread worker processes that die and are replaced.

Each worker has a pipe of its own: a worker that is killed costs only the job it held, and workers
whose driver is killed see the closed pipe and end. Jobs and results cross the pipes between our own
processes only.
"""

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

ATTEMPTS = 3
"""How often a job is given to a worker before it counts as failed."""

WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # glibc else hands every large activation back to the kernel and faults it in again
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
}
"""One thread per process, and memory that stays with it."""

Handler = Callable[[Any, Callable[[Any], None]], Any]
"""Does one job; the second argument sends a message to the driver meanwhile."""

Setup = Callable[..., Handler]
"""Builds a handler inside the worker; must be importable, as its arguments must be plain data."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a job.

    Attributes:
        job: Index of the job.
        kind: "message", "done" or "failed".
        value: The message, the result, or the reason as text.
    """

    job: int
    kind: str
    value: Any


def run_jobs(
    setup: Setup, arguments: tuple[Any, ...], jobs: Sequence[Any], workers: int
) -> Iterator[Event]:
    """Do every job once; events come as they happen, in any order of jobs.

    Args:
        setup: Called once per worker with `arguments`; returns what does a job.
        arguments: Of `setup`.
        jobs: What to do.
        workers: Processes; 0 runs everything in this process.

    Yields:
        Any number of messages per job, then one "done" or "failed". An exception in a job is a
        failure at once; the death of its worker is one after `ATTEMPTS` tries.
    """
    if workers == 0:
        yield from _run_here(setup, arguments, jobs)
    elif jobs:
        yield from _Pool(setup, arguments, jobs, min(workers, len(jobs))).run()


def reason(error: Exception) -> str:
    """One line that says what went wrong."""
    return f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else str(error)


def _run_here(setup: Setup, arguments: tuple[Any, ...], jobs: Sequence[Any]) -> Iterator[Event]:
    handler = setup(*arguments)
    for i, job in enumerate(jobs):
        messages: list[Any] = []
        try:
            result = handler(job, messages.append)
        except Exception as error:
            yield from (Event(i, "message", m) for m in messages)
            yield Event(i, "failed", reason(error))
        else:
            yield from (Event(i, "message", m) for m in messages)
            yield Event(i, "done", result)


def serve(connection: Connection, setup: Setup, arguments: tuple[Any, ...]) -> None:
    """Body of a worker process: jobs in, events out, until the driver goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides when it ends
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            handler = setup(*arguments)
        except Exception as error:
            connection.recv()
            connection.send(("failed", reason(error)))
            return
        while True:
            job = connection.recv()
            try:
                result = handler(job, lambda m: connection.send(("message", m)))
            except (BrokenPipeError, ConnectionResetError):
                return
            except Exception as error:
                connection.send(("failed", reason(error)))
            else:
                connection.send(("done", result))


class _Pool:
    """Workers and the jobs they hold."""

    def __init__(
        self, setup: Setup, arguments: tuple[Any, ...], jobs: Sequence[Any], workers: int
    ) -> None:
        self.setup, self.arguments, self.jobs, self.workers = setup, arguments, jobs, workers
        self.context = multiprocessing.get_context("spawn")
        self.queue = deque(range(len(jobs)))
        self.tries = [0] * len(jobs)
        self.held: dict[Connection, tuple[Any, int]] = {}

    def run(self) -> Iterator[Event]:
        """Feed workers until every job has ended; end the workers when left early, too."""
        try:
            while self.queue or self.held:
                while self.queue and len(self.held) < self.workers:
                    self._give(*self._start())
                for connection in wait(list(self.held)):
                    assert isinstance(connection, Connection)
                    yield from self._receive(connection)
        finally:
            for connection, (process, _) in self.held.items():
                connection.close()
                process.terminate()
                process.join()

    def _start(self) -> tuple[Connection, Any]:
        """A new worker; the driver's only copy of the worker's end of the pipe is closed."""
        mine, its = self.context.Pipe()
        process = self.context.Process(
            target=serve, args=(its, self.setup, self.arguments), daemon=True
        )
        with _worker_environment(), _without_interrupts():
            process.start()
        its.close()
        return mine, process

    def _give(self, connection: Connection, process: Any) -> None:
        """Hand the next job over, or let the worker go when none is left."""
        if not self.queue:
            connection.close()
            process.join()
            return
        job = self.queue.popleft()
        self.tries[job] += 1
        self.held[connection] = (process, job)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.send(self.jobs[job])  # a dead worker shows when its pipe is read

    def _receive(self, connection: Connection) -> Iterator[Event]:
        process, job = self.held[connection]
        try:
            kind, value = connection.recv()
        except (EOFError, ConnectionResetError):
            del self.held[connection]
            connection.close()
            process.join()
            if self.tries[job] < ATTEMPTS:
                self.queue.append(job)
            else:
                text = f"worker died {ATTEMPTS} times, last exit code {process.exitcode}"
                yield Event(job, "failed", text)
            return
        if kind == "message":
            yield Event(job, kind, value)
            return
        del self.held[connection]
        self._give(connection, process)
        yield Event(job, kind, value)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl-C waits, and never reaches a child begun meanwhile: the driver decides when it ends."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _worker_environment() -> Iterator[None]:
    """The environment a child starts with."""
    before = {name: os.environ.get(name) for name in WORKER_ENVIRONMENT}
    os.environ.update(WORKER_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
