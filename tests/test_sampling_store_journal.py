"""The journal loses and changes nothing that was recorded, and refuses what it cannot trust."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sampling.store import FAILED, PENDING, Counts, Journal, Outcome, StoreError
from tests.sampling_store_example import make_network, make_outcome

ROOT = Path(__file__).parent.parent
SETTINGS = json.dumps({"protocol": {"name": "quick", "seeds": [0, 1]}, "images": 397})


def _assert_equal(got: Outcome | None, wanted: Outcome) -> None:
    assert got is not None
    assert got.weights == wanted.weights
    np.testing.assert_array_equal(got.evaluated, wanted.evaluated)
    np.testing.assert_array_equal(got.correct, wanted.correct)
    assert got.alarms.keys() == wanted.alarms.keys()
    for name, values in wanted.alarms.items():
        np.testing.assert_array_equal(got.alarms[name], values)


def _write_until_killed(path: Path) -> None:
    """What the child process does: one line on standard output per recorded outcome."""
    with Journal.open(path, SETTINGS) as journal:
        journal.add([make_network(index) for index in range(1000)])
        for network in journal.pending():
            index = int(network.id, 16)
            journal.start(network.key)
            journal.record(network.key, make_outcome(index))
            sys.stdout.write(f"{index}\n")
            sys.stdout.flush()
    time.sleep(600)  # a busy parent kills late


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed journal of six networks: four done, one failed, one pending."""
    path = tmp_path / "journal.sqlite"
    with Journal.open(path, SETTINGS) as journal:
        journal.add([make_network(index) for index in range(6)])
        for index in range(4):
            journal.record(make_network(index).key, make_outcome(index))
        journal.fail(make_network(4).key, "out of memory: Überlauf")
        journal.note("train_seconds", "12.5")
    return path


def test_journal_returns_what_was_recorded_in_order(path: Path) -> None:
    with Journal.open(path, SETTINGS) as journal:
        rows = list(journal.outcomes())
        assert journal.counts() == Counts(total=6, done=4, failed=1, pending=1)
    assert [row.network.id for row in rows] == [f"{index:012x}" for index in range(6)]
    for index in range(4):
        _assert_equal(rows[index].outcome, make_outcome(index))
    assert rows[4][1:] == (None, FAILED, "out of memory: Überlauf")
    assert rows[5][1:] == (None, PENDING, "")


def test_journal_keeps_seconds_and_factors_to_the_last_bit(path: Path) -> None:
    with Journal.view(path) as journal:
        rows = list(journal.outcomes())
    assert [row.outcome.seconds for row in rows if row.outcome] == [0.1 * i for i in range(4)]
    assert [row.network.factors["depth"] for row in rows] == [7.0 + i / 3 for i in range(6)]
    assert all(np.isnan(row.network.factors["stem_kernel"]) for row in rows)


def test_journal_pending_leaves_out_done_and_failed(path: Path) -> None:
    with Journal.open(path, SETTINGS) as journal:
        assert [network.id for network in journal.pending()] == [f"{5:012x}"]
        assert journal.retry_failed() == 1
        assert [network.id for network in journal.pending()] == [f"{4:012x}", f"{5:012x}"]


def test_journal_add_again_changes_nothing(path: Path) -> None:
    with Journal.open(path, SETTINGS) as journal:
        assert journal.add([make_network(7), make_network(3), make_network(7)]) == 1
        assert [int(network.id, 16) for network in journal.networks()] == [0, 1, 2, 3, 4, 5, 7]


def test_journal_add_is_all_or_nothing(path: Path) -> None:
    other = replace(make_network(1), design="uniform")
    with Journal.open(path, SETTINGS) as journal:
        with pytest.raises(ValueError, match="one network per key; got another one"):
            journal.add([make_network(8), other])
        assert len(journal.networks()) == 6


def test_journal_record_ignores_the_same_outcome(path: Path) -> None:
    with Journal.open(path, SETTINGS) as journal:
        journal.record(make_network(2).key, replace(make_outcome(2), seconds=99.0))
        outcome = list(journal.outcomes())[2].outcome
    assert outcome is not None
    assert outcome.seconds == 0.2


@pytest.mark.parametrize("field", ["weights", "evaluated", "correct", "alarms"])
def test_journal_record_refuses_another_outcome(path: Path, field: str) -> None:
    old = make_outcome(2)
    ones = np.ones_like(old.evaluated)
    other = {
        "weights": replace(old, weights="f" * 64),
        "evaluated": replace(old, evaluated=ones),
        "correct": replace(old, correct=old.evaluated),
        "alarms": replace(old, alarms={"zero_gradient": np.zeros(4)}),
    }[field]
    with Journal.open(path, SETTINGS) as journal:
        with pytest.raises(ValueError, match=f"got other {field} for"):
            journal.record(make_network(2).key, other)
        _assert_equal(list(journal.outcomes())[2].outcome, old)


