"""AutoAttack: an ensemble without settings; an image is robust when every member fails on it.

Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse
parameter-free attacks", ICML 2020. Members run one after the other on the images that are left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from noises.adversarial.apgd import APGD, run_apgd
from noises.adversarial.checks import check_attack, check_count
from noises.adversarial.fab import FAB, run_fab
from noises.adversarial.square import Square, run_square
from noises.adversarial.trial import Entry, Trial

VERSIONS = ("standard", "rand")


@dataclass(frozen=True)
class AutoAttack:
    """APGD-CE, APGD-T, FAB-T and Square, or for random networks APGD-CE and APGD-DLR.

    Attributes:
        name: Name of the attack.
        budgets: (E,) ascending radii in the maximum norm.
        source: Publication.
        version: "standard" or "rand".
        steps: Of APGD and FAB.
        targets: Of APGD-T and FAB-T.
        queries: Of Square.
        samples: Gradients averaged per step in version "rand".
        norm: "linf".
    """

    name: str
    budgets: tuple[float, ...]
    source: str
    version: str = "standard"
    steps: int = 100
    targets: int = 9
    queries: int = 5000
    samples: int = 20
    norm: str = "linf"

    kind: ClassVar[str] = "autoattack"
    black_box: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_attack(self, ("linf",))
        check_count(self, "steps", "targets", "queries", "samples")
        if self.version not in VERSIONS:
            raise ValueError(
                f"AutoAttack.version must be one of {', '.join(VERSIONS)}; got {self.version!r}. "
                "Use 'rand' for networks that are random."
            )

    def members(self, classes: int) -> tuple[APGD | FAB | Square, ...]:
        """The attacks, in order, for a network of so many classes.

        Below four classes targeted DLR is not defined: APGD-T is left out then, and below three
        APGD-DLR, too.
        """
        first = APGD("apgd_ce", self.norm, self.budgets, self.steps, self.source)
        if self.version == "rand":
            random = replace(first, samples=self.samples)
            second = replace(random, name="apgd_dlr", loss="dlr")
            return (random, second) if classes >= 3 else (random,)
        targeted = replace(first, name="apgd_t", loss="dlr_targeted", targets=self.targets)
        fab = FAB("fab_t", self.norm, self.budgets, self.steps, self.source, self.targets)
        square = Square("square", self.budgets, self.queries, self.source)
        return (first, targeted, fab, square) if classes >= 4 else (first, fab, square)


def run_autoattack(trial: Trial, attacks: Sequence[tuple[AutoAttack, Entry]]) -> None:
    """Run the members on the rows of their ensemble."""
    for attack, entry in attacks:
        for place, member in enumerate(attack.members(trial.clean.shape[1])):
            # members draw different numbers: a key plus a small number is another key
            own = replace(entry, keys=entry.keys + place)
            if isinstance(member, APGD):
                run_apgd(trial, [(member, own)])
            elif isinstance(member, FAB):
                run_fab(trial, [(member, own)])
            else:
                before = trial.fooled[entry.rows].copy()
                run_square(trial, [(member, own)])
                trial.overtaken[entry.rows] = trial.fooled[entry.rows] & ~before
