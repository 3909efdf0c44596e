"""CSV, JSON and Parquet out: numbers with all their digits, text that no spreadsheet runs."""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from sampling.store.atomic import replacing
from sampling.tables.cells import guard
from sampling.tables.parquet import pyarrow_parquet, write_parquet
from sampling.tables.streams import TableError

Columns = Mapping[str, Any]
"""Column name to R values: a list of text, or an array of numbers with NaN where there is none."""

FORMATS = ("csv", "json", "parquet")


def write_table(path: Path, blocks: Iterable[Columns], form: str) -> Path:
    """Puts a table at `path`, atomically, and returns the path.

    Args:
        path: Where it goes.
        blocks: Parts of the rows one after the other, all with the same columns.
        form: "csv", "json" or "parquet".

    Raises:
        TableError: The format needs something that is not installed, or the folder is missing.
    """
    if form == "parquet":
        pyarrow_parquet()  # before anything is written
    if not path.parent.is_dir():
        raise TableError(
            f"table.out must be in an existing folder; got {path}. Make the folder first."
        )
    with replacing(path) as temporary:
        if form == "parquet":
            write_parquet(temporary, blocks)
        else:
            with temporary.open("w", encoding="utf-8", newline="") as stream:
                _write_text(stream, blocks, form)
    return path


def table_text(columns: Columns, form: str) -> str:
    """A table as CSV or JSON text, without a line break at the end."""
    stream = io.StringIO()
    _write_text(stream, [columns], form)
    return stream.getvalue().rstrip("\n")


def _write_text(stream: IO[str], blocks: Iterable[Columns], form: str) -> None:
    if form == "json":
        _write_json(stream, blocks)
        return
    writer = csv.writer(stream, lineterminator="\n")
    for number, block in enumerate(blocks):
        if number == 0:
            writer.writerow([guard(name) for name in block])
        writer.writerows(zip(*(_cells(values) for values in block.values()), strict=True))


def _cells(values: Sequence[Any]) -> Iterator[str]:
    """Text of every cell; the shortest that reads back as the same number."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iu":
        yield from map(str, values.tolist())
        return
    for value in _plain(values):
        if isinstance(value, str):
            yield guard(value)
        elif value is None:
            yield ""
        else:
            yield repr(int(value)) if float(value).is_integer() else repr(value)


def _plain(values: Any) -> Iterator[str | float | None]:
    """Python values, None for NaN."""
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    for value in listed:
        yield None if isinstance(value, float) and math.isnan(value) else value


def _write_json(stream: IO[str], blocks: Iterable[Columns]) -> None:
    """A list of objects, one per line; null where there is no number."""
    begin = "[\n"
    for block in blocks:
        for row in zip(*(_plain(values) for values in block.values()), strict=True):
            record = dict(zip(block, row, strict=True))
            stream.write(begin + json.dumps(record, ensure_ascii=False, allow_nan=False))
            begin = ",\n"
    stream.write("\n]\n" if begin != "[\n" else "[]\n")
