"""Protocols: the named, hashed list of everything every network is evaluated under."""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field

from noises.adversarial.checks import Attack
from noises.adversarial.gradient import GradientAttack
from noises.adversarial.plan import Plan
from noises.adversarial.table import describe
from noises.natural.table import NATURAL_NOISES
from noises.sequences.table import SEQUENCES
from noises.system import REFERENCE, SYSTEM_NOISES, find_system_noise
from noises.system.inference import INFERENCE_NOISES
from noises.system.variants import EXTRA_CHOICES

KEPT = ("prediction", "confidence")
"""The predicted class; its softmax."""


@dataclass(frozen=True)
class Protocol:
    """What is asked of every network; two results compare only if their hashes are equal.

    Attributes:
        name: "quick", "standard", "full" or the user's own.
        size: Height and width of the images, pixels; budgets are for this size.
        natural: Names in `NATURAL_NOISES`.
        severities: Of the natural noises, 1 to 5, ascending.
        system: Names in `SYSTEM_NOISES` or `EXTRA_CHOICES`, the reference first.
        attacks: Attacks with their budgets.
        attacked: Images of the stratified subset that attacks run on.
        recalibration: Training images BatchNorm is re-estimated on, in one batch.
        batch: Images in a forward batch.
        plan: How attacks are batched.
        seed: Of every draw.
        inference: Names in `INFERENCE_NOISES`: the network otherwise than in float32.
        transfer: Attacks on named source networks whose images every network is shown.
        sequences: Names in `SEQUENCES`, made of the attacked images.
        keep: Names in `KEPT`: what is stored of every image of the clean, natural and system
            conditions beyond right or wrong.
        note: What the user wants to remember.
    """

    name: str
    size: int
    natural: tuple[str, ...]
    severities: tuple[int, ...]
    system: tuple[str, ...]
    attacks: tuple[Attack, ...]
    attacked: int = 200
    recalibration: int = 256
    batch: int = 400
    plan: Plan = field(default_factory=Plan)
    seed: int = 0
    inference: tuple[str, ...] = ()
    transfer: tuple[GradientAttack, ...] = ()
    sequences: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        check_names("natural", self.natural, NATURAL_NOISES)
        check_names("system", self.system, (*SYSTEM_NOISES, *EXTRA_CHOICES))
        check_names("inference", self.inference, INFERENCE_NOISES)
        check_names("sequences", self.sequences, SEQUENCES)
        check_names("keep", self.keep, KEPT)
        for part in ("attacks", "transfer"):
            names = [attack.name for attack in getattr(self, part)]
            check_names(part, names, names)
            for name in names:
                check_free(name)
        if self.system and self.system[0] != REFERENCE:
            raise ValueError(
                f"Protocol.system must begin with {REFERENCE}; got {self.system[0]!r}. "
                "The others are judged against it."
            )
        ascending = sorted({s for s in self.severities if type(s) is int and 1 <= s <= 5})
        if list(self.severities) != ascending:
            raise ValueError(
                "Protocol.severities must be integers from 1 to 5, ascending; "
                f"got {self.severities}. Sort them."
            )
        if self.natural and not self.severities:
            raise ValueError(
                "Protocol.severities must be at least one for natural noises; got (). "
                "Write one, or no natural noise."
            )
        for name in ("size", "attacked", "recalibration", "batch", "seed"):
            value, least = getattr(self, name), int(name != "seed")
            if type(value) is not int or value < least:
                raise ValueError(
                    f"Protocol.{name} must be an integer of at least {least}; got {value!r}. "
                    "Write one."
                )

    def to_json(self) -> str:
        """Canonical JSON of every setting and of the parameters of every noise."""
        data = asdict(self)
        for part in ("attacks", "transfer"):
            data[part] = [describe(attack) for attack in getattr(self, part)]
        data["natural_parameters"] = {
            name: [NATURAL_NOISES[name].constants(s, self.size) for s in self.severities]
            for name in self.natural
        }
        data["system_parameters"] = [asdict(find_system_noise(name)) for name in self.system]
        data["inference_parameters"] = [INFERENCE_NOISES[n].describe() for n in self.inference]
        data["sequence_parameters"] = [
            {"frames": SEQUENCES[n].frames(self.size), **SEQUENCES[n].constants(self.size, 1)}
            for n in self.sequences
        ]
        return json.dumps(data, sort_keys=True)

    @property
    def hash(self) -> str:
        """SHA-256 of the JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


RESERVED = ("clean", "adversarial", "natural", "system", "inference", "transfer", "worst_case")
"""Names of outcomes: an attack of such a name would pass for them."""


def check_free(name: str) -> None:
    """Refuse an attack with the name of a noise or of an outcome.

    Raises:
        ValueError: The name is taken.
    """
    taken = {*RESERVED, *NATURAL_NOISES, *SYSTEM_NOISES, *EXTRA_CHOICES, *INFERENCE_NOISES}
    begins = name.startswith(("natural_", "system_", "worst_case", "factor_", "outcome_"))
    if name in taken or begins:
        raise ValueError(
            "Protocol.attacks must not be named as a noise, a condition or an outcome; "
            f"got {name!r}. Rename it."
        )


def check_names(part: str, names: Sequence[str], known: Collection[str]) -> None:
    """Refuse names that are unknown or there twice."""
    for i, name in enumerate(names):
        if name not in known:
            raise ValueError(
                f"Protocol.{part} must be among {', '.join(known)}; got {name!r}. "
                "Choose among these."
            )
        if name in names[:i]:
            raise ValueError(
                f"Protocol.{part} must have distinct names; got {name!r} twice. Drop one."
            )
