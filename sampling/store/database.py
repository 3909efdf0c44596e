"""The SQLite file under the journal: made whole or not at all, opened only when it is sound."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from .atomic import replacing
from .checks import StoreError
from .journal_rows import digest

APPLICATION = 0x52534A31  # "RSJ1" in the header of the file: this SQLite file is a journal
VERSION = 3

RECORDED = "recorded"
"""Note that says how many outcomes there are, from version 3 on: none vanishes unnoticed."""

# What version 2 adds: the optional arrays of outcomes, `image_set` "" being the campaign's own.
_ARRAYS = """
CREATE {}TABLE arrays (
    position INTEGER NOT NULL, image_set TEXT NOT NULL, name TEXT NOT NULL,
    dtype TEXT NOT NULL, shape TEXT NOT NULL, data BLOB NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (position, image_set, name));
"""

# `position` keeps the order of arrival; every row carries the digest of what it says.
_TABLES = f"""{_ARRAYS.format("")}
CREATE TABLE notes (name TEXT PRIMARY KEY, text TEXT NOT NULL, digest BLOB NOT NULL);
CREATE TABLE networks (
    position INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, record TEXT NOT NULL,
    digest BLOB NOT NULL);
CREATE TABLE outcomes (
    position INTEGER PRIMARY KEY REFERENCES networks,
    weights TEXT NOT NULL, conditions INTEGER NOT NULL, images INTEGER NOT NULL,
    evaluated BLOB NOT NULL, correct BLOB NOT NULL, alarms TEXT NOT NULL, seconds REAL NOT NULL,
    digest BLOB NOT NULL);
CREATE TABLE attempts (
    position INTEGER PRIMARY KEY REFERENCES networks,
    started INTEGER NOT NULL, failure TEXT NOT NULL, failed INTEGER NOT NULL,
    digest BLOB NOT NULL);
"""


@contextmanager
def sqlite_seam(path: Path) -> Iterator[None]:
    """Re-raises whatever SQLite or the disk raises as one line that names the journal."""
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # the last: bytes turned text
        reason = " ".join(str(error).split())
        if isinstance(error, sqlite3.OperationalError | OSError):  # locked, disk full, no folder
            advice = "Free the disk or the file, or choose another folder."
        else:
            advice = "Restore a copy, or start again in another folder."
        raise StoreError(
            f"Journal.path must be a sound journal that can be written; got {path} ({reason}). "
            f"{advice}"
        ) from error


def create(path: Path) -> None:
    """Puts an empty journal at `path`, atomically: a file of no bytes is then always damage."""
    stale = [path.with_name(path.name + end) for end in ("-wal", "-shm")]
    if any(file.exists() for file in stale):
        raise StoreError(
            f"Journal.path must not have lost its main file; got {path.name}-wal without {path}. "
            "Restore the file, or remove the remains to start anew."
        )
    with replacing(path) as temporary, closing(sqlite3.connect(temporary)) as connection:
        connection.executescript(_TABLES)
        note = RECORDED, "0", digest(RECORDED, "0")
        connection.execute("INSERT INTO notes VALUES (?, ?, ?)", note)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.commit()


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """An open connection to the sound journal at `path`, WAL and synchronous=FULL.

    A journal of version 1, which has no optional arrays, or 2, which does not say how many outcomes
    it has, is brought to version 3 when opened for writing, and left as it is when only read.

    Raises:
        StoreError: The file is no journal, of another version, or damaged.
        sqlite3.Error: The file is not SQLite, or locked.
    """
    uri = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rw'}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        version = _check_header(path, connection)
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        if version < VERSION:
            _upgrade(connection, version, read_only)
    except BaseException:
        connection.close()
        raise
    return connection


def _upgrade(connection: sqlite3.Connection, version: int, read_only: bool) -> None:
    if read_only:  # a temporary table is not in the file, and every query finds it
        if version < 2:
            connection.execute(_ARRAYS.format("TEMPORARY "))
        return
    connection.execute("BEGIN IMMEDIATE")  # undone when the connection closes before the end
    if version < 2:
        connection.execute(_ARRAYS.format(""))
    (count,) = connection.execute("SELECT count(*) FROM outcomes").fetchone()
    note = RECORDED, str(count), digest(RECORDED, str(count))
    connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", note)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _check_header(path: Path, connection: sqlite3.Connection) -> int:
    """The version of a sound journal."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        what = "an empty file" if path.stat().st_size == 0 else "another file"
        raise StoreError(
            f"Journal.path must be a journal; got {what} at {path}. "
            "Restore a copy, or choose another folder."
        )
    if not 1 <= version <= VERSION:
        raise StoreError(
            f"Journal.version must be 1 to {VERSION}; got {version} in {path}. "
            "Continue with the version of robustscope that made it."
        )
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict == "ok" and not _schema(connection) <= _wanted_schema():
        verdict = "the tables are described otherwise"
    if verdict != "ok":
        reason = " ".join(str(verdict).split())
        raise StoreError(
            f"Journal.path must be undamaged; got {path} ({reason}). "
            "Restore a copy, or start again in another folder."
        )
    return int(version)


def _schema(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    """Names of the tables with the statements that make them."""
    return set(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))


@cache
def _wanted_schema() -> frozenset[tuple[str, str]]:
    """Those of a sound journal; one of version 1 has fewer."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(_TABLES)
        return frozenset(_schema(connection))
