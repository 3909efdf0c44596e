"""Whatever goes wrong, nothing is lost and nothing differs in silence: counted, not timed.

`python -m benchmarks.faults` does some 500 trials in half an hour, with `--quick` a tenth. Each
does something bad to a campaign (`benchmarks.fault_driver`: the journal, the workers and the
results of `robustscope run`, with networks that answer at random), then gives the command again
and, where it is refused, repairs first. Afterwards every outcome that was reported as recorded must
be there, and the results must have the content hash of the undisturbed campaign.
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.fault_driver import NETWORKS
from benchmarks.fuzz import cut, flip
from benchmarks.table import RESULTS as FOLDER
from robustscope.job import JOURNAL, RESULTS
from robustscope.repair import repair
from sampling.store import Journal, verify

SEED = 0
LIMIT = 120.0
"""Seconds that a driver may take."""

Trial = Callable[["Bench", Path, np.random.Generator], "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """What one trial showed.

    Attributes:
        lost: Outcomes that were reported and are not there, though nothing said so.
        differs: Whether the results differ from the undisturbed ones in silence.
        clear: Whether something was refused in one clear line.
        repaired: Outcomes that a repair could not bring back and that were evaluated again.
    """

    lost: int = 0
    differs: bool = False
    clear: bool = False
    repaired: int = 0


@dataclass(frozen=True)
class Ended:
    """How a driver ended.

    Attributes:
        code: Its exit code, negative when it was killed.
        recorded: Outcomes that it said it had recorded.
        content: Content hash of its results, "" without.
        error: Its lines on standard error.
    """

    code: int
    recorded: int
    content: str
    error: str


class Driver:
    """A driver at work."""

    def __init__(self, folder: Path, fault: str = "", limit: int = 0, wait: bool = True) -> None:
        def limits() -> None:
            if limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.fault_driver", str(folder), fault],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limits,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert self.process.stdout is not None
        if wait:
            self.process.stdout.readline()  # "ready"

    def workers(self) -> list[int]:
        """Process ids of its children that evaluate."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        with contextlib.suppress(OSError):
            found = [int(pid) for pid in children.read_text().split()]
            return [pid for pid in found if b"spawn_main" in _command(pid)]
        return []

    def end(self) -> Ended:
        """Waits for it."""
        try:
            out, error = self.process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, error = self.process.communicate()
            error += "did not end"
        lines = [line.split() for line in out.splitlines()]
        recorded = [int(n) for kind, n in (x for x in lines if len(x) == 2) if kind == "done"]
        content = next((x[1] for x in lines if x and x[0] == "content"), "")
        return Ended(self.process.returncode, max(recorded, default=0), content, error.strip())


