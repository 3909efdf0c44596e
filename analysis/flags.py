"""Which numbers an alarm is raised for: reasons to distrust a robust accuracy, as a table of flags.

Numbers only; what the alarms mean and how they are told is in `trust`.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrics import Bits, Floats
from sampling.store import SMALLER_BATCH

RAISED = 0.05
"""Share of the attacked images above which an alarm counts as raised (ours)."""

LeaveOut = Literal["", "networks", "conditions"]
CHOICES: tuple[LeaveOut, ...] = ("networks", "conditions")
"""What may be left out where an alarm is raised."""

Rows = NDArray[np.intp]


def flagged(alarms: Mapping[str, Floats], shape: tuple[int, int]) -> Bits:
    """(N, M) whether any alarm is raised for a network under a condition.

    Args:
        alarms: Alarm name to (N, M) shares of the attacked images, NaN where it does not apply.
        shape: N and M, for files without alarms.
    """
    found = np.zeros(shape, np.bool_)
    for name, values in alarms.items():
        if name != SMALLER_BATCH:  # that changes the rounding, not what a number means
            found |= np.nan_to_num(values) > RAISED
    return found


def keep(flags: Bits, rows: Rows, families: "pd.Series[str]", what: LeaveOut) -> tuple[Rows, Rows]:
    """Which networks and which conditions stay when what is flagged is left out.

    A network goes when any of its numbers is flagged, a condition when any network's is. Conditions
    without noise stay: nothing could be compared without them.

    Args:
        flags: (N, M) of all networks of a file.
        rows: Networks in question, the evaluated ones.
        families: (M,) family of every condition.
        what: "networks" or "conditions"; "" keeps everything.
    """
    columns = np.arange(flags.shape[1])
    own = flags[rows]
    if what == "networks":
        rows = rows[~own.any(axis=1)]
    elif what == "conditions":
        columns = columns[~own.any(axis=0) | (families == "clean").to_numpy()]
    return rows, columns
