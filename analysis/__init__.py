"""Statistics of robustness, figures and the report, from results files alone."""

from analysis.findings import Findings, examine
from analysis.pipeline import (
    AnalysisSummary,
    analyze,
    write_figures,
    write_report,
    write_tables,
)

__all__ = [
    "AnalysisSummary",
    "Findings",
    "analyze",
    "examine",
    "write_figures",
    "write_report",
    "write_tables",
]
