"""Any CSV or Parquet table whose factor and outcome columns the user names."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sampling.tables.columns import EVALUATED
from sampling.tables.factors import categorical, make_factors
from sampling.tables.imported import Imported, Request, Source, assemble, make_network
from sampling.tables.known import UNCOUNTED, UNKNOWN, Asked, Column, make_condition
from sampling.tables.own_export import import_export
from sampling.tables.reading import Frame, Kind, read_frame, read_header
from sampling.tables.shares import UNITS, check_accuracies
from sampling.tables.streams import TableError

NAMES = ("id", "name", "network", "model", "arch_id")
"""Columns that name the networks, the first that is there, where the user says none."""

NUMBER: Kind = "number"
_OUTCOME = re.compile(r"(?P<name>.+?)(?::(?P<family>[a-z]+))?(?:@(?P<images>\d+))?$")


def import_named(path: Path, request: Request) -> Imported:
    """A table with the columns that the request names; our own export needs none named.

    Raises:
        TableError: The table does not have them, or holds what it should not.
    """
    if path.is_dir() or (not request.outcomes and _is_export(path)):
        return import_export(path, request)
    columns = [_outcome(text, request) for text in request.outcomes]
    if not columns:
        raise TableError(
            "import.outcomes must name columns of accuracies; got none. "
            'Say --outcomes "clean,pgd@1000", for instance.'
        )
    if request.unit not in UNITS:
        raise TableError(
            f"import.unit must be one of {', '.join(UNITS)}; got {request.unit or 'nothing'}. "
            "Say --unit percent (93.2) or --unit share (0.932)."
        )
    chosen = [categorical(text) for text in request.factors]
    frame = read_frame(path, lambda header: _kinds(header, request, chosen, columns))
    for column in columns:
        check_accuracies(frame, column.source, column.unit)
    if not request.allow_missing:
        _check_missing(frame)
    named = find_name(list(frame.texts), request)
    names = frame.texts[named] if named else [f"row{row + 1}" for row in range(frame.size)]
    _check_names(frame, names, named)
    factors, units = make_factors(frame, [name for name, _ in chosen], request.allow_missing)
    networks = [
        make_network(name, "", {f: values[row] for f, values in factors.items()})
        for row, name in enumerate(names)
    ]
    source = Source("csv", request.dataset or path.name, (f"Imported from {path.name}.",))
    return assemble(source, networks, units, columns, frame.numbers)


def _is_export(path: Path) -> bool:
    """Whether the header is that of our own export."""
    header = read_header(path)
    return any(name.startswith(EVALUATED) for name in header) or "n_evaluated" in header


def _outcome(text: str, request: Request) -> Column:
    found = _OUTCOME.fullmatch(text)
    stated = int(found["images"]) if found and found["images"] else request.images
    counted = stated is not None or not request.uncounted
    images = stated if counted else UNKNOWN
    if found is None or images is None or not 1 <= images < 2**32:
        raise TableError(
            f"import.outcomes must say of how many images accuracies are shares, from 1 on; got "
            f"{text!r}. Say --images N, {text.partition('@')[0]}@N for one column, or "
            "--images unknown."
        )
    more = {} if counted else dict(UNCOUNTED)
    condition = make_condition(Asked(found["name"], found["family"] or "", more=more))
    return Column(found["name"], images, condition, request.unit or "", counted)


def find_name(header: Sequence[str], request: Request) -> str:
    """The column that names the networks, "" where there is none."""
    return request.name or next((n for n in NAMES if n in header), "")


def _kinds(
    header: Sequence[str],
    request: Request,
    factors: Sequence[tuple[str, Kind]],
    columns: Sequence[Column],
) -> Mapping[str, Kind]:
    name = find_name(header, request)
    kinds: dict[str, Kind] = {name: "text"} if name else {}
    asked = [*factors, *((column.source, NUMBER) for column in columns)]
    for wanted, kind in asked:
        if wanted in kinds:
            raise TableError(
                f"import.columns must be named once each; got {wanted!r} twice. Leave one out."
            )
        kinds[wanted] = kind
    return kinds


def _check_missing(frame: Frame) -> None:
    for column, values in frame.numbers.items():
        empty = np.isnan(values)
        if empty.any():
            raise TableError(
                f"import.table must have a number in every cell; got none in "
                f"{frame.place(int(np.argmax(empty)), column)}. Fill it, or say --allow-missing: "
                "it was not evaluated, or does not apply."
            )


def _check_names(frame: Frame, names: Sequence[str], column: str) -> None:
    first: dict[str, int] = {}
    for row, name in enumerate(names):
        if not name.strip() or name in first:
            got = f"{name!r}, as in row {first[name] + 1}" if name in first else "an empty cell"
            raise TableError(
                f"import.table must name every network once; got {got}, in "
                f"{frame.place(row, column)}. Rename it, or choose another column by --name."
            )
        first[name] = row
