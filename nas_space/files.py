"""Lists of architectures as JSON files: one object of family, scale and genes per network."""

import json
from collections.abc import Sequence
from pathlib import Path

from nas_space.architecture import Architecture


def read_architectures(path: Path) -> list[Architecture]:
    """The architectures listed in a file, in order; that they lie in a space is not checked.

    Raises:
        ValueError: The file cannot be read, is no JSON list or empty, or an entry is no
            architecture (its number is named, counted from 1).
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
    architectures = []
    for number, entry in enumerate(entries, 1):
        try:
            architectures.append(Architecture.from_json(json.dumps(entry)))
        except ValueError as error:
            raise ValueError(f"{path}, entry {number}: {error}") from error
    return architectures


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
