"""Which conditions make up which outcome: the plan behind every robustness score.

| outcome | is |
|---|---|
| clean | accuracy without noise |
| one per attack (fgsm, pgd_linf, ...) | robust accuracy, mean over the attack's budgets |
| adversarial | mean over budget ranks of the worst case over the attacks of that rank |
| natural_<group>, natural | mean over corruptions of the mean over their severities |
| system | mean over the pixel-distinct variants, the reference among them |
| inference | mean over the ways to run the network other than in float32 |
| transfer | mean over the attacks made on other networks, their budgets and sources |
| system_nsd | minus the standard deviation over those variants, in percentage points |

Robust accuracy is of all attacked images, not of those right without noise.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from metrics import Floats

FAMILIES = ("clean", "adversarial", "natural", "system", "inference", "transfer")
NATURAL_GROUPS = ("noise", "blur", "weather", "digital")
"""Groups of the benchmark; what is beyond them has outcomes of its own, outside `natural`."""

MEANS = {
    "inference": "accuracy, mean over the ways to run the network other than in float32",
    "transfer": "accuracy on images made on other networks, mean over attacks and budgets",
}
"""Families with one outcome, the mean over all of their conditions; absent without notice."""
PERCENT = "percentage points"

Kind = Literal["mean", "worst", "deviation"]


@dataclass(frozen=True)
class Outcome:
    """A score of a network, as a mean over cells of conditions.

    Attributes:
        name: For instance "natural_blur".
        family: One of `FAMILIES`.
        kind: "mean" of the cells' means, mean of their "worst" cases, or "deviation" over cells.
        cells: Column indices of the conditions; one cell per budget, rank, corruption or variant.
        text: What it is, in plain words.
    """

    name: str
    family: str
    kind: Kind
    cells: tuple[tuple[int, ...], ...]
    text: str

    @property
    def columns(self) -> tuple[int, ...]:
        """All condition columns that the outcome needs."""
        return tuple(sorted({column for cell in self.cells for column in cell}))

    @property
    def weights(self) -> Floats:
        """Weight of each judgement that the mean averages: a condition, or a cell's worst case."""
        sizes = [1 if self.kind == "worst" else len(cell) for cell in self.cells]
        return np.array([1 / (len(sizes) * size) for size in sizes for _ in range(size)])


@dataclass(frozen=True)
class Plan:
    """The outcomes of a protocol and, in words, those it cannot give.

    Attributes:
        outcomes: In the order of the tables.
        absent: Outcome name to the reason why it is absent.
    """

    outcomes: tuple[Outcome, ...]
    absent: Mapping[str, str]


def plan_outcomes(conditions: pd.DataFrame) -> Plan:
    """The outcomes that the conditions of a protocol allow.

    Args:
        conditions: M rows with columns name, family, severity, parameters (JSON).

    Raises:
        ValueError: If a family is unknown or parameters are not a JSON object.
    """
    unknown = sorted(set(conditions["family"]) - set(FAMILIES))
    if unknown:
        raise ValueError(
            f"conditions.family must be one of {', '.join(FAMILIES)}; got {unknown[0]!r}. "
            "Evaluate again with a current protocol."
        )
    rows = [
        _Row(column, str(row["name"]), str(row["family"]), int(row["severity"]), _parameters(row))
        for column, row in enumerate(conditions.to_dict("records"))
    ]
    outcomes = [*_clean(rows), *_adversarial(rows), *_natural(rows), *_system(rows)]
    for family, text in MEANS.items():
        cells = tuple((row.column,) for row in rows if row.family == family)
        if cells:
            outcomes.append(Outcome(family, family, "mean", cells, text))
    present = {outcome.name for outcome in outcomes}
    expected = {
        "clean": "the protocol has no clean condition",
        "adversarial": "the protocol has no attack",
        **{f"natural_{g}": f"the protocol has no {g} corruption" for g in NATURAL_GROUPS},
        "natural": "the protocol has no natural noise",
        "system": "the protocol has no system noise",
        "system_nsd": "the protocol has fewer than two pixel-distinct system variants",
    }
    return Plan(
        tuple(outcomes), {name: why for name, why in expected.items() if name not in present}
    )


@dataclass(frozen=True)
class _Row:
    column: int
    name: str
    family: str
    severity: int
    parameters: Mapping[str, Any]


def _parameters(row: Mapping[Any, Any]) -> Mapping[str, Any]:
    text = str(row["parameters"]) or "{}"
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise ValueError(
            f"conditions.parameters must be a JSON object; got {text[:60]!r} for {row['name']!r}. "
            "Check the results file."
        )
    return value


def _clean(rows: list[_Row]) -> list[Outcome]:
    clean = [(row.column,) for row in rows if row.family == "clean"]
    text = "accuracy without noise"
    return [Outcome("clean", "clean", "mean", tuple(clean), text)] if clean else []


def _adversarial(rows: list[_Row]) -> list[Outcome]:
    attacks: dict[str, list[_Row]] = {}
    ranks: dict[int, list[int]] = {}
    for row in rows:
        if row.family == "adversarial":
            attacks.setdefault(re.sub(r"_e\d+$", "", row.name), []).append(row)
            ranks.setdefault(row.severity, []).append(row.column)
    outcomes = [
        Outcome(
            name,
            "adversarial",
            "mean",
            tuple((row.column,) for row in budgets),
            f"robust accuracy under {name}, mean over its {_count(len(budgets), 'budget')}",
        )
        for name, budgets in attacks.items()
    ]
    if not attacks:
        return []
    cells = tuple(tuple(ranks[rank]) for rank in sorted(ranks))
    text = (
        f"robust accuracy under the worst of {_count(len(attacks), 'attack')}, "
        f"mean over {_count(len(cells), 'budget rank')}"
    )
    return [*outcomes, Outcome("adversarial", "adversarial", "worst", cells, text)]


def _natural(rows: list[_Row]) -> list[Outcome]:
    noises: dict[str, list[int]] = {}
    groups: dict[str, list[str]] = {}
    for row in rows:
        if row.family == "natural":
            noise = str(row.parameters.get("noise", re.sub(r"_s\d+$", "", row.name)))
            group = str(row.parameters.get("group", "other"))
            if noise not in noises:
                groups.setdefault(group, []).append(noise)
            noises.setdefault(noise, []).append(row.column)
    if not noises:
        return []
    order = [g for g in NATURAL_GROUPS if g in groups]
    order += sorted(set(groups) - set(NATURAL_GROUPS))
    made = {f"natural_{g}": (groups[g], f"{g} corruption") for g in order}
    benchmark = [noise for g in order if g in NATURAL_GROUPS for noise in groups[g]]
    made["natural"] = (benchmark or list(noises), "corruption")
    return [
        Outcome(
            name,
            "natural",
            "mean",
            tuple(tuple(noises[noise]) for noise in members),
            f"accuracy, mean over {_count(len(members), what)} of the mean over severities",
        )
        for name, (members, what) in made.items()
    ]


def _system(rows: list[_Row]) -> list[Outcome]:
    variants = [row for row in rows if row.family == "system"]
    distinct = tuple((row.column,) for row in variants if not row.parameters.get("identical_to"))
    if not distinct:
        return []
    count = _count(len(distinct), "pixel-distinct decoder or resizer variant")
    outcomes = [Outcome("system", "system", "mean", distinct, f"accuracy, mean over {count}")]
    if len(distinct) > 1:
        text = f"minus the standard deviation of accuracy over {count}, in {PERCENT}"
        outcomes.append(Outcome("system_nsd", "system", "deviation", distinct, text))
    return outcomes


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
