"""Steps of an analysis at the same time, in processes of their own.

Every step is a function of one value, which is written to disk once and read once by each process.
Linear algebra runs on one thread per process, here as there, so that a step gives the same bits
wherever it runs.
"""

import os
import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from threadpoolctl import threadpool_limits

T = TypeVar("T")
R = TypeVar("R")

MOST = 4
"""Processes: each takes some 0.5 GB for 1,200 networks, and the longest step bounds the time."""

WORTHWHILE = 300
"""Networks from which the seconds that processes take to start are won back."""


@contextmanager
def processes(networks: int) -> Iterator[int]:
    """How many processes steps over so many networks should have; they end with the block.

    Args:
        networks: N.
    """
    count = min(len(os.sched_getaffinity(0)), MOST) if networks >= WORTHWHILE else 1
    try:
        with threadpool_limits(1):
            yield count
    finally:
        if count > 1:
            get_reusable_executor().shutdown(wait=True, kill_workers=True)


def do(steps: Sequence[Callable[[T], R]], value: T, count: int) -> Iterator[R]:
    """What every step makes of a value, in order, as soon as it is there.

    Args:
        steps: Functions that can be pickled.
        value: Likewise.
        count: Of processes, as `processes` says; with 1 each step waits until it is asked for.
    """
    if count == 1:
        yield from (step(value) for step in steps)
        return
    with tempfile.TemporaryDirectory() as folder, parallel_config("loky", inner_max_num_threads=1):
        path = Path(folder) / "value.pickle"
        path.write_bytes(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
        work = Parallel(count, return_as="generator", pre_dispatch="all", batch_size=1)
        yield from work(delayed(_step)(step, path) for step in steps)


def _step(step: Callable[[Any], R], path: Path) -> R:
    return step(_read(path))


@lru_cache(maxsize=1)
def _read(path: Path) -> Any:
    """The value, kept for the steps that follow."""
    return pickle.loads(path.read_bytes())  # noqa: S301  (written by `do` a moment ago)
