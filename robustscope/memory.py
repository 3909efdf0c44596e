"""How much memory a run holds: this process and its workers together, pages they share once."""

import os
import resource
import sys
import time
from pathlib import Path

PAUSE = 2.0
"""Seconds between two looks; a look takes milliseconds."""


class Peak:
    """The largest sum seen so far.

    Attributes:
        mb: Megabytes; at least this process's own peak.
    """

    def __init__(self) -> None:
        self.mb = 0
        self._next = 0.0

    def look(self) -> None:
        """Take the current sum into account, at most once per `PAUSE`."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + PAUSE
        unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
        pids = [os.getpid(), *below(os.getpid())]
        self.mb = max(self.mb, own, sum(map(proportional, pids)) // 1024)


def below(pid: int) -> list[int]:
    """Processes that a process has started, and those that they have; none where /proc is not."""
    try:
        direct = [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [*direct, *(p for child in direct for p in below(child))]


def proportional(pid: int) -> int:
    """KiB a process holds, its share of shared pages; 0 where Linux's /proc does not say."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
