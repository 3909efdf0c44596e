"""Runs jobs that may fail, hang or take their process down; it knows nothing of networks."""

from .contract import ATTEMPTS, HERE, Event, Execution, Handler, Setup
from .table import check_executor, run_jobs

__all__ = [
    "ATTEMPTS",
    "HERE",
    "Event",
    "Execution",
    "Handler",
    "Setup",
    "check_executor",
    "run_jobs",
]
