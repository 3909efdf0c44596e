"""Jobs end once each, whatever happens to the processes that do them."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sampling.executors import ATTEMPTS, HERE, Event, Execution, Handler, check_executor, run_jobs
from sampling.executors.processes import death


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
        tries = tried(folder, job)
        if job == "always" or (job == "once" and tries == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if job == "stops" and tries == 1:
            os.kill(os.getpid(), signal.SIGSTOP)  # SIGTERM does not end it
        if job == "sleeps":
            time.sleep(600)
        return tries

    return handle


def tried(folder: Path, job: str) -> int:
    """Which try at the job this is, from 1."""
    with (folder / job).open("a") as file:
        file.write("x")
    return len((folder / job).read_text())


def greedy(folder: Path) -> Handler:
    """Runs out of memory at "always" and, the first time, at "once"."""

    def handle(job: str, _: Callable[[Any], None]) -> int:
        tries = tried(folder, job)
        if job == "always" or tries == 1:
            bytearray(1 << 60)
        return tries

    return handle


def test_a_job_that_runs_out_of_memory_is_tried_again_in_a_new_worker(tmp_path: Path) -> None:
    got = ends(list(run_jobs(greedy, (tmp_path,), ["once", "always"], Execution(1))))
    assert got[0] == ("done", 2)
    assert got[1] == ("failed", "worker ran out of memory (MemoryError), 3 attempts")


def unable(folder: Path | None = None, ups: int = 0) -> Handler:
    """Only the first `ups` workers can be set up."""
    if folder is not None and tried(folder, "setup") <= ups:
        return mortal(folder)
    raise ValueError("Setup.file must exist; got none.")


def ends(events: list[Event]) -> dict[int, tuple[str, Any]]:
    """Job to how it ended; every job ends once."""
    last = [(e.job, (e.kind, e.value)) for e in events if e.kind != "message"]
    assert len(last) == len(dict(last))
    return dict(last)


def check_squares(events: list[Event]) -> None:
    """Of the jobs 3, -1 and 4."""
    assert ends(events) == {
        0: ("done", 9),
        1: ("failed", "Job.value must be positive; got -1."),
        2: ("done", 16),
    }
    for job, value in enumerate([3, -1, 4]):
        kinds = [(e.kind, e.value) for e in events if e.job == job]
        assert kinds[0] == ("message", f"began {value}")
        assert len(kinds) == 2


@pytest.mark.parametrize("how", [HERE, Execution(7, "here"), *map(Execution, (1, 2, 5))], ids=str)
def test_every_job_ends_once_and_messages_come_before(how: Execution) -> None:
    check_squares(list(run_jobs(squares, (), [3, -1, 4], how)))


def test_a_worker_that_dies_costs_only_its_job(tmp_path: Path) -> None:
    jobs = ["a", "once", "b", "always", "c"]
    got = ends(list(run_jobs(mortal, (tmp_path,), jobs, Execution(2))))
    assert [got[i] for i in (0, 2, 4)] == [("done", 1)] * 3
    assert got[1] == ("done", 2)
    why = f"worker was killed by signal 9 (out of memory?), {ATTEMPTS} attempts"
    assert got[3] == ("failed", why)
    assert len((tmp_path / "always").read_text()) == ATTEMPTS


@pytest.mark.slow
def test_a_worker_that_gives_no_sign_is_killed_and_its_job_tried_again(tmp_path: Path) -> None:
    how = Execution(2, patience=8.0)
    got = ends(list(run_jobs(mortal, (tmp_path,), ["sleeps", "stops", "a"], how)))
    assert got[0] == ("failed", "worker gave no sign for 8 s, 3 attempts")
    assert got[1] == ("done", 2)
    assert got[2] == ("done", 1)
    assert len((tmp_path / "sleeps").read_text()) == ATTEMPTS


def talkative() -> Handler:
    """Works for longer than the patience, and says so."""

    def handle(seconds: float, report: Callable[[Any], None]) -> float:
        begin = time.monotonic()
        while time.monotonic() < begin + seconds:
            report(time.monotonic() - begin)
            time.sleep(0.1)
        return seconds

    return handle


@pytest.mark.slow
def test_a_long_job_that_sends_messages_is_left_alone() -> None:
    got = ends(list(run_jobs(talkative, (), [16.0], Execution(1, patience=8.0))))
    assert got == {0: ("done", 16.0)}


def asleep(folder: Path) -> Handler:
    """The first worker sleeps while it is set up, the next one squares."""
    if tried(folder, "setup") == 1:
        time.sleep(600)
    return squares()


def test_a_worker_that_hangs_while_starting_is_replaced(tmp_path: Path) -> None:
    how = Execution(1, patience=8.0)
    assert ends(list(run_jobs(asleep, (tmp_path,), [2], how))) == {0: ("done", 4)}


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_workers_that_cannot_be_set_up_fail_no_job(workers: int) -> None:
    with pytest.raises(ValueError, match=r"Setup\.file must exist; got none\."):
        list(run_jobs(unable, (), [1, 2, 3, 4], Execution(workers)))


def test_what_was_done_comes_before_workers_fail_to_start(tmp_path: Path) -> None:
    events = run_jobs(unable, (tmp_path, 1), ["a", "b", "once", "c"], Execution(1))
    got = [next(events), next(events)]
    with pytest.raises(ValueError, match=f"got {ATTEMPTS} in a row that did not: Setup"):
        list(events)
    assert ends(got) == {0: ("done", 1), 1: ("done", 1)}


def test_workers_end_when_the_caller_stops_listening() -> None:
    events = run_jobs(pid_and_wait, (), [0, 60], Execution(2))
    child = next(e.value for e in events if e.kind == "message" and e.job == 1)
    events.close()  # type: ignore[attr-defined]
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def pid_and_wait() -> Handler:
    """Reports its process, then sleeps for as many seconds as the job says."""

    def handle(job: int, report: Callable[[Any], None]) -> None:
        report(os.getpid())
        time.sleep(job)

    return handle


def test_no_jobs_start_no_worker() -> None:
    assert list(run_jobs(unable, (), [], Execution(2))) == []


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (-9, "was killed by signal 9 (out of memory?)"),
        (-11, "was killed by signal 11"),
        (3, "ended with exit code 3"),
    ],
)
def test_a_death_is_told_by_its_exit_code(code: int, text: str) -> None:
    assert death(code) == text


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (Execution(1, "slurm"), r"Execution\.executor must be one of processes, ray, here; got 's"),
        (Execution(1, patience=0.0), r"Execution\.patience must be seconds above 0; got 0\."),
        (Execution(1, patience=float("nan")), r"Execution\.patience .*; got nan\."),
        (Execution(1, address="a:1"), r"Execution\.address must be left out .* processes; got 'a:"),
        (Execution(0, "ray"), r"Execution\.workers must be at least 1 with .* ray; got 0\."),
        (Execution(1, "ray", address="ray://a:1"), r"Execution\.address must be HOST:PORT; got 'r"),
        (Execution(1, "ray", address="a:b"), r"Execution\.address must be HOST:PORT; got 'a:b'"),
    ],
)
def test_executions_that_make_no_sense_are_refused(how: Execution, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_executor(how)


def test_without_ray_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r'pip install "robustscope\[ray\]"'):
        list(run_jobs(squares, (), [1], Execution(1, "ray")))
