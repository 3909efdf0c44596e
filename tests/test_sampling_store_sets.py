"""Predictions, confidences, distances, further image sets and sequences: kept, hashed, verified."""

import re
import sqlite3
import weakref
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from sampling.store import (
    NO_PREDICTION,
    Campaign,
    Journal,
    Outcome,
    Results,
    Row,
    SequenceOutcome,
    SetOutcome,
    StoreError,
    open_results,
    verify,
    write_results,
)
from tests.sampling_store_example import (
    CAMPAIGN,
    FULL,
    MOVES,
    ODD,
    make_full_outcome,
    make_full_rows,
    make_network,
    make_outcome,
    make_rows,
)

HASH_BEFORE_SETS = "615fdc73d415ec3295b5d5032388fdd0aceb1693d7b3d8397f30027ce5df2b56"
"""Of the example without optional parts, written by version 0.1.0."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A results file with everything: three full networks, one with bits only, two not done."""
    path = tmp_path / "results.h5"
    write_results(path, FULL, make_full_rows(), {})
    return path


@pytest.fixture
def results(path: Path) -> Iterator[Results]:
    with open_results(path) as results:
        yield results


def _assert_same(got: object, wanted: object) -> None:
    """Every array of two outcomes is the same in type, shape and bytes."""
    assert type(got) is type(wanted)
    for name in (f.name for f in fields(wanted)):  # type: ignore[arg-type]
        a, b = getattr(got, name), getattr(wanted, name)
        if isinstance(b, dict):
            assert a.keys() == b.keys()
            for key, value in b.items():
                if isinstance(value, np.ndarray):
                    np.testing.assert_array_equal(a[key], value)
                else:
                    _assert_same(a[key], value)
        elif isinstance(b, np.ndarray):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        else:
            assert a == b


def test_content_hash_of_results_without_optional_parts_is_the_old_one(tmp_path: Path) -> None:
    assert write_results(tmp_path / "a.h5", CAMPAIGN, make_rows(), {}) == HASH_BEFORE_SETS
    with h5py.File(tmp_path / "a.h5") as file:
        assert list(file["sets"]) == ["test"]
        assert len(file["sets/test"]) == 6


def test_results_return_every_optional_array(results: Results) -> None:
    wanted = [make_full_outcome(index) for index in range(3)]
    assert results.kept() == ("prediction", "confidence", "distance")
    for name, missing in (("prediction", NO_PREDICTION), ("confidence", np.nan)):
        got = getattr(results, name)()
        assert got.dtype == getattr(wanted[0], name).dtype
        np.testing.assert_array_equal(got[:3], [getattr(o, name) for o in wanted])
        np.testing.assert_array_equal(got[3:], np.full((3, 4, 21), missing, got.dtype))
    np.testing.assert_array_equal(results.distance(rows=[0, 1, 2]), [o.distance for o in wanted])
    assert np.isinf(results.distance(["pgd_linf_e1"], [2])).sum() == 1


def test_results_return_further_image_sets(results: Results) -> None:
    wanted = [make_full_outcome(index).others["odd"] for index in range(3)]
    assert list(results.sets) == ["test", "odd"]
    record = results.sets["odd"]
    assert (record.image_ids, record.covered) == (ODD.image_ids, (0, 2))
    np.testing.assert_array_equal(record.labels, ODD.labels)
    for name in ("evaluated", "correct", "prediction"):
        got = getattr(results, name)(image_set="odd", rows=[2, 0])
        np.testing.assert_array_equal(got, [getattr(wanted[2], name), getattr(wanted[0], name)])
    assert not results.evaluated(image_set="odd", rows=[3, 4, 5]).any()
    np.testing.assert_array_equal(
        results.counts("odd")[1][:3], [o.correct.sum(axis=1) for o in wanted]
    )
    assert results.kept("odd") == ("prediction",)


def test_results_return_sequences(results: Results) -> None:
    wanted = [make_full_outcome(index).sequences["test_p"] for index in range(3)]
    record = results.sequence_sets["test_p"]
    for name in ("sequences", "references", "frames", "image_ids"):
        assert getattr(record, name) == getattr(MOVES, name)
    got = results.sequence_predictions("test_p")
    np.testing.assert_array_equal(got[:3], [o.prediction for o in wanted])
    assert (got[3:] == NO_PREDICTION).all()
    got = results.sequence_predictions("test_p", ["tilt"], [1])
    np.testing.assert_array_equal(got[0, 0], wanted[1].prediction[1])
    distances = results.rank_distances("test_p", ["tilt", "gaussian_noise"], [0])
    np.testing.assert_array_equal(distances[0], wanted[0].rank_distance[::-1])  # type: ignore[index]