def test_journal_record_after_a_failure_makes_it_done(path: Path) -> None:
    with Journal.open(path, SETTINGS) as journal:
        journal.record(make_network(4).key, make_outcome(4))
        assert journal.counts() == Counts(total=6, done=5, failed=0, pending=1)
        assert list(journal.outcomes())[4].failure == ""


def test_journal_counts_attempts_across_openings(path: Path) -> None:
    key = make_network(5).key
    with Journal.open(path, SETTINGS) as journal:
        assert journal.start(key) == 1
    with Journal.open(path, SETTINGS) as journal:
        assert journal.start(key) == 2
        assert journal.attempts(key) == 2
        assert journal.attempts(make_network(0).key) == 0


def test_journal_notes_are_kept_and_replaced(path: Path) -> None:
    with Journal.open(path, SETTINGS) as journal:
        journal.note("train_seconds", "13")
    with Journal.view(path) as journal:
        assert journal.read("train_seconds") == "13"
        assert journal.read("unknown") is None
        assert json.loads(journal.settings) == json.loads(SETTINGS)


def test_journal_refuses_other_settings_and_names_the_first(path: Path) -> None:
    other = json.dumps({"protocol": {"name": "quick", "seeds": [0, 2]}, "images": 397})
    with pytest.raises(ValueError, match=r"got protocol\.seeds\[1\] = 2, was 1 in "):
        Journal.open(path, other)
    with pytest.raises(ValueError, match="got images = absent, was 397"):
        Journal.open(path, json.dumps({"protocol": {"name": "quick", "seeds": [0, 1]}}))
    with pytest.raises(ValueError, match="must be JSON"):
        Journal.open(path, "{not json")


def test_journal_accepts_settings_in_another_order(path: Path) -> None:
    same = json.dumps(dict(reversed(json.loads(SETTINGS).items())), indent=2)
    with Journal.open(path, same) as journal:
        assert journal.counts().done == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"correct": np.ones((4, 21), bool)}, "must be False wherever evaluated is False"),
        ({"correct": np.zeros((4, 20), bool)}, "must have the shape of Outcome.evaluated"),
        ({"evaluated": np.zeros((4, 21))}, "must be a non-empty .* bool array; got float64"),
        ({"alarms": {"loss": np.zeros(2)}}, "got loss of shape"),
        ({"alarms": {"a/b": np.zeros(4)}}, "name without '/'"),
        ({"seconds": float("nan")}, "Outcome.seconds must be finite"),
    ],
)
def test_journal_record_refuses_contradictions(
    path: Path, change: dict[str, object], message: str
) -> None:
    outcome = replace(make_outcome(5), **change)  # type: ignore[arg-type]
    with Journal.open(path, SETTINGS) as journal:
        with pytest.raises(StoreError, match=message):
            journal.record(make_network(5).key, outcome)
        assert journal.counts().done == 4


def test_journal_refuses_what_it_does_not_know_or_cannot_keep(path: Path) -> None:
    with Journal.open(path, SETTINGS) as journal:
        with pytest.raises(ValueError, match="of a network in the journal; got nobody"):
            journal.record("nobody", make_outcome(5))
        with pytest.raises(ValueError, match="network without outcome"):
            journal.fail(make_network(0).key, "late")
        with pytest.raises(ValueError, match="without NUL characters"):
            journal.add([replace(make_network(9), technique="a\0b")])
        with pytest.raises(ValueError, match="must be finite or NaN; got depth = inf"):
            journal.add([replace(make_network(9), factors={"depth": float("inf")})])
        with pytest.raises(ValueError, match="must not be 'settings'"):
            journal.note("settings", "{}")


def test_journal_has_one_writer_and_any_number_of_readers(path: Path) -> None:
    with Journal.open(path, SETTINGS) as writer, Journal.view(path) as reader:
        writer.record(make_network(5).key, make_outcome(5))
        assert reader.counts().done == 5
        with pytest.raises(ValueError, match="written by one process"):
            Journal.open(path, SETTINGS)
        with pytest.raises(ValueError, match="readonly"):
            reader.note("a", "b")


