"""Names, units and file names as readers see them."""

import hashlib
import re
from collections.abc import Sequence

from analysis.outcomes import Outcome
from analysis.regressions import DESIGN_FACTORS
from analysis.study import Group
from nas_space.costs import COSTS

LONGEST = 80  # characters of a label in a file name; file systems take 255 bytes
_MILLIONS = ("macs", "parameters", "activations")


def slug(label: str) -> str:
    """A file name for any label: letters, digits, dot, minus and underscore.

    A long one ends in a digest of the label, so that no two are cut to one name.
    """
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", label).strip("._") or "unnamed"
    if len(name) <= LONGEST:
        return name
    return f"{name[:LONGEST]}_{hashlib.sha256(label.encode('utf-8', 'replace')).hexdigest()[:8]}"


def factor_order(names: Sequence[str]) -> list[str]:
    """Design factors, then costs, then the factors per stage, stage by stage within a gene."""
    first = [*DESIGN_FACTORS, *COSTS]
    genes = {name: place for place, name in enumerate(first)}

    def key(name: str) -> tuple[int, int, str]:
        whole, _, stage = name.partition("_stage")
        place = genes.get(whole, len(first))
        return (place + (len(first) + 1) * bool(stage), int(stage) if stage.isdigit() else 0, name)

    return sorted(names, key=key)


def factor_scale(name: str) -> float:
    """What to divide a factor by for display: a million for MACs and the like."""
    return 1e6 if name in _MILLIONS else 1.0


def factor_label(name: str, unit: str) -> str:
    """Axis label of a factor, with its unit."""
    if name in _MILLIONS:
        return "MACs (millions)" if name == "macs" else f"{name} (millions)"
    short = unit.split(",")[0].removesuffix(" of the network's input")
    return f"{name} ({short})" if short and short != "1" else name


def outcome_label(outcome: Outcome) -> str:
    """Short name of an outcome with its unit."""
    name = outcome.name.replace("natural_", "natural: ").replace("system_nsd", "system NSD")
    return f"{name} (points)" if outcome.kind == "deviation" else f"{name} (%)"


def size_of(group: Group) -> str:
    """How many networks and design units a group holds, in words."""
    return f"{len(group.rows):,} networks, {group.n_units:,} design units"
