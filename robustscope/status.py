"""How far a run is, seen from another terminal or after it was stopped."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from robustscope.job import JOURNAL, RECORD, earlier_seconds, is_held
from robustscope.settings import FILE
from sampling.store import Journal
from sampling.store.growth import ASKED

SHOWN = 5
"""Failures that are told in words."""


@dataclass(frozen=True)
class Status:
    """How far a run is.

    Attributes:
        folder: Of the run.
        working: Whether a process works on it; None where that cannot be seen.
        finished: Whether its report was written.
        networks: How many there are in all; 0 while it still trains.
        done: Evaluated.
        failed: Given up.
        pending: Still to do.
        asked: Networks whose attack goes on in this round of a sequential evaluation.
        workers: Processes that evaluate, as last known.
        seconds_per_network: Mean of those done, of one process; NaN when there is none.
        failures: First networks that failed, with the reasons.
        seconds: Stage to seconds spent.
    """

    folder: str
    working: bool | None
    finished: bool
    networks: int
    done: int
    failed: int
    pending: int
    asked: int
    workers: int
    seconds_per_network: float
    failures: tuple[tuple[str, str], ...]
    seconds: dict[str, float]

    @property
    def per_hour(self) -> float:
        """Networks that are evaluated in an hour."""
        return 3600 * max(1, self.workers) / self.seconds_per_network

    @property
    def seconds_left(self) -> float:
        """Of the evaluation, at this rate."""
        return 3600 * self.pending / self.per_hour


def status(folder: Path) -> Status:
    """How far the run in a folder is; nothing is changed, and no run is disturbed.

    Raises:
        ValueError: The folder holds no run.
    """
    if not (folder / FILE).is_file() and not (folder / JOURNAL).is_file():
        raise ValueError(f"status.run must be the folder of a run; got {folder}. Correct the path.")
    record = _record(folder)
    counts, seconds, workers, failures = (0, 0, 0, 0), float("nan"), 1, []
    asked = 0
    if (folder / JOURNAL).is_file():
        with Journal.view(folder / JOURNAL) as journal:
            found = journal.counts()
            counts = found.total, found.done, found.failed, found.pending
            seconds = journal.seconds() / found.done if found.done else seconds
            workers = int(journal.read("workers") or 1)
            failures = journal.failures()[:SHOWN]
            asked = len(json.loads(journal.read(ASKED) or "{}"))
    return Status(
        str(folder),
        is_held(folder),
        record.get("finished") is True,
        *counts,
        asked=asked,
        workers=workers,
        seconds_per_network=seconds,
        failures=tuple(failures),
        seconds=earlier_seconds(folder),
    )


def _record(folder: Path) -> dict[str, Any]:
    try:
        record = json.loads((folder / RECORD).read_text())
        return record if isinstance(record, dict) else {}
    except (OSError, ValueError, RecursionError):
        return {}


def as_json(found: Status) -> str:
    """For programs; what is not known is null."""
    known = found.done > 0
    data = asdict(found) | {
        "seconds_per_network": found.seconds_per_network if known else None,
        "networks_per_hour": found.per_hour if known else None,
        "seconds_left": found.seconds_left if known else None,
    }
    return json.dumps(data, indent=1)


def as_text(found: Status) -> str:
    """For people."""
    working = {True: "a process works on it", False: "no process works on it", None: ""}
    state = "finished" if found.finished else "not finished"
    lines = [f"{found.folder}: {state}" + (f", {said}" if (said := working[found.working]) else "")]
    if found.networks:
        lines.append(
            f"{found.done} of {found.networks} networks evaluated, {found.failed} failed, "
            f"{found.pending} to do"
        )
    else:
        lines.append("no networks yet: it trains, or makes its images")
    if found.done:
        processes = f"{found.workers} process{'es' if found.workers > 1 else ''}"
        lines.append(
            f"{found.seconds_per_network:.2f} s per network; {found.per_hour:,.0f} per hour with "
            f"{processes}"
            + (f"; {duration(found.seconds_left)} left to evaluate" if found.pending else "")
        )
    if found.asked and not found.finished:
        lines.append(f"{found.asked} of them are attacked on further images in this round")
    if found.seconds:
        spent = ", ".join(f"{n} {duration(s)}" for n, s in found.seconds.items() if n != "total")
        lines.append(f"spent: {spent}")
    lines += [f"failed: {key}: {' '.join(reason.split())}" for key, reason in found.failures]
    if found.failed > len(found.failures):
        lines.append(f"and {found.failed - len(found.failures)} more")
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """For instance 1 h 02 min, 3 min 20 s or 12 s."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"
