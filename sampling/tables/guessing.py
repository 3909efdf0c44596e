"""What a table is, as far as its name and header say so: for reading it without questions.

Everything taken for granted is said in a note; whatever is not known for sure (of how many images
accuracies are shares) is left unknown.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sampling.tables.columns import EVALUATED
from sampling.tables.factors import LEVELS
from sampling.tables.imported import Request
from sampling.tables.known import family_of
from sampling.tables.named_columns import find_name
from sampling.tables.reading import Frame, Kind, read_frame, read_header
from sampling.tables.streams import TableError


def guess_kind(path: Path) -> str:
    """The kind of a table: of a folder, of JSON, of NAS-Bench-201, else plain columns.

    Raises:
        TableError: It cannot be read.
    """
    if path.is_dir():
        return "csv" if (path / "about.json").is_file() else "robustbench"
    if ".json" in path.suffixes:
        return "nas-robbench-201"
    header = read_header(path)
    return "nasbench201" if {"arch_id", "clean"} <= set(header) else "csv"


def complete(path: Path, request: Request) -> tuple[Request, list[str]]:
    """A request for a table of plain columns, with what it leaves open, and notes on that.

    Outcomes are the columns whose names are known (clean, attacks, corruptions of ImageNet-C),
    factors all others but the name; texts that differ in most rows describe networks and are left
    out. Accuracies above 1 are percent.

    Raises:
        TableError: No column is known for an accuracy, or a cell will not do.
    """
    header = [] if path.is_dir() else read_header(path)
    if path.is_dir() or "n_evaluated" in header or any(h.startswith(EVALUATED) for h in header):
        return request, []  # what export wrote says everything itself
    notes = []
    if not request.outcomes:
        request = replace(request, outcomes=_outcomes(path, header, request))
        notes.append(f"Taken as accuracies by their names: {', '.join(request.outcomes)}.")
    outcomes = [outcome.partition(":")[0].partition("@")[0] for outcome in request.outcomes]
    rest = [h for h in header if h not in (*outcomes, find_name(header, request))]
    frame = read_frame(path, lambda columns: _kinds(columns, outcomes, rest, request))
    if not request.factors:
        chosen = [name for name in rest if not _describes(frame, name)]
        request = replace(request, factors=tuple(chosen))
        notes.append(f"Taken as factors: {', '.join(chosen) or 'none'}.")
        left = [name for name in rest if name not in chosen]
        if left:
            notes.append(f"Left out, as they differ in most rows: {', '.join(left)}.")
    if request.unit is None:
        known = [frame.numbers[name] for name in outcomes]
        top = max((float(np.nanmax(v)) for v in known if np.isfinite(v).any()), default=math.nan)
        request = replace(request, unit="percent" if top > 1 else "share")
        notes.append(f"The greatest accuracy is {top:g}: taken as {request.unit}.")
    return replace(request, uncounted=request.uncounted or request.images is None), notes


def _outcomes(path: Path, header: Sequence[str], request: Request) -> tuple[str, ...]:
    """Columns whose names say that they are accuracies under a condition."""
    found = tuple(h for h in header if family_of(h) and h not in request.factors)
    if not found:
        raise TableError(
            "analyze.table must have a column of accuracies with a name that is known (clean, "
            f"pgd, gaussian_noise, ...); got {', '.join(header[:12])} in {path}. Name them: "
            "--outcomes NAME:FAMILY,..."
        )
    return found


def _kinds(
    header: Sequence[str], outcomes: Sequence[str], rest: Sequence[str], request: Request
) -> Mapping[str, Kind]:
    """What every column that matters holds."""
    factors = [] if request.factors else rest
    numbers: dict[str, Kind] = dict.fromkeys(outcomes, "number")
    return {**dict.fromkeys(factors, "factor"), **numbers}


def _describes(frame: Frame, name: str) -> bool:
    """Whether a column of texts tells networks apart instead of grouping them."""
    if name not in frame.texts:
        return False
    levels = len(set(frame.texts[name]) - {""})
    return levels > min(LEVELS, frame.size / 2)
