"""Steps of an analysis at the same time, in processes of their own.

Every step is a function of one value, which is written to disk once and read once by each process.
Linear algebra runs on one thread per process, here as there, so that a step gives the same bits
wherever it runs.
"""

import os
import pickle
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

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
    """How many processes, this one among them, should do the steps; the others end with the block.

    Args:
        networks: N.
    """
    count = min(len(os.sched_getaffinity(0)), MOST) if networks >= WORTHWHILE else 1
    try:
        with threadpool_limits(1):
            if count > 1:  # imports take seconds: they begin while the networks are read
                get_reusable_executor(count - 1).submit(import_module, "analysis.pipeline")
            yield count
    finally:
        if count > 1:
            get_reusable_executor().shutdown(wait=True, kill_workers=True)


def do(steps: Sequence[Callable[[T], R]], value: T, count: int) -> Iterator[R]:
    """What every step makes of a value, in order.

    The other processes begin with the first steps, this one with the last, until they meet.

    Args:
        steps: Functions that can be pickled.
        value: Likewise.
        count: Of processes, as `processes` says; with 1 each step waits until it is asked for.
    """
    if count == 1:
        yield from (step(value) for step in steps)
        return
    todo = deque(range(len(steps)))
    made: list[Future[R]] = [Future() for _ in steps]

    def work(take: Callable[[], int], run: Callable[[int], R]) -> None:
        while True:
            try:
                place = take()
            except IndexError:
                return
            try:
                made[place].set_result(run(place))
            except Exception as error:  # whoever asks for the result gets it
                made[place].set_exception(error)

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(count - 1) as feeders:
        path = Path(folder) / "value.pickle"
        path.write_bytes(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
        others = get_reusable_executor(count - 1)

        def ask(place: int) -> R:
            answer: R = others.submit(_step, steps[place], path).result()
            return answer

        for _ in range(count - 1):
            feeders.submit(work, todo.popleft, ask)
        try:
            work(todo.pop, lambda place: steps[place](value))
            yield from (one.result() for one in made)
        except BaseException:  # nobody asks for the rest
            todo.clear()
            others.shutdown(wait=False, kill_workers=True)
            raise


def _step(step: Callable[[Any], R], path: Path) -> R:
    with threadpool_limits(1):
        return step(_read(path))


@lru_cache(maxsize=1)
def _read(path: Path) -> Any:
    """The value, kept for the steps that follow."""
    return pickle.loads(path.read_bytes())  # noqa: S301  (written by `do` a moment ago)
