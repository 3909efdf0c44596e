"""Parquet in and out, where pyarrow is installed (`pip install robustscope[parquet]`)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sampling.tables.streams import LIMIT_BYTES, TableError

_MAGIC = b"PAR1"
_CELL_LIMIT = LIMIT_BYTES // 8
"""Cells that a file may hold: runs of one value take next to nothing until they are read."""


def pyarrow_parquet() -> Any:
    """The module pyarrow.parquet.

    Raises:
        TableError: It is not installed.
    """
    try:
        import pyarrow.parquet as module
    except ImportError as error:
        raise TableError(
            "table.format must be one that is installed; got parquet, which needs pyarrow. "
            "Run pip install robustscope[parquet], or use csv."
        ) from error
    return module


def is_parquet(path: Path) -> bool:
    """Whether a file is there and begins as Parquet files do."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(4) == _MAGIC


def read_parquet(
    path: Path, choose: Callable[[Sequence[str]], Mapping[str, Literal["text", "number", "factor"]]]
) -> tuple[dict[str, tuple[Literal["text", "number", "factor"], Sequence[Any]]], int]:
    """(column to what it holds and its values, rows); only the columns asked for are read.

    Raises:
        TableError: pyarrow is not installed, or the file is damaged or too large.
    """
    with _opened(path) as file:
        wanted = choose(file.schema_arrow.names)
        rows = file.metadata.num_rows
        _check_size(path, file.metadata, rows * max(1, len(wanted)))
        table = file.read(columns=list(wanted))
        columns = {name: (kind, table.column(name).to_pylist()) for name, kind in wanted.items()}
        return columns, rows


def parquet_header(path: Path) -> Sequence[str]:
    """Names of the columns.

    Raises:
        TableError: pyarrow is not installed, or the file is damaged.
    """
    with _opened(path) as file:
        names: list[str] = file.schema_arrow.names
        return names


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The open file; what pyarrow raises inside is one line that names it."""
    module = pyarrow_parquet()
    import pyarrow

    try:
        with module.ParquetFile(path) as file:
            yield file
    except (pyarrow.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:160]
        raise TableError(
            f"import.table must be a readable Parquet file; got {path} ({reason}). Fetch it again."
        ) from error


def _check_size(path: Path, metadata: Any, cells: int) -> None:
    groups = range(metadata.num_row_groups)
    unpacked = sum(metadata.row_group(group).total_byte_size for group in groups)
    if unpacked > LIMIT_BYTES or cells > _CELL_LIMIT:
        raise TableError(
            f"import.table must unpack to at most {LIMIT_BYTES:,} bytes and {_CELL_LIMIT:,} cells; "
            f"got {unpacked:,} and {cells:,} in {path}. Leave out columns that are not needed."
        )


def write_parquet(path: Path, blocks: Iterable[Mapping[str, Any]]) -> None:
    """Writes blocks of columns, all with the names and types of the first, to an open place.

    Raises:
        TableError: pyarrow is not installed.
    """
    module = pyarrow_parquet()
    import pyarrow

    writer = None
    try:
        for block in blocks:
            table = pyarrow.table({name: pyarrow.array(v) for name, v in block.items()})
            writer = writer or module.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
