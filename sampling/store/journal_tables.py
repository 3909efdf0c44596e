"""The tables of an open journal: rows go in with a digest, and come out only if it still holds."""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from .checks import StoreError
from .database import RECORDED, VERSION, sqlite_seam
from .journal_rows import ArrayRow, OutcomeRow, decode_network, digest
from .records import Network

_LEVEL = 1  # of compression: predictions shrink by it as much as by higher ones, and faster


class Tables:
    """Typed access to an SQLite connection; every message names the journal."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows that a statement finds."""
        with sqlite_seam(self.path):
            return self.connection.execute(statement, values).fetchall()

    def run(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """The cursor after a statement that changes something."""
        with sqlite_seam(self.path):
            return self.connection.execute(statement, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is run inside is on disk when it ends, or nothing of it."""
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self.connection.execute("ROLLBACK")
            raise

    def network(self, position: int, key: str, record: str, stored: bytes) -> Network:
        """The network of a row of `networks`."""
        self.check(stored, digest(position, key, record), f"network {key}")
        return decode_network(record)

    def position(self, key: str) -> int:
        """Where the network of a key stands in the queue."""
        for row in self.rows("SELECT position FROM networks WHERE key = ?", (key,)):
            return int(row[0])
        raise StoreError(f"Journal.key must be of a network in the journal; got {key}. Add it.")

    def outcome(self, position: int) -> OutcomeRow | None:
        """What is recorded of a network, None when nothing is."""
        for row in self.rows("SELECT * FROM outcomes WHERE position = ?", (position,)):
            self.check(row[-1], digest(*row[:-1]), f"the outcome of network {position}")
            return OutcomeRow(*row[1:-1])
        return None

    def add_outcome(self, position: int, row: OutcomeRow) -> None:
        """Records what came of a network."""
        values = (position, *row, digest(position, *row))
        self.run(f"INSERT INTO outcomes VALUES ({','.join('?' * len(values))})", values)
        self.set_note(RECORDED, str(int(self.note(RECORDED) or 0) + 1))

    def replace_outcome(self, position: int, row: OutcomeRow, arrays: Sequence[ArrayRow]) -> None:
        """Records another outcome, and its arrays, in place of that of a network."""
        values = (position, *row, digest(position, *row))
        self.run(f"INSERT OR REPLACE INTO outcomes VALUES ({','.join('?' * len(values))})", values)
        self.run("DELETE FROM arrays WHERE position = ?", (position,))
        for array in arrays:
            self.add_array(position, array)

    def check_complete(self) -> None:
        """Refuses a file in which rows of networks have gone: damage that SQLite cannot see."""
        for table in ("outcomes", "arrays", "attempts"):
            known = "SELECT position FROM networks"
            lost = f"SELECT position FROM {table} WHERE position NOT IN ({known}) LIMIT 1"
            for (position,) in self.rows(lost):
                self.damaged(f"{table} of network {position}, which is not there,")
        # in one statement, as another process may be writing
        for text, stored, count, version in self.rows(
            "SELECT text, digest, (SELECT count(*) FROM outcomes), user_version "
            "FROM pragma_user_version LEFT JOIN notes ON name = ?",
            (RECORDED,),
        ):
            if version < VERSION:
                return
            if text is None or stored != digest(RECORDED, text) or int(text) != count:
                self.damaged(f"{count} outcomes of {text or 'an unknown number'}, the others")

    def arrays(self, position: int) -> list[ArrayRow]:
        """The arrays of a network, ordered by set and name."""
        found = []
        for image_set, name, dtype, shape, data, stored in self.rows(
            "SELECT image_set, name, dtype, shape, data, digest FROM arrays WHERE position = ? "
            "ORDER BY image_set, name",
            (position,),
        ):
            try:
                array = ArrayRow(image_set, name, dtype, shape, zlib.decompress(data))
            except (zlib.error, TypeError):
                self.damaged(f"{image_set}/{name} of network {position}")
            self.check(stored, digest(position, *array), f"{array.label} of network {position}")
            found.append(array)
        return found

    def add_array(self, position: int, row: ArrayRow) -> None:
        """Records one array of a network."""
        packed = row._replace(data=zlib.compress(row.data, _LEVEL))
        values = (position, *packed, digest(position, *row))
        self.run("INSERT INTO arrays VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def attempts(self, position: int) -> tuple[int, str, int]:
        """(attempts started, failure, whether it failed) of a network."""
        for row in self.rows("SELECT * FROM attempts WHERE position = ?", (position,)):
            self.check(row[-1], digest(*row[:-1]), f"the attempts at network {position}")
            return int(row[1]), str(row[2]), int(row[3])
        return 0, "", 0

    def set_attempts(self, position: int, started: int, failure: str, failed: int) -> None:
        """Replaces what `attempts` returns."""
        values = (position, started, failure, failed)
        self.run(
            "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?)", (*values, digest(*values))
        )

    def note(self, name: str) -> str | None:
        """The fact kept under a name, None when there is none."""
        for text, stored in self.rows("SELECT text, digest FROM notes WHERE name = ?", (name,)):
            self.check(stored, digest(name, text), f"the note {name!r}")
            return str(text)
        return None

    def set_note(self, name: str, text: str) -> None:
        """Keeps a fact under a name."""
        self.run("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", (name, text, digest(name, text)))

    def check(self, stored: bytes, computed: bytes, what: str) -> None:
        """Refuses a row that is not what was written."""
        if stored != computed:
            self.damaged(what)

    def damaged(self, what: str) -> NoReturn:
        """Raises the error of a changed row."""
        raise StoreError(
            f"Journal.path must be undamaged; got {what} changed in {self.path}. "
            "Restore a copy, or start again in another folder."
        )
