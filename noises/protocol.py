"""Protocols: the named, hashed list of everything every network is evaluated under."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from noises.adversarial.attack import GradientAttack
from noises.adversarial.engine import Plan
from noises.natural.table import NATURAL_NOISES
from noises.system import SYSTEM_NOISES

FGSM = "Goodfellow et al., ICLR 2015"
PGD = "Madry et al., ICLR 2018"


@dataclass(frozen=True)
class Protocol:
    """What is asked of every network; two results compare only if their hashes are equal.

    Attributes:
        name: "quick", "standard", "full" or the user's own.
        size: Height and width of the images, pixels; budgets are for this size.
        natural: Names in `NATURAL_NOISES`.
        severities: Of the natural noises, 1 to 5.
        system: Names in `SYSTEM_NOISES`, the reference first.
        attacks: Attacks with their budgets.
        attacked: Images of the stratified subset that attacks run on.
        recalibration: Training images BatchNorm is re-estimated on, in one batch.
        batch: Images in a forward batch.
        plan: How attacks are batched.
        seed: Of every draw.
        note: What the user wants to remember.
    """

    name: str
    size: int
    natural: tuple[str, ...]
    severities: tuple[int, ...]
    system: tuple[str, ...]
    attacks: tuple[GradientAttack, ...]
    attacked: int = 200
    recalibration: int = 256
    batch: int = 400
    plan: Plan = field(default_factory=Plan)
    seed: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        for part, names, table in (
            ("natural", self.natural, NATURAL_NOISES),
            ("system", self.system, SYSTEM_NOISES),
        ):
            unknown = [name for name in names if name not in table]
            if unknown:
                raise ValueError(
                    f"Protocol.{part} must be among {', '.join(table)}; got {unknown[0]!r}."
                )
        if not all(s in range(1, 6) for s in self.severities):
            raise ValueError(f"Protocol.severities must be 1 to 5; got {self.severities}.")
        repeated = [a.name for a in self.attacks]
        if len(set(repeated)) < len(repeated):
            raise ValueError(f"Protocol.attacks must have distinct names; got {repeated}.")
        for count in ("attacked", "recalibration", "batch"):
            if getattr(self, count) < 1:
                raise ValueError(
                    f"Protocol.{count} must be at least 1; got {getattr(self, count)}."
                )

    def to_json(self) -> str:
        """Canonical JSON of every setting and of the parameters of every noise."""
        data = asdict(self)
        data["system_parameters"] = [asdict(SYSTEM_NOISES[name]) for name in self.system]
        return json.dumps(data, sort_keys=True)

    @property
    def hash(self) -> str:
        """SHA-256 of the JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def scaled_l2(budget: float, size: int) -> float:
    """A Euclidean budget for 224 x 224 x 3 images brought to another size by sqrt(d / 150528)."""
    return budget * math.sqrt(3 * size * size / 150528)


def gradient_attacks(
    linf: tuple[float, ...], l2: tuple[float, ...], steps: int
) -> tuple[GradientAttack, ...]:
    """FGSM and PGD in the maximum norm (grey levels of 255) and PGD in the Euclidean norm."""
    levels = tuple(level / 255 for level in linf)
    step = 2.5 / steps
    return (
        GradientAttack("fgsm", "linf", levels, 1, 1.0, False, FGSM),
        GradientAttack("pgd_linf", "linf", levels, steps, step, True, PGD),
        GradientAttack("pgd_l2", "l2", l2, steps, step, True, PGD),
    )


def quick(size: int) -> Protocol:
    """Two budgets, eight corruptions at three severities, every system variant: minutes.

    Budgets are chosen so that networks of the size differ: at 16 px 8 and 16 grey levels, above
    that RobustART's small and medium ones.
    """
    small = size <= 16
    linf = (6.0, 14.0) if small else (0.5, 2.0)
    l2 = (0.3, 0.7) if small else (scaled_l2(0.5, size), scaled_l2(2.0, size))
    return Protocol(
        name="quick",
        size=size,
        natural=(
            "gaussian_noise",
            "impulse_noise",
            "defocus_blur",
            "motion_blur",
            "snow",
            "fog",
            "contrast",
            "jpeg_compression",
        ),
        severities=(1, 3, 5),
        system=tuple(SYSTEM_NOISES),
        attacks=gradient_attacks(linf, l2, steps=10),
    )


def standard(size: int) -> Protocol:
    """Three budgets, every corruption at every severity, twenty steps, 1,000 attacked images."""
    small = size <= 16
    linf = (3.0, 6.0, 14.0) if small else (0.5, 2.0, 8.0)
    l2 = (0.15, 0.3, 0.7) if small else tuple(scaled_l2(b, size) for b in (0.5, 2.0, 8.0))
    return replace(
        quick(size),
        name="standard",
        natural=tuple(NATURAL_NOISES),
        severities=(1, 2, 3, 4, 5),
        attacks=gradient_attacks(linf, l2, steps=20),
        attacked=1000,
    )


PROTOCOLS: dict[str, Callable[[int], Protocol]] = {p.__name__: p for p in (quick, standard)}
"""Name to a function from the image size to the protocol."""


def find_protocol(name: str, size: int) -> Protocol:
    """The protocol of this name, or the one written in this JSON file.

    Raises:
        ValueError: No such protocol or file, or the file does not describe one.
    """
    if name in PROTOCOLS:
        return PROTOCOLS[name](size)
    if not name.endswith(".json"):
        raise ValueError(
            f"Protocol.name must be one of {', '.join(PROTOCOLS)} or a .json file; got {name!r}."
        )
    return read_protocol(Path(name), size)


def read_protocol(path: Path, size: int) -> Protocol:
    """A protocol from a JSON file: `Protocol`'s fields, those absent taken from `quick`.

    Raises:
        ValueError: The file is missing, no JSON object, or holds an unknown field or noise.
    """
    try:
        data: dict[str, Any] = json.loads(path.read_text())
        changes: dict[str, Any] = {"name": path.stem}
        changes |= {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        changes.pop("system_parameters", None)
        if "attacks" in data:
            changes["attacks"] = tuple(
                GradientAttack(**{**a, "budgets": tuple(a["budgets"])}) for a in data["attacks"]
            )
        if "plan" in data:
            changes["plan"] = Plan(**data["plan"])
        changes["size"] = size
        return replace(quick(size), **changes)
    except (OSError, TypeError, KeyError, AttributeError, ValueError) as error:
        raise ValueError(f"Protocol.file must describe a protocol; got {path}: {error}") from error
