"""Conditions by the names that others give them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sampling.store import Condition
from sampling.tables.streams import TableError

FAMILIES = ("clean", "adversarial", "natural", "system", "inference", "transfer")

GROUPS = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "frost", "fog", "brightness"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
}
"""The 15 corruptions of ImageNet-C (Hendrycks and Dietterich 2019) by group."""

ATTACKS = ("fgsm", "pgd", "apgd", "aa", "autoattack", "square", "mim", "fab", "ddn", "cw", "bim")
"""What the names of attacks begin with."""

_GROUP_OF = {name: group for group, names in GROUPS.items() for name in names}
_SEVERITY = re.compile(r"(?P<noise>.+)_s(?P<severity>[1-5])$")
UNKNOWN = 1_000_000
"""Images that an accuracy is stored as a share of where their number is not known."""
UNCOUNTED = {"images": "unknown"}
"""Parameters of a condition of an unknown number of images."""
_CLEAN = Condition("clean", "clean", 0, "{}", "clean")


@dataclass(frozen=True)
class Column:
    """An outcome column of a table.

    Attributes:
        source: Its name there.
        images: It is a share of this many.
        condition: What it is an accuracy under.
        unit: "percent" or "share".
        counted: Whether that is their number, and not one that stands for an unknown number.
    """

    source: str
    images: int
    condition: Condition
    unit: str = "percent"
    counted: bool = True


@dataclass(frozen=True)
class Asked:
    """A condition before the strengths of all are known.

    Attributes:
        name: As the table says it.
        family: As the user says it, "" to go by the name.
        budget: Largest change in [0, 1] pixel units, 0 when it is not known.
        more: Further parameters.
    """

    name: str
    family: str = ""
    budget: float = 0.0
    more: dict[str, Any] = field(default_factory=dict)


def make_condition(asked: Asked) -> Condition:
    """The condition that a name stands for.

    Names that are known are `clean`, the corruptions of ImageNet-C as `NOISE` or `NOISE_s1` to
    `NOISE_s5`, and attacks as `ATTACK`, `ATTACK_e2` (rank of the budget).

    Raises:
        TableError: The family is not one of `FAMILIES`, or neither said nor known.
    """
    name, family = asked.name, asked.family or family_of(asked.name)
    if family not in FAMILIES:
        got = f"family {family!r}" if family else "no family"
        raise TableError(
            f"import.outcomes must say whether {name!r} is {', '.join(FAMILIES[:-1])} or "
            f"{FAMILIES[-1]}; got {got}. Write {name}:adversarial, for instance."
        )
    parameters = dict(asked.more)
    if family == "natural":
        found = _SEVERITY.match(name)
        noise = found["noise"] if found else name
        parameters |= {"noise": noise, "group": _GROUP_OF.get(noise, "other")}
        return _condition(name, family, int(found["severity"]) if found else 0, parameters)
    if family == "adversarial":
        found = re.search(r"_e(\d+)$", name)
        if asked.budget:
            parameters["eps"] = asked.budget
        return _condition(name, family, int(found[1]) if found else 1, parameters)
    return _condition(name, family, 0, parameters)


def rank_budgets(attacks: Sequence[tuple[str, float]]) -> dict[tuple[str, float], Asked]:
    """(attack, budget) to its condition; equal budgets of all attacks have one rank.

    Args:
        attacks: Name of the attack and budget in [0, 1] pixel units.
    """
    budgets = sorted({budget for _, budget in attacks})
    return {
        (attack, budget): Asked(f"{attack}_e{1 + budgets.index(budget)}", "adversarial", budget)
        for attack, budget in attacks
    }


def with_clean(columns: Sequence[Column]) -> tuple[tuple[Condition, ...], str]:
    """Conditions of a file, the clean one first, and a note where it had to be added.

    Raises:
        TableError: A condition is there twice.
    """
    conditions = [column.condition for column in columns]
    for condition in conditions:
        if [c.name for c in conditions].count(condition.name) > 1:
            raise TableError(
                f"import.outcomes must name every condition once; got {condition.name!r} twice. "
                "Leave one out."
            )
    if any(c.family == "clean" for c in conditions):
        conditions.sort(key=lambda c: c.family != "clean")
        return tuple(conditions), ""
    return (_CLEAN, *conditions), "The table has no clean accuracy: clean counts as not evaluated."


def family_of(name: str) -> str:
    """The family that a name says it is of, "" if it is not known."""
    if name == "clean":
        return "clean"
    found = _SEVERITY.match(name)
    if (found["noise"] if found else name) in _GROUP_OF:
        return "natural"
    return "adversarial" if re.split(r"[_-]", name.lower())[0] in ATTACKS else ""


def _condition(name: str, family: str, severity: int, parameters: dict[str, Any]) -> Condition:
    return Condition(name, family, severity, json.dumps(parameters, sort_keys=True), "clean")
