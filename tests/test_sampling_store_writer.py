"""The writer of results.h5: same content, same hash; all or nothing; no nonsense."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from sampling.store import (
    Campaign,
    Condition,
    Journal,
    Outcome,
    Row,
    StoreError,
    open_results,
    verify,
    write_results,
)
from sampling.store.content_hash import content_hash
from tests.sampling_store_example import CAMPAIGN, CONDITIONS, make_network, make_outcome, make_rows

ROOT = Path(__file__).parent.parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A small results file: four networks done, one failed, one pending."""
    path = tmp_path / "results.h5"
    write_results(path, CAMPAIGN, make_rows(), {"command": "robustscope run", "total_s": 2.5})
    return path


def test_content_hash_ignores_order_provenance_and_compression(tmp_path: Path, path: Path) -> None:
    with open_results(path) as results:
        wanted = results.attributes["content_hash"]
    rows = [
        row._replace(outcome=row.outcome and replace(row.outcome, seconds=9.0))
        for row in make_rows()
    ]
    got = write_results(tmp_path / "b.h5", CAMPAIGN, rows[::-1], {"x": "y"}, compression=0)
    assert got == wanted
    assert verify(tmp_path / "b.h5").ok
    assert (tmp_path / "b.h5").read_bytes() != path.read_bytes()


def test_content_hash_ignores_how_values_are_stored(path: Path) -> None:
    wanted = verify(path).stored_hash
    with h5py.File(path, "r+") as file:
        depth = file["networks/factors/depth"]
        values, unit = depth[...], depth.attrs["unit"]
        del file["networks/factors/depth"]
        file["networks/factors/depth"] = values.astype(">f8")  # contiguous, big-endian
        file["networks/factors/depth"].attrs["unit"] = str(unit.decode())
        texts = file["networks/id"].asstr()[...]
        del file["networks/id"]
        file.create_dataset("networks/id", data=texts, dtype=h5py.string_dtype())
    assert verify(path).recomputed_hash == wanted


def _flip(rows: list[Row]) -> tuple[Campaign, list[Row]]:
    outcome = make_outcome(2)
    outcome.correct[1, np.flatnonzero(outcome.evaluated[1])[0]] ^= True
    return CAMPAIGN, [*rows[:2], rows[2]._replace(outcome=outcome), *rows[3:]]


@pytest.mark.parametrize(
    "change",
    [
        _flip,
        lambda rows: (CAMPAIGN, rows[:-1]),
        lambda rows: (CAMPAIGN, [*rows[:4], rows[4]._replace(failure="other"), rows[5]]),
        lambda rows: (replace(CAMPAIGN, device="cuda"), rows),
        lambda rows: (replace(CAMPAIGN, notes=()), rows),
        lambda rows: (replace(CAMPAIGN, spaces={"mobilenet": "{}"}), rows),
        lambda rows: (replace(CAMPAIGN, factor_units={**CAMPAIGN.factor_units, "macs": "M"}), rows),
        lambda rows: (replace(CAMPAIGN, labels=(CAMPAIGN.labels + 1) % 3), rows),
    ],
)
def test_content_hash_sees_every_change(
    tmp_path: Path, path: Path, change: Callable[[list[Row]], tuple[Campaign, list[Row]]]
) -> None:
    campaign, rows = change(make_rows())
    changed = write_results(tmp_path / "b.h5", campaign, rows, {})
    assert changed != verify(path).stored_hash


def test_content_hash_knows_one_nan(tmp_path: Path, path: Path) -> None:
    rows = make_rows()
    for row in rows[:4]:
        assert row.outcome is not None
        row.outcome.alarms["zero_gradient"][0] = -np.float64("nan")  # another bit pattern
    assert write_results(tmp_path / "b.h5", CAMPAIGN, rows, {}) == verify(path).stored_hash


def test_content_hash_is_that_of_the_definition() -> None:
    """One attribute and one dataset, spelled out byte by byte."""

    def framed(*fields: bytes) -> bytes:
        return b"".join(len(field).to_bytes(8, "little") + field for field in fields)

    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        file.attrs["content_hash"] = "not hashed"
        file.attrs["device"] = "cpu"
        file["x/y"] = np.array([1, 2], dtype=">u2")
        file["provenance/seconds"] = 3.0
        got = content_hash(file)
    wanted = framed(b"group", b"")
    wanted += framed(b"attribute", b"", b"device") + framed(b"text", b"") + framed(b"cpu")
    wanted += framed(b"group", b"/x")
    wanted += framed(b"dataset", b"/x/y") + framed(b"<u2", b"2") + b"\1\0\2\0"
    assert got == hashlib.sha256(wanted).hexdigest()


def test_write_results_packs_the_first_image_into_the_lowest_bit(tmp_path: Path) -> None:
    bits = np.zeros((4, 21), np.bool_)
    bits[1, [0, 9, 20]] = True
    rows = [Row(make_network(0), Outcome("w", bits, bits), "done", "")]
    write_results(tmp_path / "r.h5", CAMPAIGN, rows, {})
    with h5py.File(tmp_path / "r.h5") as file:
        assert file["sets/test/correct"][0, 1].tolist() == [1, 2, 16]


