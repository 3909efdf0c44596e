"""How long a worker may give no sign."""

import bisect

LEAST = 600.0
"""Seconds that are always granted, unless the user says otherwise."""

TIMES = 20
"""Times the median job that is granted, where that is more."""


class Patience:
    """The limit in seconds, which grows with the jobs that were done.

    Args:
        seconds: A fixed limit; None grants the larger of `LEAST` and `TIMES` the median job.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._fixed = seconds
        self._seconds: list[float] = []

    def note(self, seconds: float) -> None:
        """Take into account how long a job took."""
        bisect.insort(self._seconds, seconds)

    @property
    def limit(self) -> float:
        """Seconds a worker may give no sign."""
        if self._fixed is not None:
            return self._fixed
        median = self._seconds[len(self._seconds) // 2] if self._seconds else 0.0
        return max(LEAST, TIMES * median)
