"""Bytes of a file that somebody else made: unpacked within a limit, decoded line by line."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

LIMIT_BYTES = 1 << 30
"""Unpacked bytes that a file may hold; a compressed file of some kilobytes may hold more."""
LINE_BYTES = 16 << 20
"""Bytes that one line may hold."""

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"


class TableError(ValueError):
    """A file that cannot be imported, in one line that names the place."""


def lines(path: Path, limit: int = LIMIT_BYTES) -> Iterator[str]:
    """Lines of a UTF-8 text file, unpacked when it is gzip.

    Raises:
        TableError: It is missing, not UTF-8, damaged, or unpacks to more than `limit` bytes.
    """
    done = 0
    with _opened(path) as stream:
        for number, line in enumerate(_raw_lines(path, stream), start=1):
            done += len(line)
            if done > limit:
                raise _too_large(path, limit)
            if len(line) > LINE_BYTES:
                raise TableError(
                    f"import.table must have lines of at most {LINE_BYTES:,} bytes; got a longer "
                    f"one in {path}, line {number}. Is it a table?"
                )
            yield _decoded(path, number, line)


def read_json(path: Path, prefix: str = "", limit: int = LIMIT_BYTES) -> Any:
    """What a JSON file says; keys that are there twice are refused.

    Args:
        path: The file, plain or gzip.
        prefix: Taken off when the text begins with it, for instance "acc=" of a script.
        limit: Unpacked bytes.

    Raises:
        TableError: It is missing, too large, not UTF-8 or no JSON.
    """
    text = "".join(lines(path, limit)).removeprefix("\ufeff").strip()
    text = text.removeprefix(prefix).rstrip(";") if prefix else text
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise TableError(f"import.table must be JSON; got {path} ({reason}). Check it.") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:60]!r} is there twice")
    return found


def _opened(path: Path) -> IO[bytes]:
    if not path.is_file():
        raise TableError(f"import.table must be a file; got {path}. Correct the path.")
    with path.open("rb") as stream:
        head = stream.read(4)
    if head == _ZIP:
        raise TableError(
            f"import.table must be text, gzip or Parquet; got the zip archive {path}. Unpack it."
        )
    if head.startswith(_GZIP):
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def _raw_lines(path: Path, stream: IO[bytes]) -> Iterator[bytes]:
    """Lines of bytes; a line beyond the limit comes in pieces, the first of them too long."""
    try:
        while line := stream.readline(LINE_BYTES + 1):
            yield line
    except (OSError, EOFError, zlib.error) as error:
        raise TableError(
            f"import.table must be readable; got {path} ({error}). Fetch it again."
        ) from error


def _decoded(path: Path, number: int, line: bytes) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise TableError(
            f"import.table must be UTF-8; got the byte 0x{line[error.start]:02x} in {path}, line "
            f"{number}, byte {error.start + 1}. Save it as UTF-8."
        ) from error


def _too_large(path: Path, limit: int) -> TableError:
    return TableError(
        f"import.table must unpack to at most {limit:,} bytes; got more in {path}. "
        "Leave out columns that are not needed."
    )