def test_results_select_optional_arrays_in_the_order_asked(results: Results) -> None:
    whole = results.prediction()
    got = results.prediction(["system_reference", "clean"], [2, 0], "test")
    np.testing.assert_array_equal(got, whole[[2, 0]][:, [2, 0]])


def test_results_name_what_is_not_there(results: Results, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"image_set must be among test, odd; got 'imagenet_a'"):
        results.correct(image_set="imagenet_a")
    with pytest.raises(StoreError, match=r"image_set must be among test_p; got 'odd'"):
        results.sequence_predictions("odd")
    with pytest.raises(StoreError, match="sequences must be among gaussian_noise, tilt; got 'x'"):
        results.rank_distances("test_p", ["x"])
    with pytest.raises(StoreError, match=r"Results\.distance must be kept .*has prediction\."):
        results.distance(image_set="odd")
    write_results(tmp_path / "few.h5", CAMPAIGN, make_rows(), {})
    with open_results(tmp_path / "few.h5") as few:
        assert (few.kept(), list(few.sets), few.sequence_sets) == ((), ["test"], {})
        with pytest.raises(StoreError, match=r"prediction must be kept .*no optional arrays"):
            few.prediction()


def test_results_read_only_the_chunks_asked_for(tmp_path: Path) -> None:
    """Chunks of one network each, and of some conditions where those of a network are large."""
    images = 300_000
    ones = np.ones((4, images), np.bool_)
    labels = np.zeros(images, np.int64)
    ids = tuple(map(str, range(images)))
    campaign = replace(CAMPAIGN, image_ids=ids, labels=labels)
    outcome = Outcome("w", ones, ones, prediction=np.zeros((4, images), np.uint16))
    write_results(tmp_path / "r.h5", campaign, [Row(make_network(0), outcome, "done", "")], {})
    with h5py.File(tmp_path / "r.h5", "r+") as file:
        dataset = file["sets/test/prediction"]
        assert dataset.chunks == (1, 1, images)
        place = dataset.id.get_chunk_info_by_coord((0, 3, 0))
    damaged = bytearray((tmp_path / "r.h5").read_bytes())
    damaged[place.byte_offset + place.size // 2] ^= 16
    (tmp_path / "r.h5").write_bytes(damaged)
    with open_results(tmp_path / "r.h5") as results:
        assert not results.prediction([c.name for c in CAMPAIGN.conditions[:3]]).any()
        with pytest.raises(StoreError):
            results.prediction(["opencv_größe"])


def _changed(change: Callable[[Outcome], Outcome]) -> Callable[[list[Row]], list[Row]]:
    def apply(rows: list[Row]) -> list[Row]:
        assert rows[0].outcome is not None
        return [rows[0]._replace(outcome=change(rows[0].outcome)), *rows[1:]]

    return apply


def _other(outcome: Outcome, **changes: Any) -> Outcome:
    return replace(outcome, others={"odd": replace(outcome.others["odd"], **changes)})


def _said(outcome: Outcome, **changes: Any) -> Outcome:
    return replace(outcome, sequences={"test_p": replace(outcome.sequences["test_p"], **changes)})


@pytest.mark.parametrize(
    "change",
    [
        lambda o: replace(o, prediction=None),
        lambda o: replace(o, confidence=o.confidence * np.float16(0.5)),
        lambda o: replace(o, distance=o.distance + np.float32(1)),
        lambda o: replace(o, others={}),
        lambda o: _other(o, prediction=None),
        lambda o: replace(o, sequences={}),
        lambda o: _said(o, rank_distance=None),
    ],
)
def test_content_hash_sees_every_optional_array(
    tmp_path: Path, path: Path, change: Callable[[Outcome], Outcome]
) -> None:
    rows = _changed(change)(make_full_rows())
    assert write_results(tmp_path / "b.h5", FULL, rows, {}) != verify(path).stored_hash


@pytest.mark.parametrize(
    "campaign",
    [
        replace(FULL, sets=(replace(ODD, covered=()),)),
        replace(FULL, sets=(replace(ODD, image_ids=ODD.image_ids[::-1]),)),
        replace(FULL, sequence_sets=(replace(MOVES, references=("first", "first")),)),
        replace(FULL, sequence_sets=(replace(MOVES, sequences=("tilt", "gaussian_noise")),)),
    ],
)
def test_content_hash_sees_every_record(tmp_path: Path, path: Path, campaign: Campaign) -> None:
    changed = write_results(tmp_path / "b.h5", campaign, make_full_rows(), {})
    assert changed != verify(path).stored_hash


def test_content_hash_of_everything_ignores_order_and_compression(
    tmp_path: Path, path: Path
) -> None:
    again = write_results(tmp_path / "b.h5", FULL, make_full_rows()[::-1], {}, compression=0)
    assert again == verify(path).stored_hash


def test_verify_accepts_everything_that_was_written(path: Path) -> None:
    verification = verify(path)
    assert verification.problems == ()
    assert verification.counts_checked == 2 * 2 * 6 * 4


@pytest.mark.parametrize(
    ("dataset", "index", "value", "problem"),
    [
        ("test/prediction", (0, 1), 2, "prediction on other images than were evaluated: network"),
        ("test/prediction", (0, 0), NO_PREDICTION, "^content"),
        ("test/prediction", (1, 0), 9, "prediction of a class that is not judged: network 00"),
        ("test/prediction", (1, 0), 1, "right where the prediction is not the label"),
        ("test/confidence", (2, 0, slice(0, 9)), np.nan, "confidence on other images than were"),
        ("test/confidence", (2, 3), 1.5, r"confidence outside 0 to 1\.0: network 000000000002"),
        ("test/distance", (2, 1), -1.0, r"distance outside 0 to inf: network 000000000002"),
        ("test/prediction", (5, 2), 1, "prediction on other images than were evaluated"),
        ("odd/prediction", (0, 0), 1, "^odd: prediction of a class that is not judged"),
        ("odd/correct", (1, 0), 0, "^odd: n_correct differs from its bits"),
        ("odd/evaluated", (0, 1, 0), 1, "^odd: n_evaluated differs"),
        ("test_p/prediction", (0, 1, 4), 0, "^test_p: prediction in other frames than the sequen"),
        ("test_p/prediction", (0, 0, 2, 0), NO_PREDICTION, "^test_p: prediction in other frames"),
        ("test_p/prediction", (1, 0, 2, 2), 3, "^test_p: prediction of a class that is not judged"),
        ("test_p/prediction", (4, 0), 0, "^test_p: outcomes of a network that is not done"),
        ("test_p/rank_distance", (1, 0), 0.5, "^test_p: rank_distance on other images than were"),
        ("test_p/rank_distance", (1, 1), -0.5, "^test_p: rank_distance outside 0 to inf"),
    ],
)
def test_verify_names_contradictions(
    path: Path, dataset: str, index: tuple[Any, ...], value: float, problem: str
) -> None:
    with h5py.File(path, "r+") as file:
        file[f"sets/{dataset}"][index] = value
    problems = verify(path).problems
    assert problems[0].startswith("content hash")
    assert any(re.search(problem, found) for found in problems)


def _replaced(name: str, values: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        if name in file:
            del file[name]
        file[name] = values

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            _replaced("sets/test/prediction", np.zeros((6, 4, 21), np.int32)),
            r"sets/test/prediction must be uint16 \(6, 4, 21\) .* got int32",
        ),
        (
            _replaced("sets/test/confidence", np.zeros((6, 4, 20), np.float16)),
            r"confidence must be float16 \(6, 4, 21\) .* got float16 \(6, 4, 20\)",
        ),
        (
            _replaced("sets/odd/distance", np.zeros((6, 4, 9))),
            r"sets/odd/distance must be float32 .* got float64",
        ),
        (_replaced("sets/odd/covered", np.zeros(2)), r"covered must be int64 \(2,\) .* float64"),
        (lambda file: file.__delitem__("sets/odd/n_correct"), "got no sets/odd/n_correct"),
        (lambda f: f["sets/odd/n_correct"].__setitem__((0, 1), 3), "n_correct <= n_evaluated <= 9"),
        (lambda file: file.__delitem__("sets/test_p/prediction"), "no sets/test_p/prediction"),
        (lambda file: file.__delitem__("sets/test_p/reference"), "no sets/test_p/reference"),
        (
            lambda file: file["sets/test_p/frames"].__setitem__(0, 7),
            r"prediction must be uint16 \(6, 2, 7, 3\) .* got uint16 \(6, 2, 5, 3\)",
        ),
        (
            _replaced("sets/test_p/rank_distance", np.zeros((6, 2, 3), np.float16)),
            r"rank_distance must be float32 \(6, 2, 3\)",
        ),
    ],
)
def test_damaged_sets_are_refused_and_named(
    path: Path, change: Callable[[h5py.File], None], message: str
) -> None:
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(StoreError, match=message):
        open_results(path)
    assert not verify(path).ok


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.sqlite", "{}") as journal:
        journal.add([make_network(index) for index in range(6)])
        yield journal


