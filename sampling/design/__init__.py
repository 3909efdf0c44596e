"""Which networks are evaluated: designs, each reproducible from a seed."""

from sampling.design.table import DEFAULT, DESIGNS, draw, find_design
from sampling.design.urn import Design, Draw, Urn

__all__ = ["DEFAULT", "DESIGNS", "Design", "Draw", "Urn", "draw", "find_design"]
