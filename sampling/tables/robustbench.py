"""RobustBench's model_info (Croce et al. 2021): a folder with one JSON file per network.

Fields read: `clean_acc`, `autoattack_acc` (`AA` in old files), `external` (the lowest accuracy that
an attack of others reached), `corruptions_acc` (mean over corruptions and severities), `eps`,
`architecture`, `name`, `dataset`, `additional_data`, `number_forward_passes`, `unreliable`; all
accuracies in percent. RobustBench evaluates on the 10,000 test images of CIFAR-10 and CIFAR-100,
and on 5,000 validation images of ImageNet.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sampling.tables.imported import Imported, Request, Source, assemble, make_network
from sampling.tables.known import Asked, Column, make_condition, rank_budgets
from sampling.tables.reading import Frame
from sampling.tables.shares import check_accuracies
from sampling.tables.streams import TableError, read_json

IMAGES = {"cifar10": 10_000, "cifar100": 10_000, "imagenet": 5_000}
UNITS = {
    "layers": "layers, by the architecture's name",
    "widen_factor": "1",
    "additional_data": "1 where training used more data",
    "number_forward_passes": "passes per answer",
    "unreliable": "1 where the evaluation is flagged",
}
FILE_LIMIT = 1 << 20  # bytes of one file

_AUTOATTACK = ("autoattack_acc", "AA")
_NORMS = ("Linf", "L2", "L1")
_LAYERS = re.compile(r"ResNet-(\d+)(?:-(\d+))?")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class _Entry:
    """One file.

    Attributes:
        path: The file.
        said: What it says.
    """

    path: Path
    said: Mapping[str, Any]

    def percent(self, *names: str) -> float:
        """The first of these fields that is there; NaN when none is."""
        value = next((self.said[n] for n in names if self.said.get(n) not in (None, "")), None)
        text = str(value).strip()
        if value is None:
            return math.nan
        if isinstance(value, bool) or not _NUMBER.fullmatch(text):
            raise self.wrong(names[0], "a number", value)
        return float(text)

    @property
    def budget(self) -> float:
        """Largest change in [0, 1] pixel units; 0 when it is not said."""
        text = str(self.said.get("eps") or "0")
        top, slash, bottom = text.partition("/")
        parts = (top, bottom) if slash else (top, "1")
        if not all(_NUMBER.fullmatch(part.strip()) for part in parts) or not float(parts[1]):
            raise self.wrong("eps", "a number or a fraction such as 8/255", text)
        budget = float(parts[0]) / float(parts[1])
        if not math.isfinite(budget):
            raise self.wrong("eps", "finite", text)
        return budget

    def wrong(self, field: str, wanted: str, got: object) -> TableError:
        """What to say of a bad field."""
        return TableError(
            f"import.{field} must be {wanted}; got {str(got)[:60]!r} in {self.path}. Correct it."
        )


def import_robustbench(path: Path, request: Request) -> Imported:
    """The networks of a folder of model_info.

    Raises:
        TableError: A file is not what is described above.
    """
    entries = _read(path)
    datasets = sorted({str(entry.said.get("dataset", "")) for entry in entries})
    if len(datasets) > 1:
        raise TableError(
            f"import.dataset must be one for all files; got {', '.join(datasets)} in {path}. "
            "Import each folder by itself."
        )
    images = request.images or IMAGES.get(datasets[0], 0)
    if not images:
        raise TableError(
            f"import.images must be said for the data set {datasets[0]!r}; got none. "
            "Say --images N."
        )
    numbers, columns = _accuracies(entries, path.name, images)
    frame = Frame(path, len(entries), {}, numbers)
    for column in columns:
        check_accuracies(frame, column.source, column.unit)
    networks = [
        make_network(
            entry.path.stem,
            _family(str(entry.said.get("architecture", ""))),
            _factors(entry),
            {k: entry.said[k] for k in ("architecture", "name") if k in entry.said},
        )
        for entry in entries
    ]
    source = Source("robustbench", request.dataset or datasets[0], _notes(entries, columns))
    return assemble(source, networks, UNITS, columns, numbers)


def _read(folder: Path) -> list[_Entry]:
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not files:
        raise TableError(
            f"import.table must be a folder of JSON files, such as model_info/cifar10/Linf; got "
            f"{folder} without any. Correct the path."
        )
    entries = []
    for file in files:
        said = read_json(file, limit=FILE_LIMIT)
        if not isinstance(said, dict) or "clean_acc" not in said:
            raise TableError(
                f"import.table must have clean_acc in every file; got none in {file}. "
                "Leave the file out."
            )
        entries.append(_Entry(file, said))
    return entries


def _accuracies(
    entries: Sequence[_Entry], folder: str, images: int
) -> tuple[dict[str, Any], list[Column]]:
    """(Condition to (N,) percent, what they are)."""
    attack = f"autoattack_{folder.lower()}" if folder in _NORMS else "autoattack"
    kinds = {attack: _AUTOATTACK, "external": ("external",)}
    found: dict[Any, Any] = {"clean": [entry.percent("clean_acc") for entry in entries]}
    for name, fields in kinds.items():
        for row, entry in enumerate(entries):
            value = entry.percent(*fields)
            if not math.isnan(value):
                column = found.setdefault((name, entry.budget), [math.nan] * len(entries))
                column[row] = value
    ranked = rank_budgets([key for key in found if isinstance(key, tuple)])
    asked = {k: ranked[k] if isinstance(k, tuple) else Asked("clean") for k in found}
    corrupted = [entry.percent("corruptions_acc") for entry in entries]
    if np.isfinite(corrupted).any():
        found["corruptions"], asked["corruptions"] = corrupted, Asked("corruptions", "natural")
    columns = [Column(one.name, images, make_condition(one)) for one in asked.values()]
    return {asked[k].name: np.array(values) for k, values in found.items()}, columns


def _factors(entry: _Entry) -> dict[str, float]:
    layers = _LAYERS.search(str(entry.said.get("architecture", "")))
    passes = entry.said.get("number_forward_passes")
    numbers = [float(group) if group else math.nan for group in layers.groups()] if layers else []
    known = isinstance(passes, int | float) and not isinstance(passes, bool) and 0 < passes < 2**53
    return {
        **dict(zip(("layers", "widen_factor"), numbers or [math.nan] * 2, strict=True)),
        "additional_data": float(bool(entry.said.get("additional_data"))),
        "number_forward_passes": float(passes or 0) if known else math.nan,
        "unreliable": float(bool(entry.said.get("unreliable"))),
    }


def _family(architecture: str) -> str:
    found = re.match(r"[A-Za-z]+", architecture)
    return found[0].lower() if found else ""


def _notes(entries: Sequence[_Entry], columns: Sequence[Column]) -> tuple[str, ...]:
    notes = [
        f"Imported from {len(entries)} files of RobustBench; accuracies as published there, each "
        "by its authors' training."
    ]
    flagged = sum(bool(entry.said.get("unreliable")) for entry in entries)
    if flagged:
        notes.append(f"RobustBench flags {flagged} evaluations as unreliable (factor unreliable).")
    if any(column.condition.name == "corruptions" for column in columns):
        notes.append(
            "corruptions is a mean over 15 corruptions and 5 severities of the same images, kept "
            "as one count; its interval is wider than it need be."
        )
    return tuple(notes)
