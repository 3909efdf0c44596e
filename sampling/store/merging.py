"""One results file of several: the halves of a campaign, evaluated on different machines."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from .checks import StoreError
from .records import DONE, FAILED, Campaign, Row, SequenceRecord, SetRecord
from .results import Results, open_results
from .stored_rows import StoredRows, same_outcome, stored_campaign
from .writer import write_results

JOINED = ("spaces", "supernets", "factor_units")
"""What files may have different parts of; what both have must be equal."""


@dataclass(frozen=True)
class Merged:
    """What came of a merge.

    Attributes:
        path: The file.
        content_hash: Of it.
        networks: Rows in it.
        shared: Networks that more than one file had, with equal outcomes.
    """

    path: Path
    content_hash: str
    networks: int
    shared: int


def merge(paths: Sequence[Path], out: Path, *, mixed_devices: bool = False) -> Merged:
    """Writes the networks of several results files to one.

    A network that several files have counts once; where one has its outcome and another a failure
    or nothing, the outcome counts.

    Args:
        paths: At least two files of one protocol, data set and image list.
        out: Where the file goes, atomically.
        mixed_devices: Whether the files may come from CPUs and from GPUs; the notes then say so.

    Raises:
        StoreError: The files do not belong together, or say different things of one network.
    """
    if len({path.resolve() for path in paths}) < 2:
        raise StoreError(
            f"merge.paths must be at least two different files; got "
            f"{', '.join(map(str, paths))}. Name another one."
        )
    with ExitStack() as stack:
        opened = [stack.enter_context(open_results(path)) for path in paths]
        campaign = _joined(opened, mixed_devices)
        chosen, shared = _chosen(opened)
        command = " and ".join(str(path) for path in paths)
        content = write_results(out, campaign, chosen, {"merged_from": command})
    return Merged(out, content, len(chosen), shared)


def _joined(opened: Sequence[Results], mixed_devices: bool) -> Campaign:
    """The campaign of all files together.

    Raises:
        StoreError: Names the first thing in which two files differ.
    """
    first, path = stored_campaign(opened[0]), opened[0].path
    for results in opened[1:]:
        other = stored_campaign(results)
        for field in fields(Campaign):
            if field.name not in (*JOINED, "notes", "device"):
                _check_equal(field.name, getattr(first, field.name), getattr(other, field.name))
        spaces, supernets, units = (_union(n, first, other, results.path) for n in JOINED)
        notes = tuple(dict.fromkeys((*first.notes, *other.notes)))
        if other.device != first.device:
            if not mixed_devices:
                raise StoreError(
                    f"merge.device must be the same in all files; got {first.device} in {path} and "
                    f"{other.device} in {results.path}, whose outcomes may differ by rounding. "
                    "Add --mixed-devices to merge them all the same."
                )
            notes = (*notes, f"Merged from files of devices {first.device} and {other.device}.")
        first = replace(
            first,
            spaces=spaces,
            supernets=supernets,
            factor_units=units,
            notes=tuple(dict.fromkeys(notes)),
        )
    return first


def _check_equal(name: str, one: Any, other: Any) -> None:
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        same = all(_same(a, b) for a, b in zip(one, other, strict=True))
    else:
        same = _same(one, other)
    if not same:
        raise StoreError(
            f"merge.{name} must be the same in all files; got {_short(one)} and {_short(other)}. "
            "Merge files of one campaign."
        )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, SetRecord | SequenceRecord) and isinstance(other, type(one)):
        pairs = [(getattr(one, f.name), getattr(other, f.name)) for f in fields(one)]
        return all(_same(a, b) for a, b in pairs)
    return bool(np.array_equal(one, other)) if isinstance(one, np.ndarray) else bool(one == other)


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _union(name: str, one: Campaign, other: Campaign, path: Path) -> dict[str, str]:
    """Texts by name of both."""
    mine, theirs = getattr(one, name), getattr(other, name)
    for key in mine.keys() & theirs.keys():
        if mine[key] != theirs[key]:
            raise StoreError(
                f"merge.{name} must agree on {key!r} in all files; got another one in {path}. "
                "Merge files of one campaign."
            )
    return dict(mine) | dict(theirs)


class _Chosen(Sequence[Row]):
    """Rows of several files, by (file, row)."""

    def __init__(self, rows: Sequence[StoredRows], places: Sequence[tuple[int, int]]) -> None:
        self._rows, self._places = rows, places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Row:  # type: ignore[override]
        file, row = self._places[index]
        return self._rows[file][row]


def _chosen(opened: Sequence[Results]) -> tuple[_Chosen, int]:
    """Every network once, and how many have an outcome in more than one file.

    Raises:
        StoreError: Two files have different outcomes of a network.
    """
    rows = [StoredRows(results) for results in opened]
    places: dict[str, tuple[int, int]] = {}
    shared, conflicts = 0, []
    for file, held in enumerate(rows):
        for number in range(len(held)):
            key = held.network(number).key
            if key not in places:
                places[key] = (file, number)
                continue
            kept = rows[places[key][0]][places[key][1]]
            row = held[number]
            if kept.outcome is not None and row.outcome is not None:
                shared += 1
                if not same_outcome(kept.outcome, row.outcome):
                    conflicts.append(key)
            elif (row.status == DONE, row.status == FAILED) > (
                kept.status == DONE,
                kept.status == FAILED,
            ):
                places[key] = (file, number)
    if conflicts:
        more = f" and {len(conflicts) - 3} more" if len(conflicts) > 3 else ""
        raise StoreError(
            "merge.networks must have one outcome each; got different ones of "
            f"{', '.join(conflicts[:3])}{more}. See robustscope diff."
        )
    return _Chosen(rows, list(places.values())), shared
