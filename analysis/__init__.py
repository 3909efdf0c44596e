"""Statistics of robustness, figures and the report, from results files alone."""

from analysis.findings import Findings, examine
from analysis.pipeline import AnalysisSummary, analyze, draw_figures

__all__ = ["AnalysisSummary", "Findings", "analyze", "draw_figures", "examine"]
