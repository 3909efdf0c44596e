"""Every noise there is, read from the tables: as aligned text, JSON or Markdown."""

import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from images.decoders import DEFAULT_DECODER, REQUIREMENTS
from images.resizers import DEFAULT_RESIZER
from noises.adversarial.checks import Attack
from noises.adversarial.table import ATTACKS, describe
from noises.natural.corruption import MIN_SIZE, SEVERITIES
from noises.natural.table import NATURAL_NOISES
from noises.presets import AUTOATTACK, CARLINI, FGSM, MIM, PGD, PROTOCOLS, RONY, SQUARE
from noises.sequences.table import SEQUENCES
from noises.system import REFERENCE, SYSTEM_NOISES
from noises.system.inference import INFERENCE_NOISES
from noises.system.variants import EXTRA_CHOICES, resize_side

LARGEST_SIZE = 4096

KIND_SOURCES = {
    "gradient": f"{FGSM}; {PGD}; {MIM}",
    "apgd": AUTOATTACK,
    "fab": "Croce and Hein, ICML 2020, arXiv 1907.02044",
    "square": SQUARE,
    "ddn": RONY,
    "cw": CARLINI,
    "autoattack": AUTOATTACK,
}
"""Kind of attack to its publication, one for every key of `ATTACKS`."""

_WIDTH, _NAME_WIDTH, _GAP = 120, 20, "  "
_COLUMNS = ("name", "family", "group", "parameters", "source")


@dataclass(frozen=True)
class ListedNoise:
    """One noise as plain data.

    Attributes:
        name: As protocols name it; settings of an attack repeat it once per strength.
        family: Key of `FAMILIES`.
        group: Kind of noise within the family.
        parameters: Name to a value, to a list (one value per severity, difficulty or budget), or
            to None where it has no default. Settings of an attack leave out its kind's defaults.
        source: Publication.
    """

    name: str
    family: str
    group: str
    parameters: dict[str, Any]
    source: str


def check_size(size: int) -> None:
    """Refuse sizes that the noises are not made for.

    Raises:
        ValueError: It is out of range.
    """
    if not MIN_SIZE <= size <= LARGEST_SIZE:
        raise ValueError(
            f"noise.size must be from {MIN_SIZE} to {LARGEST_SIZE} pixels; got {size}. "
            "Change --size."
        )


def _adversarial(size: int) -> Iterator[ListedNoise]:
    """Every kind with the defaults of its fields, then what the protocols set, equal ones once."""
    for kind, (described, _) in ATTACKS.items():
        given = {"black_box": described.black_box, **_defaults(described)}
        yield ListedNoise(kind, "adversarial", "kind", given, KIND_SOURCES[kind])
    used: dict[tuple[str, Attack], list[str]] = {}
    for protocol in (make(size) for make in PROTOCOLS.values()):
        for group, attacks in (("", protocol.attacks), ("transfer", protocol.transfer)):
            for attack in attacks:
                used.setdefault((group or attack.kind, attack), []).append(protocol.name)
    for (group, attack), names in used.items():
        values, defaults = describe(attack), _defaults(type(attack))
        settings = {f: values[f] for f in defaults if f == "norm" or values[f] != defaults[f]}
        parameters = {"protocols": names, **settings}
        yield ListedNoise(attack.name, "adversarial", group, parameters, attack.source)


def _defaults(described: type[Any]) -> dict[str, Any]:
    """Field of an attack, but name and source, to its default, None where it has none."""
    return {
        f.name: None if f.default is MISSING else f.default
        for f in fields(described)
        if f.name not in ("name", "source")
    }


def _natural(size: int) -> Iterator[ListedNoise]:
    for name, noise in NATURAL_NOISES.items():
        rows = [noise.constants(severity, size) for severity in SEVERITIES]
        yield ListedNoise(name, "natural", noise.group, _columns(rows), noise.source)


def _system(size: int) -> Iterator[ListedNoise]:
    extra = f"after {SYSTEM_NOISES[REFERENCE].source}, other software"
    default = {"decoder": DEFAULT_DECODER, "resizer": DEFAULT_RESIZER, "colour": ""}
    variants = {
        name: ({part: getattr(noise, part) for part in default}, noise.source)
        for name, noise in SYSTEM_NOISES.items()
    } | {name: (default | choice, extra) for name, choice in EXTRA_CHOICES.items()}
    for name, (choice, source) in variants.items():
        changed = [part for part in default if choice[part] != default[part]]
        parameters: dict[str, Any] = dict(choice)
        if name == REFERENCE:
            parameters |= {"resized_to": resize_side(size), "cropped_to": size}
        if choice["decoder"] in REQUIREMENTS:
            parameters["needs"] = REQUIREMENTS[choice["decoder"]]
        group = ("extra " if name in EXTRA_CHOICES else "") + (changed or ["reference"])[0]
        yield ListedNoise(name, "system", group, parameters, source)


