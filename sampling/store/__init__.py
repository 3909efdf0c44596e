"""What a campaign remembers: the journal while it runs, results.h5 when it is read."""

from .checks import StoreError
from .count_writer import CountedNetwork, write_counts
from .journal import Counts, Journal
from .records import (
    DONE,
    FAILED,
    NO_PREDICTION,
    PENDING,
    SMALLER_BATCH,
    Campaign,
    Condition,
    Network,
    Outcome,
    Row,
    SequenceOutcome,
    SequenceRecord,
    SetOutcome,
    SetRecord,
)
from .results import Results, open_results
from .verification import Verification, verify
from .writer import write_results

__all__ = [
    "DONE",
    "FAILED",
    "NO_PREDICTION",
    "PENDING",
    "SMALLER_BATCH",
    "Campaign",
    "Condition",
    "CountedNetwork",
    "Counts",
    "Journal",
    "Network",
    "Outcome",
    "Results",
    "Row",
    "SequenceOutcome",
    "SequenceRecord",
    "SetOutcome",
    "SetRecord",
    "StoreError",
    "Verification",
    "open_results",
    "verify",
    "write_counts",
    "write_results",
]
