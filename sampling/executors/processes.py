"""Runs jobs in one-thread processes of this machine.

Each worker has a pipe of its own: a worker that is killed costs only the job it held, and workers
whose driver is killed see the closed pipe and end. Jobs and results cross the pipes between our own
processes only.
"""

import contextlib
import itertools
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from .contract import WORKER_ENVIRONMENT, Event, Execution, Setup, Work, failure, reason
from .patience import Patience
from .pool import Pool, Sign

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL."""


def run_processes(work: Work, how: Execution) -> Iterator[Event]:
    """Do every job in one of `how.workers` processes."""
    workers = min(how.workers or 1, len(work.jobs))
    return Pool(Processes(work), work.jobs, workers, Patience(how.patience)).run()


def serve(connection: Connection, setup: Setup, arguments: tuple[Any, ...]) -> None:
    """Body of a worker process: jobs in, signs out, until the driver goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides when it ends
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            handler = setup(*arguments)
        except Exception as error:
            connection.send(("lost", reason(error)))
            return
        connection.send(("ready", None))
        while True:
            job = connection.recv()
            try:
                result = handler(job, lambda m: connection.send(("message", m)))
            except (BrokenPipeError, ConnectionResetError):
                return
            except Exception as error:
                kind, value = failure(error)
            else:
                kind, value = "done", result
            connection.send((kind, value))
            if kind == "lost":
                return


class _Member(NamedTuple):
    """A worker's process and our end of its pipe."""

    process: Any
    connection: Connection


class Processes:
    """Worker processes, each with a pipe."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.context = multiprocessing.get_context("spawn")
        self.numbers = itertools.count()
        self.members: dict[int, _Member] = {}

    def start(self) -> int:
        """A new worker; the driver's only copy of the worker's end of the pipe is closed."""
        mine, its = self.context.Pipe()
        arguments = its, self.work.setup, self.work.arguments
        process = self.context.Process(target=serve, args=arguments, daemon=True)
        with _worker_environment(), _without_interrupts():
            process.start()
        its.close()
        number = next(self.numbers)
        self.members[number] = _Member(process, mine)
        return number

    def give(self, worker: int, job: Any) -> None:
        """Send the job; a dead worker shows when its pipe is read."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.members[worker].connection.send(job)

    def signs(self, timeout: float) -> Sequence[Sign]:
        """At most one sign of each worker."""
        numbers = {member.connection: n for n, member in self.members.items()}
        ready = [c for c in wait(list(numbers), timeout) if isinstance(c, Connection)]
        return [self._received(numbers[connection], connection) for connection in ready]

    def _received(self, number: int, connection: Connection) -> Sign:
        try:
            kind, value = connection.recv()
        except (EOFError, ConnectionResetError):
            process = self.members[number].process
            self.end(number, force=False)
            return Sign(number, "lost", death(process.exitcode))
        if kind == "lost":
            self.end(number, force=False)
        return Sign(number, kind, value)

    def end(self, worker: int, *, force: bool) -> None:
        """Close the pipe, which ends an idle worker; others are killed."""
        process, connection = self.members.pop(worker)
        connection.close()
        process.join(0 if force else GRACE)
        _kill([process])

    def close(self) -> None:
        """Kill whoever is left."""
        for member in self.members.values():
            member.connection.close()
        _kill([member.process for member in self.members.values()])
        self.members.clear()


def death(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    hint = " (out of memory?)" if -code == signal.SIGKILL else ""
    return f"was killed by signal {-code}{hint}"


def _kill(processes: Sequence[Any]) -> None:
    """End processes by SIGTERM, and those it does not end by SIGKILL."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(GRACE)
        process.kill()
        process.join()


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
