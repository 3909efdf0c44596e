"""What every attack's description must satisfy."""

import math
import re
from collections.abc import Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Any, ClassVar, Protocol

SMALLEST, LARGEST = 1e-6, 1e6
"""Budgets below change no float32 pixel, those above exceed every ball of an image."""


class Attack(Protocol):
    """A frozen description of an attack; its module knows how to run it.

    Attributes:
        name: Letters, digits, "_" and "-", as it also names conditions.
        norm: "linf", "l2" or "l1".
        budgets: (E,) ascending radii in [0, 1] pixels.
        source: Publication.
        kind: Key in `noises.adversarial.table.ATTACKS`.
        black_box: Whether it sees outputs only, no gradients.
    """

    kind: ClassVar[str]
    black_box: ClassVar[bool]

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def norm(self) -> str: ...  # noqa: D102
    @property
    def budgets(self) -> tuple[float, ...]: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102


def check_attack(attack: Attack, norms: Sequence[str]) -> None:
    """Refuse a name, a norm or budgets that cannot be meant.

    Raises:
        ValueError: One of them.
    """
    owner = type(attack).__name__
    if not isinstance(attack.name, str) or not re.fullmatch(r"[\w-]+", attack.name, re.ASCII):
        raise ValueError(
            f"{owner}.name must be of letters, digits, _ and -; got {attack.name!r}. Rename it."
        )
    if attack.norm not in norms:
        raise ValueError(
            f"{owner}.norm must be one of {', '.join(norms)}; got {attack.norm!r}. "
            "Choose one of them."
        )
    for field in fields(attack):  # type: ignore[arg-type]
        value = getattr(attack, field.name)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{owner}.{field.name} must be finite; got {value}. Write a number.")
    budgets = attack.budgets
    if not isinstance(budgets, tuple) or not all(isinstance(b, int | float) for b in budgets):
        raise ValueError(
            f"{owner}.budgets must be a tuple of numbers; got {budgets!r}. Write (8 / 255,)."
        )
    limit = 1.0 if attack.norm == "linf" else LARGEST
    ascending = all(a < b for a, b in pairwise(budgets))  # false with NaN
    if not budgets or not ascending or not SMALLEST <= budgets[0] <= budgets[-1] <= limit:
        raise ValueError(
            f"{owner}.budgets must be positive, ascending and, for linf, at most 1 (from "
            f"{SMALLEST:g} to {LARGEST:g} in other norms); got {budgets}. Give them in units of "
            "[0, 1] pixels, 8 grey levels as 8/255."
        )


def check_count(attack: Any, *names: str) -> None:
    """Refuse counts that are not whole and positive.

    Raises:
        ValueError: One of the named attributes.
    """
    for name in names:
        value = getattr(attack, name)
        if type(value) is not int or value < 1:
            raise ValueError(
                f"{type(attack).__name__}.{name} must be an integer of at least 1; got {value!r}. "
                "Write one."
            )
