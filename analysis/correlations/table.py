"""correlations.csv and tradeoffs.csv: factors with noises, and noises with each other.

What is estimated, and what the intervals cover, is said in `intervals.py`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.bootstrap import MIN_UNITS
from analysis.correlations.cells import (
    COUNTS,
    DEVIATION,
    Cells,
    empty,
    fill,
    frame,
    settle,
)
from analysis.correlations.discovery import Control, false_discovery
from analysis.correlations.intervals import Related, correlate
from analysis.correlations.judged import Judged, Measure, study_measures
from analysis.correlations.kendall import kendall
from analysis.correlations.lists import lists_of
from analysis.correlations.sample import Sample
from analysis.correlations.usable import copies, unusable_factors
from analysis.study import Group, Study

DRAWS = 1000
SEED = 2109  # of the bootstrap draws

TOO_FEW = f"fewer than {MIN_UNITS} independent design units"
TOO_FEW_IMAGES = f"fewer than {MIN_UNITS} images"
CONSTANT = "the outcome is the same for every network"
SELF = "is what is held"
FACTOR_METHODS = ("pearson", "spearman", "kendall")
BETWEEN_METHODS = ("pearson", "spearman")

COLUMNS = [
    *("supernet", "factor", "outcome", "level", "family", "severity", "method", "given"),
    *("estimate", "low", "high", "p", "true", "true_low", "true_high", "reliability"),
    *("se_networks", "se_images", "n", "units", "images", "conditional_on", "reason"),
    "true_reason",
]
BETWEEN = [
    "other" if c == "factor" else c for c in COLUMNS if c not in ("level", "family", "severity")
]


@dataclass(frozen=True)
class CorrelationTables:
    """Long tables, one row per correlation; q is adjusted over the whole of each table.

    `estimate`, `low` and `high` are of the accuracies as measured, `true` with its limits of those
    free of luck with the images. `given` names what is held: nothing, macs or clean accuracy; p
    then tests the true correlation. Without a number, `reason` or `true_reason` says why.

    Attributes:
        factors: Factors by outcomes, single noises and single severities (`level`).
        between: Pairs of outcomes and single noises.
    """

    factors: pd.DataFrame
    between: pd.DataFrame


@dataclass(frozen=True)
class _Asked:
    """What is asked of one list of networks.

    Attributes:
        group: The list.
        measures: O of them.
        judged: Their accuracies of the n networks.
        factors: (n, F).
        unusable: Factors that cannot be related to anything, with the reason.
        live: Measures that differ between networks.
    """

    group: Group
    measures: list[Measure]
    judged: Judged
    factors: pd.DataFrame
    unusable: dict[str, str]
    live: list[int]

    @property
    def usable(self) -> list[str]:
        """Factors that can be related to something."""
        return [name for name in map(str, self.factors.columns) if name not in self.unusable]

    @property
    def between(self) -> list[int]:
        """Measures that are related to each other: outcomes and single noises."""
        return [o for o, m in enumerate(self.measures) if m.level != "severity"]

    @property
    def names(self) -> list[str]:
        """Of the measures."""
        return [m.outcome.name for m in self.measures]

    @property
    def held(self) -> list[str]:
        """What can be held, nothing first."""
        live = [self.names[o] for o in self.live]
        return ["", *(["macs"] * ("macs" in self.usable)), *(["clean"] * ("clean" in live))]

    @property
    def impossible(self) -> str:
        """Why nothing can be related to anything, "" if it can."""
        if self.group.n_units < MIN_UNITS:
            return TOO_FEW
        groups = self.judged.groups[self.live]
        if self.judged.sizes.shape[1] and len(groups) and groups.min() < MIN_UNITS:
            return TOO_FEW_IMAGES
        return ""


def correlation_tables(
    study: Study, draws: int = DRAWS, seed: int = SEED, control: Control = "bh"
) -> CorrelationTables:
    """Correlations of factors with outcomes and noises, and among these, for every supernet.

    Args:
        study: The networks; of a table of counts, images are taken as given.
        draws: Of the bootstrap.
        seed: Of the draws and split halves.
        control: How p values are adjusted.
    """
    measures, judged, absent = study_measures(study)
    factors, between = [], []
    for position, group in enumerate(lists_of(study)):
        table = study.factors.iloc[group.rows]
        unusable = unusable_factors(table)
        unusable |= copies(table[[n for n in map(str, table.columns) if n not in unusable]])
        own = judged.take(group.rows)
        live = [o for o, values in enumerate(own.value) if np.ptp(values) > 1e-10]
        asked = _Asked(group, measures, own, table, unusable, live)
        found = _relate(asked, draws, (seed, position))
        factors += [_factor_frame(asked, found), _absent_frame(asked, absent)]
        between.append(_between_frame(asked, found))
    return CorrelationTables(_finish(factors, COLUMNS, control), _finish(between, BETWEEN, control))


def _relate(asked: _Asked, draws: int, seed: tuple[int, ...]) -> dict[str, list[Related]]:
    """Per method the correlations of live measures with usable factors, and among measures."""
    live, usable = asked.live, asked.usable
    if asked.impossible or not live:
        return {}
    among = [k for k, o in enumerate(live) if o in asked.between]
    names, known = [asked.names[o] for o in live], np.arange(len(asked.factors))
    sample = Sample(
        factors=asked.factors[usable].to_numpy(dtype=float).T.reshape(len(usable), len(known)),
        judged=asked.judged.take(known, live),
        units=asked.group.units,
        among=among,
        macs=usable.index("macs") if "macs" in usable else -1,
        clean=among.index(names.index("clean")) if "clean" in names else -1,
    )
    found = {method: list(made) for method, made in correlate(sample, draws, seed).items()}
    return {**found, "kendall": [kendall(sample, found["spearman"][0])]}


def _ways(asked: _Asked, methods: tuple[str, ...]) -> list[tuple[str, str]]:
    """Methods, each with what is held; Kendall's tau with nothing."""
    return [(m, g) for m in methods for g in asked.held if not (m == "kendall" and g)]


