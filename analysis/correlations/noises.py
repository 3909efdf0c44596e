"""Single noises and severities as outcomes, beside those the study scores anyway."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.outcomes import Outcome


@dataclass(frozen=True)
class Noises:
    """What a protocol asks beside the outcomes of the study.

    Attributes:
        planned: Outcomes with their severity, 0 for the mean over all severities of a noise.
        copies: Condition name to the reason why it is left out: its images are another's.
    """

    planned: tuple[tuple[Outcome, int], ...]
    copies: Mapping[str, str]


def plan_noises(conditions: pd.DataFrame, outcomes: Iterable[Outcome]) -> Noises:
    """Every noise and every severity that is not an outcome already.

    Args:
        conditions: M rows with columns name, family, severity, parameters (JSON).
        outcomes: Those of the study: same conditions, same numbers.
    """
    known = list(outcomes)
    had, taken = {o.columns for o in known if o.kind == "mean"}, {o.name for o in known}
    noises: dict[tuple[str, str], list[tuple[int, int, str]]] = {}
    copies = {}
    for column, row in enumerate(conditions.to_dict("records")):
        name, family = str(row["name"]), str(row["family"])
        parameters = json.loads(str(row["parameters"]) or "{}")
        if twin := parameters.get("identical_to"):
            copies[name] = f"its images are pixel for pixel those of {twin}"
        else:
            key = (family, _noise(name, parameters))
            noises.setdefault(key, []).append((column, int(row["severity"]), name))
    planned: list[tuple[Outcome, int]] = []
    for (family, noise), members in noises.items():
        cells = tuple((column,) for column, _, _ in members)
        text = f"accuracy under {noise}, mean over {len(members)} severities"
        parts = [(Outcome(noise, family, "mean", cells, text), 0)] if len(members) > 1 else []
        for column, severity, name in members:
            alone = severity if len(members) > 1 else 0
            outcome = Outcome(name, family, "mean", ((column,),), f"accuracy under {name}")
            parts.append((outcome, alone))
        planned += [part for part in parts if part[0].columns not in had]
    return Noises(tuple((_renamed(o, taken), s) for o, s in planned), copies)


def _noise(name: str, parameters: Mapping[str, Any]) -> str:
    """Name of a condition without its severity or budget."""
    return str(parameters.get("noise", re.sub(r"_[se]\d+$", "", name)))


def _renamed(outcome: Outcome, taken: set[str]) -> Outcome:
    """The outcome under a name that no other has."""
    name = outcome.name
    while name in taken:
        name = f"condition_{name}"
    taken.add(name)
    return Outcome(name, outcome.family, outcome.kind, outcome.cells, outcome.text)
