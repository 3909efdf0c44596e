"""Jobs end once each, whatever happens to the processes that do them."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sampling.workers import ATTEMPTS, Event, Handler, run_jobs


def squares() -> Handler:
    """Reports the job, then squares it; negative ones raise."""

    def handle(job: int, report: Callable[[Any], None]) -> int:
        report(f"began {job}")
        if job < 0:
            raise ValueError(f"Job.value must be positive; got {job}.")
        return job * job

    return handle


def mortal(folder: Path) -> Handler:
    """Dies on "always" and, the first time, on "once"; counts its tries in files."""

    def handle(job: str, _: Callable[[Any], None]) -> int:
        with (folder / job).open("a") as file:
            file.write("x")
        tries = len((folder / job).read_text())
        if job == "always" or (job == "once" and tries == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        return tries

    return handle


def unable() -> Handler:
    """No worker can be set up."""
    raise ValueError("Setup.file must exist; got none.")


def ends(events: list[Event]) -> dict[int, tuple[str, Any]]:
    """Job to how it ended; every job ends once."""
    last = [(e.job, (e.kind, e.value)) for e in events if e.kind != "message"]
    assert len(last) == len(dict(last))
    return dict(last)


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
def test_every_job_ends_once_and_messages_come_before(workers: int) -> None:
    events = list(run_jobs(squares, (), [3, -1, 4], workers))
    assert ends(events) == {
        0: ("done", 9),
        1: ("failed", "Job.value must be positive; got -1."),
        2: ("done", 16),
    }
    for job, value in enumerate([3, -1, 4]):
        kinds = [(e.kind, e.value) for e in events if e.job == job]
        assert kinds[0] == ("message", f"began {value}")
        assert len(kinds) == 2


def test_a_worker_that_dies_costs_only_its_job(tmp_path: Path) -> None:
    jobs = ["a", "once", "b", "always", "c"]
    got = ends(list(run_jobs(mortal, (tmp_path,), jobs, 2)))
    assert [got[i] for i in (0, 2, 4)] == [("done", 1)] * 3
    assert got[1] == ("done", 2)
    assert got[3] == ("failed", f"worker died {ATTEMPTS} times, last exit code -9")
    assert len((tmp_path / "always").read_text()) == ATTEMPTS


def test_a_worker_that_cannot_be_set_up_says_why() -> None:
    got = ends(list(run_jobs(unable, (), [1, 2], 2)))
    assert set(got.values()) == {("failed", "Setup.file must exist; got none.")}


def test_workers_end_when_the_caller_stops_listening() -> None:
    events = run_jobs(pid_and_wait, (), [0, 60], 2)
    child = next(e.value for e in events if e.kind == "message" and e.job == 1)
    events.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def pid_and_wait() -> Handler:
    """Reports its process, then sleeps for as many seconds as the job says."""

    def handle(job: int, report: Callable[[Any], None]) -> None:
        report(os.getpid())
        time.sleep(job)

    return handle


def test_no_jobs_start_no_worker() -> None:
    assert list(run_jobs(unable, (), [], 2)) == []
