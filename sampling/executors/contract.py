"""What jobs are, what is told of them, and how they are to be run: the same for every executor.

A setup builds a handler inside a worker, the handler does one job after the other. An exception in
a job is a failure of that job at once. A worker that dies, runs out of memory, or gives no sign for
too long and is killed, costs one attempt at the job it held and nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

ATTEMPTS = 3
"""How often a job is given to a worker before it counts as failed, and how often in a row workers
may fail to start."""

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
"""Does one job; the second argument sends a message to the driver meanwhile, a sign of life."""

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


@dataclass(frozen=True)
class Work:
    """What is to be done.

    Attributes:
        setup: Called once per worker with `arguments`; returns what does a job.
        arguments: Of `setup`.
        jobs: What to do.
    """

    setup: Setup
    arguments: tuple[Any, ...]
    jobs: Sequence[Any]


@dataclass(frozen=True)
class Execution:
    """How jobs are run; no result depends on it.

    Attributes:
        workers: Processes or actors; 0 runs everything in this process. None: as many as the
            cluster that is joined has cores, or GPUs.
        executor: Name in the table of executors.
        patience: Seconds a worker may give no sign before it is killed; None: see `Patience`.
        address: HOST:PORT of the Ray cluster to join; "" starts one on this machine alone.
        gpu: Each worker needs a GPU or its share of one.
    """

    workers: int | None = 1
    executor: str = "processes"
    patience: float | None = None
    address: str = ""
    gpu: bool = False


HERE = Execution(0)
"""Everything in this process."""


MEMORY = ("out of memory", "allocate memory", "not enough memory", "ALLOC_FAILED")
"""How libraries that raise RuntimeError say that memory ran out."""


def out_of_memory(error: BaseException | None) -> bool:
    """Whether this error, or one that it was raised from, says that memory ran out."""
    if error is None or isinstance(error, MemoryError):
        return error is not None
    told = isinstance(error, RuntimeError) and any(text in str(error) for text in MEMORY)
    return told or out_of_memory(error.__cause__)


def failure(error: BaseException) -> tuple[str, str]:
    """Kind and value of the sign that a handler raised an error.

    Memory may be there next time, in a new worker: that loses the worker, not the job.
    """
    if out_of_memory(error):
        return "lost", f"ran out of memory ({reason(error)[:300]})"
    return "failed", reason(error)


def reason(error: BaseException) -> str:
    """One line that says what went wrong."""
    text = " ".join(str(error).split())
    if text and isinstance(error, ValueError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
