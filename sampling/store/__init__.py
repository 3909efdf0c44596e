"""What a campaign remembers: the journal while it runs, results.h5 when it is read."""

from .checks import StoreError
from .journal import Counts, Journal
from .records import DONE, FAILED, PENDING, Campaign, Condition, Network, Outcome, Row
from .results import Results, open_results
from .verification import Verification, verify
from .writer import write_results

__all__ = [
    "DONE",
    "FAILED",
    "PENDING",
    "Campaign",
    "Condition",
    "Counts",
    "Journal",
    "Network",
    "Outcome",
    "Results",
    "Row",
    "StoreError",
    "Verification",
    "open_results",
    "verify",
    "write_results",
]
