"""CSV and Parquet in: only the columns asked for, every bad cell named by row and column."""

import csv
import math
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sampling.tables.cells import unguard
from sampling.tables.parquet import is_parquet, parquet_header, read_parquet
from sampling.tables.streams import TableError, lines

Kind = Literal["text", "number", "factor"]
"""A factor is of numbers, or of texts of which none is one."""
Choose = Callable[[Sequence[str]], Mapping[str, Kind]]
"""Header to the columns wanted and what they hold."""

_SHOWN = 40  # characters of a bad cell that are shown


@dataclass(frozen=True)
class Frame:
    """Columns of a table of R rows.

    Attributes:
        source: The file.
        size: R.
        texts: Column to R texts.
        numbers: Column to (R,) finite numbers, NaN where the cell is empty.
    """

    source: Path
    size: int
    texts: Mapping[str, Sequence[str]]
    numbers: Mapping[str, NDArray[np.float64]]

    def place(self, row: int, column: str) -> str:
        """A cell in words; `row` counts from 0, the words from 1 below the header."""
        return f"row {row + 1}, column {column!r} of {self.source}"


def read_frame(path: Path, choose: Choose) -> Frame:
    """Columns of a CSV file (plain or gzip) or of a Parquet file.

    Args:
        path: The file.
        choose: Called with the header.

    Raises:
        TableError: The file is unreadable or empty, a row has another number of cells than the
            header, a name is there twice, a column is not there, or a cell is no finite number.
    """
    if is_parquet(path):
        columns, size = read_parquet(path, lambda header: _wanted(path, header, choose))
        return _from_columns(path, columns, size)
    rows = csv.reader(lines(path), strict=True)
    header = _header(path, rows)
    wanted = _wanted(path, header, choose)
    builders = [_Builder(path, header.index(name), name, kind) for name, kind in wanted.items()]
    size = 0
    while (cells := _next(path, rows)) is not None:
        if not cells:
            continue
        size += 1
        if len(cells) != len(header):
            raise TableError(
                f"import.table must have {len(header)} cells in every row; got {len(cells)} in row "
                f"{size} (line {rows.line_num}) of {path}. Correct the row."
            )
        for builder in builders:
            builder.add(cells[builder.place], size)
    return _frame(path, size, builders)


def read_header(path: Path) -> Sequence[str]:
    """Names of the columns of a CSV or Parquet file.

    Raises:
        TableError: It is unreadable or empty.
    """
    if is_parquet(path):
        return parquet_header(path)
    return _header(path, csv.reader(lines(path), strict=True))


def _header(path: Path, rows: Any) -> list[str]:
    header = [unguard(name.strip()) for name in _next(path, rows) or []]
    if not header:
        raise TableError(f"import.table must begin with a header; got the empty {path}.")
    return header


class _Builder:
    """One column that grows cell by cell."""

    def __init__(self, path: Path, place: int, name: str, kind: Kind) -> None:
        self.path, self.place, self.name, self.kind = path, place, name, kind
        self.texts: list[str] = []
        self.numbers = array("d")

    def add(self, cell: str, row: int) -> None:
        if self.kind != "number":
            self.texts.append(unguard(cell))
        else:
            self.numbers.append(_number(self.path, row, self.name, cell))

    def settle(self) -> None:
        """Makes of a factor a column of texts, or of numbers where one of them is a number."""
        if self.kind != "factor":
            return
        self.kind = "number" if any(map(_is_number, self.texts)) else "text"
        if not any(self.texts):
            self.kind = "number"  # nothing is known of it
        if self.kind == "number":
            for row, cell in enumerate(self.texts, start=1):
                self.numbers.append(_number(self.path, row, self.name, cell))


def _is_number(cell: str) -> bool:
    """Whether a cell is meant as a number: inf and nan too, which are refused later."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _frame(path: Path, size: int, builders: Sequence[_Builder]) -> Frame:
    if not size:
        raise TableError(f"import.table must have rows below its header; got none in {path}.")
    for builder in builders:
        builder.settle()
    texts = {b.name: b.texts for b in builders if b.kind == "text"}
    numbers = {b.name: np.array(b.numbers) for b in builders if b.kind == "number"}
    return Frame(path, size, texts, numbers)


def _number(path: Path, row: int, column: str, cell: str) -> float:
    text = cell.strip()
    if not text:
        return math.nan
    try:
        value = float(text) if "_" not in text else math.inf
    except ValueError:
        value = math.inf
    if math.isinf(value) or math.isnan(value):
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text):,} characters)"
        raise TableError(
            f"import.table must hold a finite number in row {row}, column {column!r}; got "
            f"{shown!r} in {path}. Correct the cell, or leave it empty where nothing is known."
        )
    return value


def _next(path: Path, rows: Any) -> list[str] | None:
    try:
        return next(rows, None)
    except csv.Error as error:
        raise TableError(
            f"import.table must be CSV with cells of at most {csv.field_size_limit():,} "
            f"characters; got line {rows.line_num} of {path} ({error}). Correct the line."
        ) from error


def _wanted(path: Path, header: Sequence[str], choose: Choose) -> Mapping[str, Kind]:
    name, count = Counter(header).most_common(1)[0]
    if count > 1:
        raise TableError(
            f"import.table must name every column once; got {name!r} twice in {path}. Rename one."
        )
    wanted = choose(header)
    absent = [name for name in wanted if name not in header]
    if absent:
        raise TableError(
            f"import.table must have the column {absent[0]!r}; got none in {path}, which has "
            f"{', '.join(header[:12])}{', ...' if len(header) > 12 else ''}. Correct the name."
        )
    return wanted


def _from_columns(
    path: Path, columns: Mapping[str, tuple[Kind, Sequence[Any]]], size: int
) -> Frame:
    """A frame of what a Parquet file holds; None is an empty cell."""
    builders = []
    for place, (name, (kind, values)) in enumerate(columns.items()):
        builder = _Builder(path, place, name, kind)
        for row, value in enumerate(values, start=1):
            if kind != "number":
                missing = value is None or value != value
                builder.texts.append("" if missing else str(value))
            elif isinstance(value, int | float) and math.isfinite(value):
                builder.numbers.append(value)
            else:
                missing = value is None or value != value
                builder.numbers.append(_number(path, row, name, "" if missing else str(value)))
        builders.append(builder)
    return _frame(path, size, builders)
