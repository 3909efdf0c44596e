"""Protocols written by the user as JSON files, read strictly."""

import json
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

from noises.adversarial.checks import Attack
from noises.adversarial.gradient import GradientAttack
from noises.adversarial.plan import Plan
from noises.adversarial.table import ATTACKS
from noises.protocol import Protocol, check_names

DERIVED = tuple(f"{p}_parameters" for p in ("natural", "system", "inference", "sequence"))
"""What `Protocol.to_json` adds to the fields; a file may hold it, and it is made anew."""


def read_protocol(path: Path, base: Protocol) -> Protocol:
    """A protocol from a JSON file of `Protocol`'s fields.

    Args:
        path: For instance a file with the text of `Protocol.to_json`.
        base: Gives the fields that the file lacks; a file that names another size is refused.

    Raises:
        ValueError: The file is missing, no JSON object, or holds an unknown field or noise.
    """
    try:
        data = json.loads(path.read_text(), object_pairs_hook=_distinct)
        if isinstance(data, dict):
            data = {key: value for key, value in data.items() if key not in DERIVED}
        changes = {"name": path.stem} | _plain_fields(Protocol, data)
        for part in {"attacks", "transfer"} & changes.keys():
            changes[part] = tuple(_attack(a, part) for a in changes[part])
        if "plan" in changes:
            changes["plan"] = Plan(**_plain_fields(Plan, changes["plan"]))
        if changes.get("size", base.size) != base.size:
            raise ValueError(
                f"Protocol.size must be that of the images, {base.size}; got {changes['size']}. "
                "Budgets belong to one size."
            )
        return replace(base, **changes)
    except (OSError, OverflowError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"Protocol.file must describe a protocol; got {path}: {error}") from error


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object as a dict; a key that is there twice is refused, as one would be lost."""
    check_names("fields", [name for name, _ in pairs], [name for name, _ in pairs])
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


def _attack(data: Any, part: str) -> Attack:
    """An attack from its JSON object; without a "kind" one along the gradient.

    Raises:
        ValueError: As of `_plain_fields`, or the kind is unknown, or a field is missing.
    """
    kinds = [GradientAttack.kind] if part == "transfer" else list(ATTACKS)
    kind = data.get("kind", GradientAttack.kind) if isinstance(data, dict) else ""
    if isinstance(data, dict) and kind not in kinds:
        raise ValueError(
            f"Protocol.{part}.kind must be one of {', '.join(kinds)}; got {kind!r}. "
            "Choose one of them."
        )
    described = ATTACKS[kind].describes if kind else GradientAttack
    if isinstance(data, dict):
        data = {name: value for name, value in data.items() if name != "kind"}
    given = _plain_fields(described, data)
    missing = [f.name for f in fields(described) if f.name not in given and f.default is MISSING]
    if missing:
        raise ValueError(
            f"{described.__name__}.{missing[0]} must be there; got none in {str(data)[:80]}. "
            "Add it."
        )
    attack: Attack = described(**given)
    return attack


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
