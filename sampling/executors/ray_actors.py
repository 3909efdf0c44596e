"""Runs jobs in Ray actors, on this machine or on a cluster that is joined; imported only if asked.

On a cluster that is joined, the code and the files that jobs read and write must lie on a disk that
all its machines share, under one path.
"""

import itertools
import os
import queue
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .contract import WORKER_ENVIRONMENT, Event, Execution, Setup, Work, failure, reason
from .patience import Patience
from .pool import Pool, Sign
from .ray_session import joined

Found = tuple[str, Any]
"""Kind and value of a sign."""


def run_ray(work: Work, how: Execution) -> Iterator[Event]:
    """Do every job in one of `how.workers` actors.

    Raises:
        ValueError: The cluster cannot be joined, or has no GPU where each worker needs one; or as
            `Pool.run`.
    """
    with joined(how) as ray:
        name = "GPU" if how.gpu else "CPU"
        there = ray.cluster_resources().get(name, 0.0)
        if there < 1:
            raise ValueError(
                f"Execution.address must be a cluster with a {name}; got "
                f"{how.address or 'this machine'} with none. Use another, or --device cpu."
            )
        workers = min(how.workers or int(there), len(work.jobs))
        share = min(1.0, int(there / workers * 1e4) / 1e4)  # Ray counts in ten thousandths
        needs = {"num_gpus": share} if how.gpu else {}
        crew = Actors(ray, work, needs, local=not how.address)
        yield from Pool(crew, work.jobs, workers, Patience(how.patience)).run()


class Actor:
    """Body of a worker. One thread does everything: torch keeps settings per thread."""

    def __init__(self, folder: str, setup: Setup, arguments: tuple[Any, ...]) -> None:
        with suppress(OSError):
            os.chdir(folder)  # relative paths mean what they mean to the driver
        self.thread = ThreadPoolExecutor(1)
        self.setup, self.arguments = setup, arguments

    def begin(self) -> Iterator[Found]:
        """Signs of being set up; the first comes at once and tells the process."""
        yield "alive", os.getpid()
        try:
            self.handler = self.thread.submit(self.setup, *self.arguments).result()
        except Exception as error:
            yield "lost", reason(error)
        else:
            yield "ready", None

    def do(self, job: Any) -> Iterator[Found]:
        """Signs of a job, the last of them "done", "failed" or "lost"."""
        found: queue.SimpleQueue[Found] = queue.SimpleQueue()
        self.thread.submit(self._work, job, found)
        kind = ""
        while kind in ("", "message"):
            kind, value = found.get()
            yield kind, value

    def _work(self, job: Any, found: "queue.SimpleQueue[Found]") -> None:
        try:
            result = self.handler(job, lambda m: found.put(("message", m)))
        except BaseException as error:
            found.put(failure(error))
        else:
            found.put(("done", result))


@dataclass
class _Member:
    """An actor, the signs that are expected of it, and its process once it is known."""

    actor: Any
    stream: Any
    pid: int = 0


class Actors:
    """Ray actors, each with a stream of signs for what it does.

    Args:
        ray: The module, joined to a cluster.
        work: What is to be done.
        needs: Resources of each actor beside a core.
        local: The cluster is ours, on this machine.
    """

    def __init__(self, ray: Any, work: Work, needs: dict[str, float], local: bool) -> None:
        self.ray, self.work, self.local = ray, work, local
        paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        environment = WORKER_ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        self.kind = ray.remote(num_cpus=1, max_restarts=0, **needs)(Actor).options(
            runtime_env={"env_vars": environment}
        )
        self.numbers = itertools.count()
        self.members: dict[int, _Member] = {}

    def start(self) -> int:
        """A new actor, which may have to wait for its place."""
        number = next(self.numbers)
        actor = self.kind.remote(str(Path.cwd()), self.work.setup, self.work.arguments)
        self.members[number] = _Member(actor, _streamed(actor.begin))
        return number

    def give(self, worker: int, job: Any) -> None:
        """Begin another stream of signs."""
        member = self.members[worker]
        member.stream = _streamed(member.actor.do, job)

    def signs(self, timeout: float) -> Sequence[Sign]:
        """At most one sign of each actor, and one of each that waits for its place on a cluster."""
        streams = {member.stream: n for n, member in self.members.items()}
        ready, _ = self.ray.wait(list(streams), timeout=timeout)
        if ready:  # not the first alone: a talkative actor would keep the others from being heard
            ready, _ = self.ray.wait(list(streams), num_returns=len(streams), timeout=0)
        waiting = [Sign(n, "alive") for n, m in self.members.items() if not (self.local or m.pid)]
        return waiting + [self._received(streams[stream], stream) for stream in ready]

    def _received(self, number: int, stream: Any) -> Sign:
        errors = self.ray.exceptions
        try:
            kind, value = self.ray.get(next(stream))
        except errors.RayTaskError as error:
            return Sign(number, "failed", reason(error))
        except (errors.RayError, StopIteration) as error:
            died = isinstance(error, errors.RayActorError | StopIteration)
            kind, value = "lost", f"was lost ({type(error).__name__})"
            value = "died as a Ray actor (out of memory?)" if died else value
        if kind == "alive":
            self.members[number].pid = value
        elif kind == "lost":
            self.end(number, force=False)
        return Sign(number, kind, value)

    def end(self, worker: int, *, force: bool) -> None:
        """End an actor; one of our own machine that does not answer, too."""
        member = self.members.pop(worker)
        with suppress(self.ray.exceptions.RayError):
            self.ray.kill(member.actor)
        if force and self.local and member.pid:
            with suppress(ProcessLookupError):
                os.kill(member.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill every actor that is left."""
        for worker in list(self.members):
            self.end(worker, force=True)


def _streamed(method: Any, *arguments: Any) -> Any:
    """The signs of a call as they come."""
    return method.options(num_returns="streaming").remote(*arguments)
