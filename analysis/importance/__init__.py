"""Which choices account for how much of the variance between networks, and how sure that is."""

from analysis.importance.forest_table import forest_table
from analysis.importance.table import importance_table

__all__ = ["forest_table", "importance_table"]
