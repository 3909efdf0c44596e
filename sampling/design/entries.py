"""Drawn networks as entries of a JSON list, with how they were drawn."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nas_space.files import read_architecture, read_entries
from sampling.design.urn import Draw
from sampling.store.checks import check_text

KEYS = {"architecture", "design", "unit"}


def to_json(draws: Sequence[Draw]) -> str:
    """A JSON list of entries that `read_entry` takes, one a line."""
    entries = [
        {"architecture": json.loads(d.architecture.to_json()), "design": d.design, "unit": d.unit}
        for d in draws
    ]
    return "[\n" + ",\n".join(map(json.dumps, entries)) + "\n]\n"


def read_draws(path: Path) -> list[Draw]:
    """The draws listed in a file, in order; that they lie in a space is not checked.

    Raises:
        ValueError: The file cannot be read, is no JSON list or empty, or an entry is no draw (its
            number is named, counted from 1).
    """
    return read_entries(path, read_entry)


def read_entry(entry: Any) -> Draw:
    """The draw of an entry: an architecture alone, or one with its design and unit.

    An architecture alone is "listed", and a design unit of its own.

    Raises:
        ValueError: It is neither.
    """
    if not isinstance(entry, dict) or "architecture" not in entry:
        entry = {"architecture": entry}
    architecture = read_architecture(entry["architecture"])
    if unknown := sorted(entry.keys() - KEYS):
        raise ValueError(
            f"Draw.entry must hold {', '.join(sorted(KEYS))} alone; got {unknown[0]!r}. Remove it."
        )
    draw = Draw(architecture, entry.get("design", "listed"), entry.get("unit", architecture.id))
    check_text("Draw.design", draw.design)
    check_text("Draw.unit", draw.unit)
    return draw
