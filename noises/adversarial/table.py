"""Every kind of attack: its description and how a trial runs it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from noises.adversarial.apgd import APGD, run_apgd
from noises.adversarial.autoattack import AutoAttack, run_autoattack
from noises.adversarial.checks import Attack
from noises.adversarial.fab import FAB, run_fab
from noises.adversarial.gradient import GradientAttack, run_gradient
from noises.adversarial.minimum_norm import DDN, CarliniWagner, run_cw, run_ddn
from noises.adversarial.square import Square, run_square
from noises.adversarial.trial import Entry, Trial


class Kind(NamedTuple):
    """A frozen dataclass and what runs any number of its values on a trial."""

    describes: type[Any]
    run: Callable[[Trial, Sequence[tuple[Any, Entry]]], None]


ATTACKS: dict[str, Kind] = {
    kind.describes.kind: kind
    for kind in (
        Kind(GradientAttack, run_gradient),
        Kind(APGD, run_apgd),
        Kind(FAB, run_fab),
        Kind(Square, run_square),
        Kind(DDN, run_ddn),
        Kind(CarliniWagner, run_cw),
        Kind(AutoAttack, run_autoattack),
    )
}


def describe(attack: Attack) -> dict[str, Any]:
    """Plain data from which an equal attack can be made: its kind and its attributes."""
    return {"kind": attack.kind, **asdict(attack)}  # type: ignore[call-overload]
