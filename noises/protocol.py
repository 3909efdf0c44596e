"""Protocols: the named, hashed list of everything every network is evaluated under."""

import hashlib
import json
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from noises.adversarial.attack import GradientAttack
from noises.adversarial.engine import Plan
from noises.natural.table import NATURAL_NOISES
from noises.system import REFERENCE, SYSTEM_NOISES

FGSM = "Goodfellow et al., ICLR 2015"
PGD = "Madry et al., ICLR 2018"


@dataclass(frozen=True)
class Protocol:
    """What is asked of every network; two results compare only if their hashes are equal.

    Attributes:
        name: "quick", "standard", "full" or the user's own.
        size: Height and width of the images, pixels; budgets are for this size.
        natural: Names in `NATURAL_NOISES`.
        severities: Of the natural noises, 1 to 5, ascending.
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
        _check_names("natural", self.natural, NATURAL_NOISES)
        _check_names("system", self.system, SYSTEM_NOISES)
        attacks = [attack.name for attack in self.attacks]
        _check_names("attacks", attacks, attacks)
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
        data["natural_parameters"] = {
            name: [NATURAL_NOISES[name].constants(s, self.size) for s in self.severities]
            for name in self.natural
        }
        data["system_parameters"] = [asdict(SYSTEM_NOISES[name]) for name in self.system]
        return json.dumps(data, sort_keys=True)

    @property
    def hash(self) -> str:
        """SHA-256 of the JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


DERIVED = ("natural_parameters", "system_parameters")
"""What `Protocol.to_json` adds to the fields; a file may hold it, and it is made anew."""


def _check_names(part: str, names: Sequence[str], known: Collection[str]) -> None:
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


def scaled_l2(budget: float, size: int) -> float:
    """A Euclidean budget for 224 x 224 x 3 images brought to another size by sqrt(d / 150528)."""
    return budget * math.sqrt(3 * size * size / 150528)


def gradient_attacks(
    linf: tuple[float, ...], l2: tuple[float, ...], steps: int, reach: float = 2.5
) -> tuple[GradientAttack, ...]:
    """FGSM and PGD in the maximum norm (grey levels of 255) and PGD in the Euclidean norm.

    Args:
        linf: Budgets in grey levels.
        l2: Budgets in units of [0, 1] pixels.
        steps: Of PGD.
        reach: Length of all its steps together, in budgets.
    """
    levels = tuple(level / 255 for level in linf)
    step = reach / steps
    return (
        GradientAttack("fgsm", "linf", levels, 1, 1.0, False, FGSM),
        GradientAttack("pgd_linf", "linf", levels, steps, step, True, PGD),
        GradientAttack("pgd_l2", "l2", l2, steps, step, True, PGD),
    )


def quick(size: int) -> Protocol:
    """Two budgets, eight corruptions at three severities, fourteen system variants: minutes.

    Budgets are chosen so that networks of the size differ: at 16 px 5 and 11 grey levels, above
    that RobustART's small and medium ones. Five longer steps find as much as seven of the usual
    length, within 2 points of what twenty find. The two system variants left out differ from others
    by at most a grey level on grey images.
    """
    small = size <= 16
    linf = (5.0, 11.0) if small else (0.5, 2.0)
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
        system=tuple(n for n in SYSTEM_NOISES if n not in ("torch_bilinear", "nv12")),
        attacks=gradient_attacks(linf, l2, steps=5, reach=3.0),
        batch=400 if small else 64,  # what fits a CPU's cache
        plan=Plan(batch=640 if small else 128),
    )


def standard(size: int) -> Protocol:
    """Three budgets, every corruption at every severity, twenty steps, 1,000 attacked images."""
    small = size <= 16
    linf = (2.0, 5.0, 11.0) if small else (0.5, 2.0, 8.0)
    l2 = (0.15, 0.3, 0.7) if small else tuple(scaled_l2(b, size) for b in (0.5, 2.0, 8.0))
    return replace(
        quick(size),
        name="standard",
        natural=tuple(NATURAL_NOISES),
        severities=(1, 2, 3, 4, 5),
        system=tuple(SYSTEM_NOISES),
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

    Args:
        path: For instance a file with the text of `Protocol.to_json`.
        size: Height and width of the images, pixels; a file that names another size is refused.

    Raises:
        ValueError: The file is missing, no JSON object, or holds an unknown field or noise.
    """
    try:
        data = json.loads(path.read_text(), object_pairs_hook=_distinct)
        if isinstance(data, dict):
            data = {key: value for key, value in data.items() if key not in DERIVED}
        changes = {"name": path.stem} | _plain_fields(Protocol, data)
        if "attacks" in changes:
            changes["attacks"] = tuple(_attack(a) for a in changes["attacks"])
        if "plan" in changes:
            changes["plan"] = Plan(**_plain_fields(Plan, changes["plan"]))
        if changes.get("size", size) != size:
            raise ValueError(
                f"Protocol.size must be that of the images, {size}; got {changes['size']}. "
                "Budgets belong to one size."
            )
        return replace(quick(size), **changes)
    except (OSError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"Protocol.file must describe a protocol; got {path}: {error}") from error


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object as a dict; a key that is there twice is refused, as one would be lost."""
    _check_names("fields", [name for name, _ in pairs], [name for name, _ in pairs])
    return dict(pairs)


def _plain_fields(kind: type[Any], data: Any) -> dict[str, Any]:
    """Arguments for a dataclass from JSON: lists become tuples, integers floats where asked.

    Raises:
        ValueError: No object, an unknown field, or a value of another type.
    """
    if not isinstance(data, dict):
        raise ValueError(
            f"{kind.__name__} must be a JSON object; got {str(data)[:80]!r}. Write {{...}}."
        )
    types = {f.name: f.type for f in fields(kind)}
    arguments = {}
    for name, value in data.items():
        if name not in types:
            raise ValueError(
                f"{kind.__name__}.{name} must be one of its fields; got no such field. "
                f"Fields: {', '.join(types)}."
            )
        try:
            arguments[name] = _plain(types[name], value)
        except TypeError as error:
            raise ValueError(
                f"{kind.__name__}.{name} must be {error}; got {value!r}. Change its type."
            ) from error
    return arguments


def _attack(data: Any) -> GradientAttack:
    """An attack from its JSON object.

    Raises:
        ValueError: As of `_plain_fields`, or a field is missing.
    """
    given = _plain_fields(GradientAttack, data)
    missing = [
        f.name for f in fields(GradientAttack) if f.name not in given and f.default is MISSING
    ]
    if missing:
        raise ValueError(
            f"GradientAttack.{missing[0]} must be there; got none in {str(data)[:80]}. Add it."
        )
    return GradientAttack(**given)


def _plain(wanted: Any, value: Any) -> Any:
    """The JSON value as the field's type; dataclasses are left to the caller.

    Integers are made floats where a float is wanted, lest equal protocols have different hashes.

    Raises:
        TypeError: It is of another type; the text is the wanted one.
    """
    item, *_ = getattr(wanted, "__args__", (None,))
    if item is not None:  # tuple[item, ...]
        if type(value) is not list:
            raise TypeError("a list")
        return tuple(_plain(item, each) for each in value)
    if wanted is float and type(value) is int:
        return float(value)
    if wanted in (int, float, str, bool) and type(value) is not wanted:
        raise TypeError(f"of type {wanted.__name__}")
    return value
