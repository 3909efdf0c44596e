"""Puts into the journal what comes of its pending networks; imports no torch."""

from collections.abc import Iterator
from typing import Any

from sampling.executors import Execution, Setup, run_jobs
from sampling.store import Journal


def record_pending(
    journal: Journal, setup: Setup, arguments: tuple[Any, ...], how: Execution
) -> Iterator[str]:
    """Give every pending network of the journal to a handler, and record what comes.

    Yields:
        "done" or "failed" for each network, after it was recorded.

    Raises:
        ValueError: No worker could be set up; networks that are pending stay so.
    """
    pending = journal.pending()
    for event in run_jobs(setup, arguments, pending, how):
        if event.kind == "done":
            journal.record(pending[event.job].key, event.value)
        elif event.kind == "failed":
            journal.fail(pending[event.job].key, event.value)
        else:
            continue
        yield event.kind