def test_journal_returns_everything_that_was_recorded(journal: Journal) -> None:
    for index in range(4):
        outcome = make_full_outcome(index) if index < 3 else make_outcome(index)
        journal.record(make_network(index).key, outcome)
    rows = journal.outcomes()
    for index in range(3):
        _assert_same(rows[index].outcome, make_full_outcome(index))
    _assert_same(rows[3].outcome, make_outcome(3))


def test_journal_exports_everything(journal: Journal, path: Path, tmp_path: Path) -> None:
    for row in make_full_rows()[3::-1]:  # in another order
        assert row.outcome is not None
        journal.record(row.network.key, row.outcome)
    journal.fail(make_network(4).key, make_rows()[4].failure)
    exported = write_results(tmp_path / "a.h5", FULL, journal.outcomes(), {})
    assert exported == verify(path).stored_hash


def test_journal_ignores_the_same_arrays_and_refuses_others(journal: Journal) -> None:
    key, outcome = make_network(0).key, make_full_outcome(0)
    journal.record(key, outcome)
    assert outcome.confidence is not None
    other_nan = np.where(np.isnan(outcome.confidence), -np.float16("nan"), outcome.confidence)
    journal.record(key, replace(outcome, confidence=other_nan))
    for changed, label in (
        (replace(outcome, distance=None), "distance"),
        (_other(outcome, prediction=None), "odd/prediction"),
        (_said(outcome, rank_distance=None), "test_p/rank_distance"),
        (replace(outcome, others={}), "odd/correct, odd/evaluated, odd/prediction"),
    ):
        with pytest.raises(StoreError, match=f"got other {label} for"):
            journal.record(key, changed)
    _assert_same(journal.outcomes()[0].outcome, outcome)


