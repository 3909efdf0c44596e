"""Correlations of factors with noises, and of noises with each other, over networks."""

from analysis.correlations.discovery import false_discovery
from analysis.correlations.usable import NOT_A_FACTOR, unusable_factors

__all__ = ["NOT_A_FACTOR", "false_discovery", "unusable_factors"]