def _factor_frame(asked: _Asked, found: dict[str, list[Related]]) -> pd.DataFrame:
    """Rows of measures by factors."""
    names, ways = list(map(str, asked.factors.columns)), _ways(asked, FACTOR_METHODS)
    everything = list(range(len(asked.measures)))
    cells = empty((len(everything), len(names), len(ways)))
    places = np.array(asked.live, int), np.array([names.index(n) for n in asked.usable], int)
    for way, (method, given) in enumerate(ways):
        if found:
            fill(cells, way, places, (found[method][0], asked.held.index(given)))
    rows = [_measure_reasons(asked, o, ways) for o in everything]
    columns = [_factor_reasons(asked, name, ways) for name in names]
    _explain(asked, cells, columns, rows)
    _no_mean(asked, cells, everything)
    settle(cells)
    return _framed(asked, cells, ways, everything, ("factor", names))


def _between_frame(asked: _Asked, found: dict[str, list[Related]]) -> pd.DataFrame:
    """Rows of pairs of measures, each pair once."""
    chosen, ways = asked.between, _ways(asked, BETWEEN_METHODS)
    cells = empty((len(chosen), len(chosen), len(ways)))
    places = (np.array([k for k, o in enumerate(chosen) if o in asked.live], int),) * 2
    for way, (method, given) in enumerate(ways):
        if found:
            fill(cells, way, places, (found[method][1], asked.held.index(given)))
    reasons = [_measure_reasons(asked, o, ways) for o in chosen]
    _explain(asked, cells, reasons, reasons)
    _no_mean(asked, cells, chosen)
    settle(cells)
    made = _framed(asked, cells, ways, chosen, ("other", [asked.names[o] for o in chosen]))
    first, second = np.triu_indices(len(chosen), 1)
    shown = (first * len(chosen) + second)[:, None] * len(ways) + np.arange(len(ways))
    pairs: pd.DataFrame = made.iloc[shown.ravel()]
    return pairs


def _measure_reasons(asked: _Asked, o: int, ways: list[tuple[str, str]]) -> list[str]:
    """Per way, why a measure cannot be related to anything, "" if it can."""
    if o not in asked.live:
        return [CONSTANT] * len(ways)
    return [f"clean {SELF}" * (asked.names[o] == given == "clean") for _, given in ways]


def _factor_reasons(asked: _Asked, name: str, ways: list[tuple[str, str]]) -> list[str]:
    """Per way, why a factor cannot be related to anything, "" if it can."""
    if name in asked.unusable:
        return [asked.unusable[name]] * len(ways)
    return [f"macs {SELF}" * (name == given == "macs") for _, given in ways]


def _explain(asked: _Asked, cells: Cells, columns: list[list[str]], rows: list[list[str]]) -> None:
    """Write the reasons of columns, else of rows, else of the whole list into the cells."""
    by_row, by_column = np.array(rows, object)[:, None], np.array(columns, object)[None]
    cells.reason[:] = asked.impossible
    cells.reason[:] = np.where(by_row != "", by_row, cells.reason)
    cells.reason[:] = np.where(by_column != "", by_column, cells.reason)


def _no_mean(asked: _Asked, cells: Cells, measures: list[int]) -> None:
    """Say of which measures no true correlation is known."""
    for row, o in enumerate(measures):
        deviation = asked.measures[o].outcome.kind == "deviation"
        why = COUNTS if not asked.judged.sizes.shape[1] else DEVIATION if deviation else ""
        if why:
            cells.true_reason[row] = why
            if cells.reason.shape[0] == cells.reason.shape[1]:
                cells.true_reason[:, row] = why


def _framed(
    asked: _Asked,
    cells: Cells,
    ways: list[tuple[str, str]],
    measures: list[int],
    other: tuple[str, list[str]],
) -> pd.DataFrame:
    """The cells as rows, with what they say and of what."""
    chosen = [asked.measures[o] for o in measures]
    axes: dict[str, tuple[int, list[object]]] = {
        "outcome": (0, [m.outcome.name for m in chosen]),
        "level": (0, [m.level for m in chosen]),
        "family": (0, [m.outcome.family for m in chosen]),
        "severity": (0, [m.severity for m in chosen]),
        "images": (0, [asked.judged.images[o] for o in measures]),
        other[0]: (1, list(other[1])),
        "method": (2, [method for method, _ in ways]),
        "given": (2, [given for _, given in ways]),
    }
    return _of_list(asked, frame(cells, axes))


def _of_list(asked: _Asked, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with what they share."""
    group = asked.group
    return rows.assign(
        supernet=group.label,
        n=len(group.rows),
        units=group.n_units,
        conditional_on=group.conditional_on,
    )


def _absent_frame(asked: _Asked, absent: dict[str, str]) -> pd.DataFrame:
    """A row per noise that could not be scored, with the reason."""
    rows = pd.DataFrame({"outcome": list(absent), "reason": list(absent.values())}, dtype=object)
    return _of_list(asked, rows.assign(factor="", method="", given="", true_reason=""))


def _finish(parts: list[pd.DataFrame], columns: list[str], control: Control) -> pd.DataFrame:
    """All rows in one table with q after p."""
    parts = [part for part in parts if len(part)]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    table = table.reindex(columns=columns)
    table.insert(columns.index("p") + 1, "q", false_discovery(table["p"].astype(float), control))
    return table
