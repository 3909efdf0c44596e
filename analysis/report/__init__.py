"""report.html: the findings as one self-contained page."""

from analysis.report.page import render

__all__ = ["render"]