@pytest.mark.parametrize("content", [b"", b"not a journal", b"PK\x03\x04" * 2000])
def test_journal_refuses_other_files(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"Journal\.path must be a .*journal") as caught:
        Journal.open(path, SETTINGS)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_journal_refuses_other_databases_versions_and_places(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 4")
    connection.close()
    with pytest.raises(ValueError, match="version must be 1 to 3; got 4"):
        Journal.open(path, SETTINGS)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA application_id = 5")
    connection.close()
    with pytest.raises(ValueError, match="must be a journal; got another file"):
        Journal.open(path, SETTINGS)
    with pytest.raises(ValueError, match="must be in an existing folder"):
        Journal.open(path.parent / "missing" / "journal.sqlite", SETTINGS)
    with pytest.raises(ValueError, match="must be an existing file"):
        Journal.view(path.parent / "missing.sqlite")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("DELETE FROM outcomes WHERE position = 2", "got 3 outcomes of 4, the others changed"),
        ("UPDATE outcomes SET position = 77 WHERE position = 2", "outcomes of network 77, which"),
        ("DELETE FROM notes WHERE name = 'recorded'", "4 outcomes of an unknown number"),
        ("DELETE FROM networks WHERE position = 5", "attempts of network 5, which is not there"),
    ],
)
def test_journal_notices_rows_that_have_gone(path: Path, damage: str, said: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(damage)
    connection.commit()
    connection.close()
    for opening in (lambda: Journal.open(path, SETTINGS), lambda: Journal.view(path)):
        with pytest.raises(StoreError, match=said):
            opening()


def test_journal_notices_a_table_described_otherwise(path: Path) -> None:
    data = path.read_bytes()
    assert data.count(b"PRIMARY KEY REFERENCES networks,\n    weights") == 1
    bad = b"PbIMARY KEY REFERENCES networks,\n    weights"
    path.write_bytes(data.replace(b"PRIMARY KEY REFERENCES networks,\n    weights", bad))
    with pytest.raises(StoreError, match="the tables are described otherwise"):
        Journal.view(path)


def test_journal_of_version_2_is_counted_when_it_is_opened_for_writing(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM notes WHERE name = 'recorded'")
    connection.execute("PRAGMA user_version = 2")
    connection.commit()
    connection.close()
    with Journal.view(path) as journal:
        assert journal.counts().done == 4
    with Journal.open(path, SETTINGS) as journal:
        journal.record(make_network(5).key, make_outcome(5))
    with Journal.view(path) as journal:
        assert journal.read("recorded") == "5"


def test_journal_commits_reach_the_disk(path: Path) -> None:
    with Journal.open(path, SETTINGS) as journal:
        execute = journal._tables.connection.execute
        assert execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_journal_refuses_remains_of_a_removed_one(path: Path) -> None:
    path.rename(path.with_name("journal.sqlite-wal"))
    with pytest.raises(ValueError, match="must not have lost its main file"):
        Journal.open(path, SETTINGS)


def test_journal_truncated_anywhere_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for length in range(0, len(whole), 1111):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="Journal") as caught:
            Journal.open(path, SETTINGS)
        assert str(path) in str(caught.value)


def test_journal_with_a_flipped_bit_is_refused_or_unharmed(path: Path) -> None:
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for offset in rng.integers(0, len(whole), 150):
        damaged = bytearray(whole)
        damaged[offset] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            with Journal.open(path, SETTINGS) as journal:
                rows, note = list(journal.outcomes()), journal.read("train_seconds")
        except StoreError:
            refused += 1
            continue
        assert [row.network.id for row in rows] == [f"{index:012x}" for index in range(6)]
        for index in range(4):
            _assert_equal(rows[index].outcome, make_outcome(index))
        assert (rows[4].failure, note) == ("out of memory: Überlauf", "12.5")
    assert refused > 0


def test_journal_finds_a_flipped_outcome_bit(path: Path) -> None:
    blob = np.packbits(make_outcome(2).correct, axis=1, bitorder="little").tobytes()
    whole = path.read_bytes()
    assert whole.count(blob) == 1
    path.write_bytes(whole.replace(blob, bytes([blob[0] ^ 1]) + blob[1:]))
    with (
        Journal.open(path, SETTINGS) as journal,
        pytest.raises(ValueError, match="got the outcome of network 3 changed"),
    ):
        list(journal.outcomes())


def _kill_after(child: "subprocess.Popen[str]", lines: int, seconds: float) -> list[int]:
    """The indices that a child acknowledged before it was killed."""
    assert child.stdout is not None
    acknowledged = [child.stdout.readline() for _ in range(lines)]
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    with child.stdout:
        acknowledged += child.stdout.read().splitlines()
    assert child.wait() == -signal.SIGKILL
    return [int(line) for line in acknowledged]


def test_journal_survives_kill_at_any_moment(tmp_path: Path) -> None:
    rng = np.random.default_rng(os.getpid())
    command = [sys.executable, __file__]
    paths = [tmp_path / f"{trial}.sqlite" for trial in range(3)]
    children = [
        subprocess.Popen(
            [*command, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        for path in paths
    ]
    acknowledged = [
        _kill_after(child, wanted, rng.uniform(0, 0.01))
        for child, wanted in zip(children, (1, 40, 300), strict=True)
    ]
    for path, indices in zip(paths, acknowledged, strict=True):
        with Journal.open(path, SETTINGS) as journal:
            rows, pending = list(journal.outcomes()), journal.pending()
        done = [index for index, row in enumerate(rows) if row.outcome is not None]
        assert indices == list(range(len(indices)))
        assert len(done) - len(indices) in (0, 1)  # recorded, not yet acknowledged
        assert len(rows) == 1000
        assert len(pending) == 1000 - len(done)
        for index in done:
            _assert_equal(rows[index].outcome, make_outcome(index))


if __name__ == "__main__":
    _write_until_killed(Path(sys.argv[1]))
