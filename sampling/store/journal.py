"""The campaign's queue and memory: an SQLite file, written by one process as outcomes arrive.

Every method that writes is one transaction that is on disk (WAL, synchronous=FULL) when it returns.
Killing the process at any time loses at most what it had not yet recorded.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from .checks import StoreError, check_network, check_text
from .database import RECORDED, connect, create, sqlite_seam
from .growth import joined
from .journal_rows import (
    ArrayRow,
    OutcomeRow,
    decode_outcome,
    digest,
    encode_arrays,
    encode_network,
    encode_outcome,
)
from .journal_tables import Tables
from .outcome_checks import check_outcome
from .records import DONE, FAILED, PENDING, Network, Outcome, Row
from .settings import canonical, first_difference

_SETTINGS = "settings"
_RESERVED = (_SETTINGS, RECORDED)


@dataclass(frozen=True)
class Counts:
    """How many networks there are and how many are done, failed and still to do."""

    total: int
    done: int
    failed: int
    pending: int


class Journal:
    """The networks of a campaign in order, and what came of each; use it as a context manager.

    One process writes (a lock file beside the journal sees to it); any number may `view`. Start
    workers by "spawn": a forked one inherits the lock and keeps it when the writer is killed.
    A journal belongs to the thread that opened it.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: FileLock | None) -> None:
        self.path = path
        self._tables = Tables(path, connection)
        self._lock = lock

    @classmethod
    def open(cls, path: Path, settings: str) -> Self:
        """The journal at `path`, made if there is none, for writing.

        Args:
            path: The SQLite file; its folder must exist.
            settings: JSON of everything outcomes depend on.

        Raises:
            StoreError: It was made with other settings, is in use by another process, damaged, no
                journal or of another version.
        """
        path, wanted = Path(path), canonical(settings)
        lock = FileLock(path.with_name(path.name + ".lock"))
        with sqlite_seam(path):
            _acquire(path, lock)
            try:
                if not path.exists():
                    create(path)
                journal = cls(path, connect(path, read_only=False), lock)
            except BaseException:
                lock.release()
                raise
        try:
            journal._tables.check_complete()
            journal._settle(wanted)
        except BaseException:
            journal.close()
            raise
        return journal

    @classmethod
    def view(cls, path: Path) -> Self:
        """The journal at `path` for reading only, also while another process writes it.

        Raises:
            StoreError: It is missing, damaged, no journal or of another version.
        """
        path = Path(path)
        if not path.is_file():
            raise StoreError(f"Journal.path must be an existing file; got {path}. Correct it.")
        with sqlite_seam(path):
            journal = cls(path, connect(path, read_only=True), None)
        try:
            journal._tables.check_complete()
        except BaseException:
            journal.close()
            raise
        return journal

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file and lets others write it."""
        self._tables.connection.close()
        if self._lock is not None:
            self._lock.release()

    @property
    def settings(self) -> str:
        """Canonical JSON of the settings the journal was made with."""
        return self._tables.note(_SETTINGS) or "{}"

    def add(self, networks: Sequence[Network]) -> int:
        """How many of `networks` were new; they join the queue at its end, all or none.

        Raises:
            StoreError: A network has the key of another one that differs in some field.
        """
        new = 0
        with self._tables.transaction():
            for network in networks:
                new += self._add_one(network)
        return new

    def networks(self) -> list[Network]:
        """All networks in the order in which they were added."""
        return [self._tables.network(*row) for row in self._tables.rows("SELECT * FROM networks")]

    def pending(self) -> list[Network]:
        """Networks with neither an outcome nor a failure, in order."""
        rows = self._tables.rows(
            "SELECT * FROM networks WHERE position NOT IN (SELECT position FROM outcomes) "
            "AND position NOT IN (SELECT position FROM attempts WHERE failed)"
        )
        return [self._tables.network(*row) for row in rows]

    def start(self, key: str) -> int:
        """Which attempt at the network this is, from 1; call it before evaluating."""
        with self._tables.transaction():
            position = self._tables.position(key)
            started, failure, failed = self._tables.attempts(position)
            self._tables.set_attempts(position, started + 1, failure, failed)
        return started + 1

    def attempts(self, key: str) -> int:
        """How often the evaluation of the network was started."""
        return self._tables.attempts(self._tables.position(key))[0]

    def record(self, key: str, outcome: Outcome) -> None:
        """Keeps the outcome of a network; one that failed before is then done.

        Recording an equal outcome again changes nothing (`seconds` may differ).

        Raises:
            StoreError: The key is unknown, the arrays of the outcome contradict each other, or
                another outcome is recorded already.
        """
        check_outcome(key, outcome)
        new, arrays = encode_outcome(outcome), encode_arrays(outcome)
        with self._tables.transaction():
            position = self._tables.position(key)
            old = self._tables.outcome(position)
            if old is None:
                self._tables.add_outcome(position, new)
                for array in arrays:
                    self._tables.add_array(position, array)
            elif differing := _differing(old, new, self._tables.arrays(position), arrays):
                raise StoreError(
                    f"Journal.record must not change a recorded outcome; got other "
                    f"{', '.join(differing)} for {key}. Start again in another folder."
                )

    def grow(self, key: str, more: Outcome) -> None:
        """Adds to the outcome of a network what it did on further images; see `joined`.

        Raises:
            StoreError: The key has no outcome, or both do not fit each other.
        """
        check_outcome(key, more)
        with self._tables.transaction():
            position = self._tables.position(key)
            row = self._tables.outcome(position)
            if row is None:
                raise StoreError(f"Journal.grow must be of a network with outcome; got {key}.")
            old = decode_outcome(row, self._tables.arrays(position))
            whole = joined(key, old, more)
            self._tables.replace_outcome(position, encode_outcome(whole), encode_arrays(whole))

    def give_up(self, key: str, reason: str) -> None:
        """Remembers why a network that has an outcome did not get a larger one.

        Raises:
            StoreError: The key is unknown.
        """
        check_text("Journal.give_up.reason", reason)
        with self._tables.transaction():
            position = self._tables.position(key)
            self._tables.set_attempts(position, self._tables.attempts(position)[0], reason, 1)

    def given_up(self) -> dict[str, str]:
        """Key to reason of the networks that have an outcome and were given up."""
        rows = self._tables.rows(
            "SELECT key, failure FROM networks JOIN attempts USING (position) WHERE failed "
            "AND position IN (SELECT position FROM outcomes) ORDER BY position"
        )
        return {str(key): str(failure) for key, failure in rows}

    def fail(self, key: str, reason: str) -> None:
        """Takes a network out of the queue, with the reason.

        Raises:
            StoreError: The key is unknown or has an outcome.
        """
        check_text("Journal.fail.reason", reason)
        with self._tables.transaction():
            position = self._tables.position(key)
            if self._tables.outcome(position) is not None:
                raise StoreError(
                    f"Journal.fail must be called for a network without outcome; got {key}. "
                    "Keep its outcome."
                )
            self._tables.set_attempts(position, self._tables.attempts(position)[0], reason, 1)

    def retry_failed(self) -> int:
        """How many failed networks went back into the queue; their attempts start from 0."""
        with self._tables.transaction():
            return self._tables.run(
                "DELETE FROM attempts WHERE failed "
                "AND position NOT IN (SELECT position FROM outcomes)"
            ).rowcount

    def outcomes(self) -> Sequence[Row]:
        """Every network with its outcome, status and failure, in order.

        Rows are read when asked for and not kept: going through them needs memory for one.
        """
        return _Rows(self._tables)

    def counts(self) -> Counts:
        """How many networks there are, are done, failed and are still to do."""
        ((total, done, failed),) = self._tables.rows(
            "SELECT (SELECT count(*) FROM networks), (SELECT count(*) FROM outcomes), "
            "(SELECT count(*) FROM attempts WHERE failed "
            "AND position NOT IN (SELECT position FROM outcomes))"
        )
        return Counts(total, done, failed, total - done - failed)

    def failures(self) -> list[tuple[str, str]]:
        """(key, reason) of the networks that failed, in order."""
        positions = self._tables.rows(
            "SELECT key, failure FROM networks JOIN attempts USING (position) WHERE failed "
            "AND position NOT IN (SELECT position FROM outcomes) ORDER BY position"
        )
        return [(str(key), str(failure)) for key, failure in positions]

    def seconds(self) -> float:
        """Wall time of all evaluations that gave an outcome, together."""
        ((total,),) = self._tables.rows("SELECT coalesce(sum(seconds), 0.0) FROM outcomes")
        return float(total)

    def note(self, name: str, text: str) -> None:
        """Keeps a small fact under a name; an older one of that name is replaced."""
        check_text("Journal.note.name", name)
        check_text("Journal.note.text", text)
        if name in _RESERVED:
            raise StoreError(f"Journal.note.name must not be {name!r}; got it. Choose another.")
        with self._tables.transaction():
            self._tables.set_note(name, text)

    def read(self, name: str) -> str | None:
        """The fact kept under a name, None when there is none."""
        return self._tables.note(name)

    def _settle(self, wanted: str) -> None:
        """Keeps the settings of a new journal; refuses others than the kept ones."""
        kept = self._tables.note(_SETTINGS)
        if kept is None:
            if self.counts().total:
                raise StoreError(
                    f"Journal.settings must be kept in the journal; got none in {self.path}. "
                    "Restore a copy, or start again in another folder."
                )
            with self._tables.transaction():
                self._tables.set_note(_SETTINGS, wanted)
        elif difference := first_difference(kept, wanted):
            name, old, new = difference
            raise StoreError(
                f"Journal.settings must be those the journal was made with; got {name} = {new}, "
                f"was {old} in {self.path}. Use the same settings or another folder."
            )

    def _add_one(self, network: Network) -> bool:
        check_network(network)
        record = encode_network(network)
        for (kept,) in self._tables.rows(
            "SELECT record FROM networks WHERE key = ?", (network.key,)
        ):
            if kept != record:
                raise StoreError(
                    f"Journal.add must be given one network per key; got another one for "
                    f"{network.key}. Keep the first one drawn."
                )
            return False
        ((last,),) = self._tables.rows("SELECT coalesce(max(position), 0) FROM networks")
        values = (last + 1, network.key, record, digest(last + 1, network.key, record))
        self._tables.run("INSERT INTO networks VALUES (?, ?, ?, ?)", values)
        return True


class _Rows(Sequence[Row]):
    """Rows by their number, for the networks that were there when it was made."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._networks = tables.rows("SELECT * FROM networks")

    def __len__(self) -> int:
        return len(self._networks)

    def __getitem__(self, index: int) -> Row:  # type: ignore[override]
        tables, position = self._tables, self._networks[index][0]
        network = tables.network(*self._networks[index])
        row = tables.outcome(position)
        if row is not None:
            return Row(network, decode_outcome(row, tables.arrays(position)), DONE, "")
        _, failure, failed = tables.attempts(position)
        return Row(network, None, FAILED if failed else PENDING, failure if failed else "")


def _differing(
    old: OutcomeRow, new: OutcomeRow, old_arrays: list[ArrayRow], new_arrays: list[ArrayRow]
) -> list[str]:
    """Names of what differs between two outcomes; seconds may."""
    names = [n for n in OutcomeRow._fields[:-1] if getattr(old, n) != getattr(new, n)]
    return names + sorted({array.label for array in set(old_arrays) ^ set(new_arrays)})


def _acquire(path: Path, lock: FileLock) -> None:
    if not path.parent.is_dir():
        raise StoreError(
            f"Journal.path must be in an existing folder; got {path}. Make the folder first."
        )
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise StoreError(
            f"Journal.path must be written by one process; got {path}, in use by another. "
            "Wait for it, or stop it."
        ) from error