def _command(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


class Bench:
    """What trials are compared with.

    Attributes:
        content: Content hash of the undisturbed campaign.
        seconds: That it took, from the moment the driver was ready.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        driver, begin = Driver(folder), time.perf_counter()
        self.content = driver.end().content
        self.seconds = time.perf_counter() - begin
        assert len(self.content) == 64

    def done(self, folder: Path) -> int:
        """Outcomes in the journal; 0 when there is none or it is refused."""
        try:
            with Journal.view(folder / JOURNAL) as journal:
                return journal.counts().done
        except ValueError:
            return 0

    def finish(self, folder: Path, told: Outcome) -> Outcome:
        """Gives the command again, after a repair where it is refused, and compares."""
        ended = Driver(folder).end()
        if ended.code == 2:
            told = replace(told, clear=_clear(ended.error))
            told = replace(told, repaired=told.repaired + self._repair(folder))
            ended = Driver(folder).end()
        return replace(told, differs=ended.content != self.content)

    def _repair(self, folder: Path) -> int:
        """How many outcomes could not be brought back; a journal without settings is given up."""
        try:
            repair(folder)
        except ValueError:
            for path in folder.glob(f"{JOURNAL}*"):
                path.unlink()
            return NETWORKS
        return NETWORKS - self.done(folder)


def _clear(error: str) -> bool:
    return len(error.splitlines()) == 1 and "Traceback" not in error


def stop(signals: tuple[int, ...], of_worker: bool) -> Trial:
    """A signal to the driver or to one of its workers at a random moment."""

    def trial(bench: Bench, folder: Path, rng: np.random.Generator) -> Outcome:
        driver = Driver(folder)
        time.sleep(rng.uniform(0, 1.1 * bench.seconds))
        victims = driver.workers() if of_worker else [driver.process.pid]
        for victim in victims[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signals[int(rng.integers(len(signals)))])
        ended = driver.end()
        if of_worker:
            return bench.finish(folder, Outcome(lost=NETWORKS - bench.done(folder)))
        polite = -signal.SIGKILL not in (-s for s in signals)
        bad = polite and (ended.code not in (0, 130) or "Traceback" in ended.error)
        lost = (
            max(0, ended.recorded - max(0, bench.done(folder)))
            if (folder / JOURNAL).exists()
            else ended.recorded
        )
        return bench.finish(folder, Outcome(lost=lost, differs=bad))

    return trial


def full_disk(bench: Bench, folder: Path, rng: np.random.Generator) -> Outcome:
    """No file can grow beyond a random size; then it can."""
    ended = Driver(folder, limit=int(rng.integers(4096, 400_000))).end()
    there = bench.done(folder)
    told = Outcome(
        lost=max(0, ended.recorded - there),
        clear=ended.code == 2 and _clear(ended.error),
        differs=ended.code not in (0, 2),
    )
    again = bench.finish(folder, told)
    return replace(again, differs=again.differs or told.differs)


def damaged(name: str, mutation: Callable[[bytearray, np.random.Generator], bytearray]) -> Trial:
    """The journal of a campaign that was killed, or the results of a finished one, damaged."""

    def trial(bench: Bench, folder: Path, rng: np.random.Generator) -> Outcome:
        driver = Driver(folder)
        if name == JOURNAL:
            time.sleep(rng.uniform(0.3, 0.9) * bench.seconds)
            driver.process.kill()
        driver.end()
        path = folder / name
        if not path.exists():
            return bench.finish(folder, Outcome())
        path.write_bytes(mutation(bytearray(path.read_bytes()), rng))
        if name == JOURNAL:
            return bench.finish(folder, Outcome())
        clear = not verify(path).ok
        repair(folder)
        found = verify(path)
        return Outcome(clear=clear, differs=not found.ok or found.stored_hash != bench.content)

    return trial


def two_drivers(bench: Bench, folder: Path, rng: np.random.Generator) -> Outcome:
    """Two drivers on one folder: one is refused, the other does all."""
    first = Driver(folder, wait=False)  # both take seconds to start
    time.sleep(rng.uniform(0, 0.5 * bench.seconds))
    ended = [driver.end() for driver in (Driver(folder), first)]
    refused = [e for e in ended if e.code == 2]
    whole = [e for e in ended if e.content == bench.content]
    clear = len(refused) == 1 and _clear(refused[0].error) and "in use" in refused[0].error
    # both may end well when the first was done before the second began
    return Outcome(clear=clear, differs=len(whole) + clear != 2)


def fault(name: str) -> Trial:
    """A driver that does something to itself."""

    def trial(bench: Bench, folder: Path, _: np.random.Generator) -> Outcome:
        ended = Driver(folder, name).end()
        there = bench.done(folder)
        if name != "nan":
            return Outcome(lost=NETWORKS - there, differs=ended.content != bench.content)
        with Journal.view(folder / JOURNAL) as journal:
            failures = journal.failures()
            retried = journal.counts().failed
        clear = len(failures) == retried == 3 and all(
            "must be finite" in why for _, why in failures
        )
        return Outcome(lost=NETWORKS - 3 - there, clear=clear, differs=not clear)

    return trial


TRIALS: dict[str, tuple[Trial, int]] = {
    "kill_driver": (stop((signal.SIGKILL,), of_worker=False), 120),
    "kill_worker": (stop((signal.SIGKILL,), of_worker=True), 80),
    "sigint": (stop((signal.SIGINT,), of_worker=False), 25),
    "sigterm": (stop((signal.SIGTERM,), of_worker=False), 25),
    "disk_full": (full_disk, 30),
    "journal_truncated": (damaged(JOURNAL, cut), 50),
    "journal_flipped": (damaged(JOURNAL, flip), 50),
    "results_truncated": (damaged(RESULTS, cut), 50),
    "results_flipped": (damaged(RESULTS, flip), 50),
    "two_drivers": (two_drivers, 20),
    "clock_set_back": (fault("clock"), 10),
    "network_gives_nan": (fault("nan"), 10),
    "worker_hangs": (fault("hang"), 10),
}
"""Kind of trial to what is done and how often."""


def row(case: str, trials: int, bench: Bench, place: Path) -> dict[str, str | int]:
    """Counts over the trials of one kind; the folders of bad ones stay."""
    rng = np.random.default_rng([SEED, *case.encode()])
    found = []
    for number in range(trials):
        folder = place / f"{case}_{number}"
        folder.mkdir()
        told = TRIALS[case][0](bench, folder, rng)
        found.append(told)
        if not (told.lost or told.differs):
            shutil.rmtree(folder)
    return {
        "case": case,
        "trials": trials,
        "lost": sum(t.lost for t in found),
        "silent_differences": sum(t.differs for t in found),
        "clear_errors": sum(t.clear for t in found),
        "evaluated_again_after_damage": sum(t.repaired for t in found),
    }


def main() -> None:
    """Run every kind of trial and publish the counts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the trials")
    parser.add_argument("--only", default="", help="kinds whose names begin with this")
    parser.add_argument("--keep", type=Path, help="folder for what went wrong")
    given = parser.parse_args()
    path = FOLDER / "faults.json"
    known = json.loads(path.read_text()) if path.exists() else []
    rows = {told["case"]: told for told in known}  # kinds not tried now stay as they were
    with tempfile.TemporaryDirectory() as name:
        place = given.keep or Path(name)
        bench = Bench(place / "undisturbed")
        for case, (_, trials) in TRIALS.items():
            if case.startswith(given.only):
                count = max(2, trials // 10) if given.quick else trials
                rows[case] = row(case, count, bench, place)
                print(json.dumps(rows[case]), flush=True)
                if not given.quick:
                    told = [rows[kind] for kind in TRIALS if kind in rows]
                    path.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
