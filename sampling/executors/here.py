"""Runs jobs one after the other in this process; nothing protects it from a job that hangs."""

from collections.abc import Iterator
from typing import Any

from .contract import Event, Execution, Work, reason


def run_here(work: Work, _: Execution) -> Iterator[Event]:
    """Do every job; messages come when their job has ended.

    Raises:
        ValueError: The setup failed.
    """
    try:
        handler = work.setup(*work.arguments)
    except Exception as error:
        raise ValueError(reason(error)) from error
    for i, job in enumerate(work.jobs):
        messages: list[Any] = []
        try:
            end = Event(i, "done", handler(job, messages.append))
        except Exception as error:
            end = Event(i, "failed", reason(error))
        yield from (Event(i, "message", m) for m in messages)
        yield end