@pytest.mark.parametrize(
    "change",
    ["data = x'00'", "data = 'text'", "shape = '[21, 4]'", "dtype = '>f4'", "name = 'distances'"],
)
def test_journal_finds_a_changed_array(journal: Journal, change: str) -> None:
    journal.record(make_network(0).key, make_full_outcome(0))
    other = sqlite3.connect(journal.path)
    other.execute(f"UPDATE arrays SET {change} WHERE name = 'distance'")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match=r"distances? of network 1 changed"):
        journal.outcomes()[0]


@pytest.mark.parametrize(("table", "column"), [("arrays", "data"), ("outcomes", "correct")])
def test_journal_refuses_bytes_that_became_text(journal: Journal, table: str, column: str) -> None:
    """One flipped bit in the header of a row does this."""
    journal.record(make_network(0).key, make_full_outcome(0))
    other = sqlite3.connect(journal.path)
    other.execute(f"UPDATE {table} SET {column} = CAST(x'e9' AS TEXT)")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match=r"Journal\.path must be a sound journal"):
        journal.outcomes()[0]


def test_journal_of_version_1_is_read_and_continued(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal.open(path, "{}") as journal:
        journal.add([make_network(0), make_network(1)])
        journal.record(make_network(0).key, make_outcome(0))
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE arrays")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    before = path.read_bytes()
    with Journal.view(path) as journal:
        _assert_same(journal.outcomes()[0].outcome, make_outcome(0))
    assert path.read_bytes() == before
    with Journal.open(path, "{}") as journal:
        journal.record(make_network(1).key, make_full_outcome(1))
        journal.record(make_network(0).key, make_outcome(0))
    with Journal.view(path) as journal:
        _assert_same(journal.outcomes()[0].outcome, make_outcome(0))
        _assert_same(journal.outcomes()[1].outcome, make_full_outcome(1))


BITS = np.ones((4, 9), np.bool_)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda o: replace(o, prediction=o.prediction.astype(int)), r"prediction must be uint16"),
        (lambda o: replace(o, confidence=o.confidence[:3]), r"must be float16 \(4, 21\); got"),
        (
            lambda o: replace(o, prediction=np.zeros((4, 21), np.uint16)),
            "got prediction on other images than were evaluated, 4 times",
        ),
        (lambda o: replace(o, distance=-o.distance), "got distance outside 0 to inf, 1 times"),
        (lambda o: _other(o, correct=BITS), r"others\['odd'\].correct must be False wherever"),
        (
            lambda o: replace(o, others={"odd": SetOutcome(BITS[:2], BITS[:2])}),
            r"others\['odd'\].evaluated must be \(4,\) as the campaign says; got \(2,\)",
        ),
        (lambda o: replace(o, others={"a/b": SetOutcome(BITS, BITS)}), "name without '/'"),
        (lambda o: replace(o, others={"test_p": SetOutcome(BITS, BITS)}), "got 'test_p' twice"),
        (
            lambda o: replace(o, sequences={"x": SequenceOutcome(np.zeros((2, 3), np.uint16))}),
            r"sequences\['x'\].prediction must be a non-empty \(Q, F, I\)",
        ),
        (
            lambda o: _said(o, rank_distance=np.zeros((2, 5), np.float32)),
            r"rank_distance must be float32 \(2, 3\); got float32 \(2, 5\)",
        ),
        (
            lambda o: _said(o, rank_distance=np.zeros((2, 3), np.float32)),
            "got rank_distance on other images than were predicted",
        ),
    ],
)
def test_journal_refuses_arrays_that_contradict_each_other(
    journal: Journal, change: Callable[[Outcome], Outcome], message: str
) -> None:
    with pytest.raises(StoreError, match=message):
        journal.record(make_network(0).key, change(make_full_outcome(0)))
    assert journal.counts().done == 0


