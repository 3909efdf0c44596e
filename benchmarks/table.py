"""The one form of every benchmark's result: rows, printed as a table and written as JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Cell = str | float | None

RESULTS = Path(__file__).parent / "results"
"""Where `publish` writes by default."""


@dataclass(frozen=True)
class Row:
    """One case, ours against one peer.

    Attributes:
        case: What was done, for instance "costs_mobilenet".
        ours_s: Our seconds.
        peer: Name of the other side.
        peer_s: Its seconds for the same work; None when it is absent here.
        agreement: Share in [0, 1] of answers that are equal; None when there was no comparison.
        note: What was counted, and how it departs from one thread of CPU time.
    """

    case: str
    ours_s: float
    peer: str
    peer_s: float | None
    agreement: float | None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Peer's seconds over ours: how many times faster we are."""
        return None if self.peer_s is None else self.peer_s / self.ours_s

    def as_json(self) -> dict[str, Cell]:
        """Plain data with the ratio, in the documented order of fields."""
        return {
            "case": self.case,
            "ours_s": self.ours_s,
            "peer": self.peer,
            "peer_s": self.peer_s,
            "ratio": self.ratio,
            "agreement": self.agreement,
            "note": self.note,
        }


def absent(case: str, ours_s: float, peer: str) -> Row:
    """Row of a peer that is not installed: reported, never counted as beaten."""
    return Row(case, ours_s, peer, None, None, "peer not installed")


class Published(Protocol):
    """A row of any table, all of one kind in it."""

    def as_json(self) -> dict[str, Cell]:
        """Plain data by field, in the documented order."""
        ...


def render(rows: Sequence[Published]) -> str:
    """Aligned table of the rows, one line each under a heading."""
    heading = tuple(rows[0].as_json())
    lines = [heading, *(tuple(_cell(v) for v in row.as_json().values()) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heading))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cell(value: Cell) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.4g}"


def publish(name: str, rows: Sequence[Published], folder: Path = RESULTS) -> Path:
    """Print the table and write it to `folder`/`name`.json; returns that path."""
    print(render(rows))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n")
    return path
