"""What is intact in a damaged journal, row by row, moved into a sound one.

Every row carries the SHA-256 of what it says, so that a row is either what was written or is lost.
A damaged SQLite file is read from both ends of each table, around the pages that cannot be read;
when its first page, which says where the tables are, is damaged, that of an empty journal stands in
for it: tables begin at the same pages in every journal.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .checks import StoreError
from .database import RECORDED, create
from .journal import Journal
from .journal_rows import decode_outcome
from .journal_tables import Tables
from .records import Network, Outcome

PAGE = 4096
"""Bytes of a page of SQLite's."""

SETTINGS = "settings"


@dataclass(frozen=True)
class Salvage:
    """What was found in a damaged journal.

    Attributes:
        settings: JSON of its settings, None when lost.
        notes: Other notes.
        networks: Position to network.
        outcomes: Position to outcome, of the networks above.
        failures: Position to the reason why it failed.
        lost: In words, what cannot be read; empty for a sound journal.
    """

    settings: str | None
    notes: dict[str, str]
    networks: dict[int, Network]
    outcomes: dict[int, Outcome]
    failures: dict[int, str]
    lost: tuple[str, ...]


def salvage(path: Path) -> Salvage:
    """Everything intact in the journal at `path`, which is not changed.

    Raises:
        StoreError: The file is missing, or nothing of it can be read.
    """
    if not path.is_file():
        raise StoreError(f"Journal.path must be an existing file; got {path}. Correct it.")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".salvage-") as folder:
        found = [_read(copy) for copy in _copies(path, Path(folder))]
    best = max(found, key=lambda f: (len(f.outcomes), len(f.networks), f.settings is not None))
    if not best.networks and best.settings is None:
        raise StoreError(
            f"Journal.path must hold something that can be read; got {path}, which does not. "
            "Restore a copy, or start again in another folder."
        )
    return best


def _copies(path: Path, folder: Path) -> Iterator[Path]:
    """The file as it is, without its unwritten log, and with the first page of an empty journal."""
    for number, (log, first) in enumerate(((True, False), (False, False), (True, True))):
        copy = folder / f"{number}.sqlite"
        shutil.copyfile(path, copy)
        log_path = path.with_name(f"{path.name}-wal")
        if log and log_path.exists():
            shutil.copyfile(log_path, folder / f"{copy.name}-wal")
        if first:
            empty = folder / "empty.sqlite"
            create(empty)
            pages = copy.stat().st_size // PAGE  # said in bytes 28 to 31 of the first
            head = bytearray(empty.read_bytes()[:PAGE])
            head[28:32] = pages.to_bytes(4, "big")
            with copy.open("r+b") as file:
                file.write(head)
        yield copy


def _read(path: Path) -> Salvage:
    with suppress(sqlite3.Error, StoreError), closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")  # a strange schema is no reason to stop
        return _Reader(path, connection).everything()
    return Salvage(None, {}, {}, {}, {}, ("the whole file",))


class _Reader:
    """Reads tables around what cannot be read."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.tables = Tables(path, connection)
        self.lost: list[str] = []

    def everything(self) -> Salvage:
        """Every row that is intact."""
        networks = {}
        for row in self.rows("networks"):
            with self.intact("a network"):
                networks[int(row[0])] = self.tables.network(*row)
        outcomes, failures = {}, {}
        for position in networks:
            with self.intact(f"the outcome of {networks[position].key}"):
                stored = self.tables.outcome(position)
                if stored is not None:
                    outcomes[position] = decode_outcome(stored, self.tables.arrays(position))
            with self.intact(f"the attempts at {networks[position].key}"):
                _, failure, failed = self.tables.attempts(position)
                if failed:
                    failures[position] = failure
        notes = {}
        for row in self.rows("notes"):
            with self.intact("a note"):
                notes[str(row[0])] = self.tables.note(str(row[0])) or ""
        said = int(notes.pop(RECORDED, "0"))
        if said > len(outcomes):
            self.lost.append(f"{said - len(outcomes)} outcomes")
        settings = notes.pop(SETTINGS, None)
        if settings is None:
            self.lost.append("the settings")
        return Salvage(
            settings, notes, networks, outcomes, failures, tuple(dict.fromkeys(self.lost))
        )

    def intact(self, what: str) -> Any:
        """Notes what is lost when something inside cannot be read."""
        return _Noted(self.lost, what)

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """Rows of a table from its beginning and from its end, to where reading fails."""
        found: dict[Any, tuple[Any, ...]] = {}
        for order in ("ASC", "DESC"):
            statement = f"SELECT rowid, * FROM {table} ORDER BY rowid {order}"
            try:
                for row in self.connection.execute(statement):
                    found[row[0]] = row[1:]
                break
            except (sqlite3.Error, UnicodeDecodeError) as error:
                self.lost.append(f"part of {table} ({' '.join(str(error).split())})")
        return [found[rowid] for rowid in sorted(found)]


class _Noted:
    """Context that turns an unreadable row into a word about what is lost."""

    def __init__(self, lost: list[str], what: str) -> None:
        self.lost, self.what = lost, what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> bool:
        expected = kind is not None and issubclass(
            kind, sqlite3.Error | ValueError | TypeError | OverflowError | KeyError
        )
        if expected:
            self.lost.append(self.what)
        return expected


def rewrite(found: Salvage, path: Path) -> None:
    """Puts a sound journal with everything that was found at `path`, where there is none.

    Raises:
        StoreError: The settings are lost, so that nobody knows what the outcomes are of.
    """
    if found.settings is None:
        raise StoreError(
            f"Journal.settings must be readable to go on with what is left of it; got none for "
            f"{path}. Start again in another folder."
        )
    with Journal.open(path, found.settings) as journal:
        journal.add([found.networks[position] for position in sorted(found.networks)])
        for position, outcome in sorted(found.outcomes.items()):
            journal.record(found.networks[position].key, outcome)
        for position, reason in found.failures.items():
            if position not in found.outcomes:
                journal.fail(found.networks[position].key, reason)
        for name, text in found.notes.items():
            journal.note(name, text)