def _inference(size: int) -> Iterator[ListedNoise]:
    for name, noise in INFERENCE_NOISES.items():
        yield ListedNoise(name, "inference", "network", dict(noise.parameters), noise.source)


def _sequence(size: int) -> Iterator[ListedNoise]:
    for name, noise in SEQUENCES.items():
        rows = [noise.constants(size, d) for d in range(1, noise.difficulties + 1)]
        parameters = {"frames": noise.frames(size), **_columns(rows)}
        yield ListedNoise(name, "sequence", noise.group, parameters, noise.source)


FAMILIES: dict[str, Callable[[int], Iterator[ListedNoise]]] = {
    "adversarial": _adversarial,
    "natural": _natural,
    "system": _system,
    "inference": _inference,
    "sequence": _sequence,
}
"""Family to what lists its noises for images of a size."""


def list_noises(size: int, family: str | None = None) -> list[ListedNoise]:
    """The noises of one family or of all, in the order of their tables.

    Args:
        size: Side of the images in pixels, which constants and budgets depend on.
        family: Key of `FAMILIES`; all when None.

    Raises:
        ValueError: No such family, or no such size.
    """
    check_size(size)
    if family is not None and family not in FAMILIES:
        raise ValueError(
            f"noise.family must be one of {', '.join(FAMILIES)}; got {family!r}. Change --family."
        )
    chosen = FAMILIES if family is None else [family]
    return [noise for name in chosen for noise in FAMILIES[name](size)]


def as_json(noises: Sequence[ListedNoise]) -> str:
    """A JSON list of objects."""
    return json.dumps([asdict(noise) for noise in noises], indent=2)


def as_table(noises: Sequence[ListedNoise]) -> str:
    """Aligned columns of at most 120 characters a line, and the sources they number."""
    sources = list(dict.fromkeys(noise.source for noise in noises))
    head = [(n.name, n.family, n.group) for n in noises]
    widths = [max(map(len, column)) for column in zip(_COLUMNS[:3], *head, strict=True)]
    widths[0] = min(widths[0], _NAME_WIDTH)
    last = len(_COLUMNS[-1])
    widths += [_WIDTH - sum(widths) - last - 4 * len(_GAP), last]
    lines = [_line(_COLUMNS, widths), _line(["-" * width for width in widths], widths)]
    for noise, (name, family, group) in zip(noises, head, strict=True):
        if len(name) > widths[0]:
            lines.append(name)
            name = ""
        text, *more = _wrapped(_items(noise.parameters), widths[3])
        number = f"[{1 + sources.index(noise.source)}]"
        lines.append(_line((name, family, group, text, number), widths))
        lines += [_line(("", "", "", text), widths[:4]) for text in more]
    return "\n".join([*lines, "", *(f"[{i}] {source}" for i, source in enumerate(sources, 1))])


def as_markdown(noises: Sequence[ListedNoise]) -> str:
    """One table per family."""
    lines = []
    for family in dict.fromkeys(noise.family for noise in noises):
        lines += [f"## {family}", "", "| name | group | parameters | source |", "|---|---|---|---|"]
        for noise in noises:
            if noise.family == family:
                text = "; ".join(_items(noise.parameters))
                lines.append(f"| `{noise.name}` | {noise.group} | {text} | {noise.source} |")
        lines.append("")
    return "\n".join(lines).rstrip()


def _columns(rows: Sequence[dict[str, float]]) -> dict[str, list[float]]:
    """Name to one value per row."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def _items(parameters: dict[str, Any]) -> list[str]:
    """Each parameter with its value; one that never changes has one value."""
    grey = parameters.get("norm") == "linf"
    items = []
    for name, value in parameters.items():
        if name == "budgets" and grey and value:
            text = " ".join(f"{budget * 255:.4g}/255" for budget in value)
        elif isinstance(value, list | tuple):
            text = " ".join(map(_text, value if len(set(value)) > 1 else value[:1]))
        else:
            text = _text(value)
        items.append(f"{name} {text}".rstrip())
    return items


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value) or "none"


def _wrapped(items: Sequence[str], width: int) -> list[str]:
    """Lines of items; one that fits a line is not broken."""
    kept = [item.replace(" ", "\xa0") if len(item) < width else item for item in items]
    lines = textwrap.wrap("; ".join(kept), width, break_on_hyphens=False)
    return [line.replace("\xa0", " ") for line in lines]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(f"{c:<{w}}" for c, w in zip(cells, widths, strict=True)).rstrip()