@pytest.mark.parametrize(
    ("campaign", "change", "message"),
    [
        (CAMPAIGN, lambda o: replace(o, sequences={}), "sets of the campaign; got 'odd'"),
        (CAMPAIGN, lambda o: replace(o, others={}), "sets of the campaign; got 'test_p'"),
        (
            replace(FULL, sets=(replace(ODD, image_ids=("a",), labels=np.zeros(1, int)),)),
            lambda o: o,
            r"\(4, 1\) as the campaign says; got \(4, 9\)",
        ),
        (
            replace(FULL, sequence_sets=(replace(MOVES, frames=(6, 3)),)),
            lambda o: o,
            r"\(2, 6, 3\) as the campaign says; got \(2, 5, 3\)",
        ),
        (
            replace(FULL, sequence_sets=(replace(MOVES, frames=(5, 4)),)),
            lambda o: o,
            "got prediction in other frames than the sequence has, 1 times",
        ),
        (
            replace(FULL, sets=(replace(ODD, covered=(0, 1)),)),
            lambda o: o,
            "got prediction of a class that is not judged",
        ),
        (
            replace(FULL, labels=(CAMPAIGN.labels + 1) % 3),
            lambda o: o,
            "Outcome must not .* got right where the prediction is not the label",
        ),
        (replace(FULL, sets=(replace(ODD, covered=(2, 0)),)), lambda o: o, "ascending class ind"),
        (replace(FULL, sets=(replace(ODD, covered=(0, 3)),)), lambda o: o, "ascending class ind"),
        (replace(FULL, sets=(ODD, ODD)), lambda o: o, "must be unique; got 'odd' twice"),
        (replace(FULL, sets=(replace(ODD, name="test"),)), lambda o: o, "got 'test' twice"),
        (
            replace(FULL, sequence_sets=(replace(MOVES, frames=(5,)),)),
            lambda o: o,
            "one per sequence, 2 and at least one",
        ),
        (
            replace(FULL, sequence_sets=(replace(MOVES, references=("first", "next")),)),
            lambda o: o,
            "among first, previous; got 'next'",
        ),
        (
            replace(FULL, sequence_sets=(replace(MOVES, labels=np.array([0, 1, 3])),)),
            lambda o: o,
            r"SequenceRecord\['test_p'\].labels must be indices of the 3 classes; got 0 to 3",
        ),
    ],
)
def test_write_results_refuses_sets_that_do_not_fit(
    tmp_path: Path, campaign: Campaign, change: Callable[[Outcome], Outcome], message: str
) -> None:
    with pytest.raises(StoreError, match=message):
        write_results(tmp_path / "r.h5", campaign, _changed(change)(make_full_rows()), {})
    assert list(tmp_path.iterdir()) == []


class _Watched(list[Row]):
    """Rows that are made when asked for; counts how many live outcomes there are at most."""

    def __init__(self, rows: int) -> None:
        self.alive, self.most = list[Any](), 0
        super().__init__([Row(make_network(i), None, "done", "") for i in range(rows)])

    def __getitem__(self, index: Any) -> Any:
        outcome = make_full_outcome(index)
        self.alive = [ref for ref in self.alive if ref() is not None]
        self.alive.append(weakref.ref(outcome.confidence))
        self.most = max(self.most, len(self.alive))
        return super().__getitem__(index)._replace(outcome=outcome)

    def __iter__(self) -> Iterator[Row]:
        return (self[index] for index in range(len(self)))


def test_write_results_holds_the_arrays_of_few_networks(tmp_path: Path) -> None:
    rows = _Watched(40)
    write_results(tmp_path / "r.h5", FULL, rows, {})
    assert rows.most <= 2
    assert verify(tmp_path / "r.h5").ok
