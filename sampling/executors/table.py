"""Every executor, and the one function that runs jobs."""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .contract import Event, Execution, Setup, Work
from .here import run_here
from .processes import run_processes


def _run_ray(work: Work, how: Execution) -> Iterator[Event]:
    from .ray_actors import run_ray

    return run_ray(work, how)


EXECUTORS: dict[str, Callable[[Work, Execution], Iterator[Event]]] = {
    "processes": run_processes,
    "ray": _run_ray,
    "here": run_here,
}
"""Name to what does the work; each gives the same events."""


def run_jobs(
    setup: Setup, arguments: tuple[Any, ...], jobs: Sequence[Any], how: Execution
) -> Iterator[Event]:
    """Do every job once; events come as they happen, in any order of jobs.

    Args:
        setup: Called once per worker with `arguments`; returns what does a job.
        arguments: Of `setup`.
        jobs: What to do.
        how: By which executor, with how many workers.

    Yields:
        Any number of messages per job, then one "done" or "failed". An exception in a job is a
        failure at once; the death of its worker, and silence beyond the patience, is one after
        `ATTEMPTS` tries.

    Raises:
        ValueError: No worker could be set up; jobs that were not done are neither done nor failed.
    """
    if jobs:
        check_executor(how)
        name = "here" if how.workers == 0 else how.executor
        yield from EXECUTORS[name](Work(setup, arguments, jobs), how)


def check_executor(how: Execution) -> None:
    """Refuse an executor that is not there, or that cannot do what is asked of it.

    Raises:
        ValueError: Says what is wrong.
    """
    if how.executor not in EXECUTORS:
        raise ValueError(
            f"Execution.executor must be one of {', '.join(EXECUTORS)}; got {how.executor!r}. "
            "Choose one of them."
        )
    if how.patience is not None and not 0 < how.patience < float("inf"):
        raise ValueError(
            f"Execution.patience must be seconds above 0; got {how.patience:g}. Change --patience."
        )
    if how.executor != "ray":
        if how.address:
            raise ValueError(
                f"Execution.address must be left out with the executor {how.executor}; got "
                f"{how.address!r}. Use --executor ray."
            )
        return
    if how.workers == 0:
        raise ValueError(
            "Execution.workers must be at least 1 with the executor ray; got 0. "
            "Use --executor here."
        )
    host, _, port = how.address.rpartition(":")
    if how.address and not (host and "/" not in host and port.isdecimal()):
        raise ValueError(
            f"Execution.address must be HOST:PORT; got {how.address!r}. Change --ray-address."
        )
    if importlib.util.find_spec("ray") is None:
        raise ValueError(
            "Execution.executor ray must have Ray; got an installation without it. "
            'Run pip install "robustscope[ray]", or use --executor processes.'
        )
