"""Lists of architectures as JSON files, and spaces read back from their description."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from nas_space.architecture import Architecture
from nas_space.space import Space, Stage

Entry = TypeVar("Entry")


def read_architectures(path: Path) -> list[Architecture]:
    """The architectures listed in a file, in order; that they lie in a space is not checked.

    Raises:
        ValueError: The file cannot be read, is no JSON list or empty, or an entry is no
            architecture (its number is named, counted from 1).
    """
    return read_entries(path, read_architecture)


def read_architecture(entry: Any) -> Architecture:
    """The architecture of one entry.

    Raises:
        ValueError: It is none.
    """
    return Architecture.from_json(json.dumps(entry))


def read_entries(path: Path, read: Callable[[Any], Entry]) -> list[Entry]:
    """What `read` makes of each entry of a JSON list, in order.

    Raises:
        ValueError: The file cannot be read, is no JSON list or empty, or `read` refuses an entry
            (its number is named, counted from 1).
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            f"Architectures.file must be a JSON file; got {path} ({error}). "
            "Write it with write_architectures."
        ) from error
    if not isinstance(entries, list) or not entries:
        raise ValueError(
            f"Architectures.file must hold a JSON list of at least one architecture; got {path}. "
            "Write it with write_architectures."
        )
    made = []
    for number, entry in enumerate(entries, 1):
        try:
            made.append(read(entry))
        except ValueError as error:
            raise ValueError(f"{path}, entry {number}: {error}") from error
    return made


def read_space(text: str) -> Space:
    """The space that `Space.describe` wrote, from its JSON.

    Raises:
        ValueError: The text describes no space.
    """
    try:
        data = json.loads(text)
        stages = tuple(Stage(**_tuples(stage)) for stage in data.pop("stages"))
        return Space(**_tuples(data), stages=stages)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"Space.json must be what Space.describe writes; got {text[:80]!r} ({error}). "
            "Take the space from a results file."
        ) from error


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}


def write_architectures(path: Path, architectures: Sequence[Architecture]) -> None:
    """Write a JSON list, one architecture per line.

    Raises:
        ValueError: There is none to write.
    """
    if not architectures:
        raise ValueError(
            f"Architectures.list must hold at least one to be written to {path}; got none. "
            "Draw some first."
        )
    lines = ",\n".join(architecture.to_json() for architecture in architectures)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