def test_write_results_shortens_a_very_long_failure(tmp_path: Path) -> None:
    rows = [Row(make_network(0), None, "failed", "é" * 5000)]
    write_results(tmp_path / "r.h5", CAMPAIGN, rows, {})
    with open_results(tmp_path / "r.h5") as results:
        assert results.networks["failure"][0] == "é" * 2000


@pytest.mark.parametrize(
    ("campaign", "rows", "message"),
    [
        ({}, [], "must not be empty"),
        ({}, [*make_rows(), make_rows()[0]], "hold every network once"),
        ({}, [make_rows()[0]._replace(status="failed")], "'failed' with one"),
        ({}, [make_rows()[4]._replace(status="done")], "'done' without one"),
        ({}, [make_rows()[4]._replace(status="lost")], "got 'lost' without one"),
        (
            {},
            [Row(make_network(0), make_outcome(0, images=20), "done", "")],
            r"\(4, 21\) as the campaign",
        ),
        ({"factor_units": {"depth": "x", "macs": "x"}}, make_rows(), r"none for \['stem_kernel'\]"),
        ({"conditions": CONDITIONS[1:]}, make_rows(), "begin with the clean one; got pgd_linf_e1"),
        ({"conditions": CONDITIONS[:1] * 2}, make_rows(), "must be unique; got 'clean' twice"),
        ({"conditions": CONDITIONS[:2] + CONDITIONS[3:]}, make_rows(), "must name a condition"),
        ({"labels": np.arange(21)}, make_rows(), "indices of the 3 classes; got 0 to 20"),
        ({"labels": np.zeros(20, int)}, make_rows(), r"must be \(21,\) integers"),
        ({"image_ids": ("a",) * 21}, make_rows(), "image_ids must be unique"),
        ({"image_set": "a/b"}, make_rows(), "name without '/'"),
        ({"notes": ("a\ud800",)}, make_rows(), "lone surrogates"),
    ],
)
def test_write_results_refuses_what_does_not_fit(
    tmp_path: Path, campaign: dict[str, object], rows: list[Row], message: str
) -> None:
    with pytest.raises(StoreError, match=message):
        write_results(tmp_path / "r.h5", replace(CAMPAIGN, **campaign), rows, {})  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_write_results_leaves_the_old_file_when_it_fails(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sampling.store.atomic.os.fsync", full)
    with pytest.raises(ValueError, match="No space left on device"):
        write_results(path, CAMPAIGN, make_rows()[:2], {})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_write_results_names_a_missing_folder(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "results.h5"
    with pytest.raises(ValueError, match="writable file in an existing folder") as caught:
        write_results(path, CAMPAIGN, make_rows(), {})
    assert str(path) in str(caught.value)


def test_write_results_refuses_provenance_it_cannot_keep(tmp_path: Path) -> None:
    for provenance in ({"seconds": 1.0}, {"x": None}, {"a/b": 1.0}):
        with pytest.raises(ValueError, match=r"(write_results\.provenance must)"):
            write_results(tmp_path / "r.h5", CAMPAIGN, make_rows(), provenance)  # type: ignore[arg-type]


def test_write_results_is_the_same_bytes_for_the_same_input(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.h5"
    time.sleep(1.1)  # the clock of HDF5 has seconds
    write_results(again, CAMPAIGN, make_rows(), {"command": "robustscope run", "total_s": 2.5})
    assert again.read_bytes() == path.read_bytes()


def test_journal_exports_to_results(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.sqlite", "{}") as journal:
        rows = make_rows()
        journal.add([row.network for row in rows])
        for row in rows[:4]:
            assert row.outcome is not None
            journal.record(row.network.key, row.outcome)
        journal.fail(rows[4].network.key, rows[4].failure)
        exported = write_results(tmp_path / "a.h5", CAMPAIGN, journal.outcomes(), {})
    assert exported == write_results(tmp_path / "b.h5", CAMPAIGN, rows, {})


def test_a_full_campaign_is_written_and_read_in_seconds(tmp_path: Path) -> None:
    """1,200 networks x 45 conditions x 397 images; one busy core takes about 2 seconds."""
    rng, n, m, i = np.random.default_rng(0), 1200, 45, 397
    names = [Condition(f"c{index}", "natural", 1, "{}", "clean") for index in range(1, m)]
    campaign = replace(
        CAMPAIGN,
        conditions=(CONDITIONS[0], *names),
        image_ids=tuple(map(str, range(i))),
        labels=np.zeros(i, np.int64),
    )
    correct = rng.integers(0, 2, (n, m, i), dtype=np.uint8).view(np.bool_)
    ones, start = np.ones((m, i), np.bool_), time.process_time()
    rows = [(make_network(k), Outcome("w", ones, correct[k]), "done", "") for k in range(n)]
    write_results(tmp_path / "r.h5", campaign, rows, {})
    with open_results(tmp_path / "r.h5") as results:
        assert len(results.networks) == len(results.factors) == n
        np.testing.assert_array_equal(results.correct(), correct)
    assert time.process_time() - start < 15


def test_store_needs_no_torch() -> None:
    code = "import sampling.store, sys; sys.exit('torch' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert (
        subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
    )
