"""What changing one gene does, and two together, all else equal."""

from analysis.pairs.agreement import agreement_table
from analysis.pairs.interactions import interactions_table
from analysis.pairs.table import pairs_table

__all__ = ["agreement_table", "interactions_table", "pairs_table"]
