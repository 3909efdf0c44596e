"""Results files that hold counts without bits."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from sampling.store import (
    CountedNetwork,
    StoreError,
    open_results,
    verify,
    write_counts,
    write_results,
)
from tests.sampling_store_example import CAMPAIGN, FULL, make_full_rows, make_network, make_rows

COUNTED = replace(CAMPAIGN, image_ids=(), labels=np.zeros(0, np.int64))
TRIED = np.array([[21, 10, 5, 0], [21, 10, 5, 3], [0, 0, 0, 0]])
RIGHT = np.array([[20, 4, 5, 0], [9, 0, 1, 2], [0, 0, 0, 0]])
NETWORKS = [
    CountedNetwork(make_network(2)),
    CountedNetwork(make_network(0), "ab" * 32),
    CountedNetwork(make_network(1), status="failed", failure="diverged"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_counts(tmp_path / "c.h5", COUNTED, NETWORKS, (TRIED, RIGHT), {"table": "x.csv"})
    return tmp_path / "c.h5"


def test_counts_come_back_in_the_order_of_the_file(path: Path) -> None:
    with open_results(path) as results:
        tried, right = results.counts()
        assert list(results.networks["id"]) == [f"{i:012x}" for i in range(3)]
        assert list(results.networks["status"]) == ["done", "failed", "done"]
        assert results.counted()
        assert (results.image_ids, len(results.labels), results.kept()) == ((), 0, ())
    np.testing.assert_array_equal(tried, TRIED[[1, 2, 0]])
    np.testing.assert_array_equal(right, RIGHT[[1, 2, 0]])


def test_bits_of_counts_are_refused_with_what_to_do(path: Path) -> None:
    with open_results(path) as results:
        for read in (results.correct, results.evaluated):
            with pytest.raises(StoreError, match=r"got counts only for test .* Use counts\(\)"):
                read(["clean"])
        with pytest.raises(StoreError, match="no optional arrays"):
            results.prediction()


def test_verify_accepts_counts_and_says_so(path: Path) -> None:
    verification = verify(path)
    assert verification.ok
    assert (verification.counted, verification.counts_checked) == (("test",), 0)


@pytest.mark.parametrize(
    ("name", "index", "value", "problem"),
    [
        ("n_correct", (0, 1), 9, "content hash"),
        ("n_evaluated", (1, 1), 9, "outcomes of a network that is not done"),
        ("n_correct", (0, 1), 11, "n_correct <= n_evaluated"),
    ],
)
def test_verify_finds_changed_counts(
    path: Path, name: str, index: tuple[int, int], value: int, problem: str
) -> None:
    with h5py.File(path, "r+") as file:
        file[f"sets/test/{name}"][index] = value
    verification = verify(path)
    assert not verification.ok
    assert any(problem in found for found in verification.problems)


@pytest.mark.parametrize("name", ["n_correct", "n_evaluated"])
def test_files_of_counts_that_miss_one_are_refused(path: Path, name: str) -> None:
    with h5py.File(path, "r+") as file:
        del file[f"sets/test/{name}"]
    with pytest.raises(StoreError, match=f"got no sets/test/{name}"):
        open_results(path)


def test_files_with_bits_are_as_they_were(tmp_path: Path) -> None:
    digest = write_results(tmp_path / "r.h5", CAMPAIGN, make_rows(), {})
    # as version 0.2.0 wrote it, before files could hold counts alone
    assert digest == "615fdc73d415ec3295b5d5032388fdd0aceb1693d7b3d8397f30027ce5df2b56"
    full = write_results(tmp_path / "full.h5", FULL, make_full_rows(), {})
    assert full == "c06dc20184dcdf13b70fb2bb684acee42651ec42b4c09feaad9a9d1f6c033455"
    with open_results(tmp_path / "r.h5") as results:
        assert not results.counted()
    assert verify(tmp_path / "r.h5").counted == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"counts": (TRIED, RIGHT[:2])}, r"n_correct must be integers \(3, 4\)"),
        ({"counts": (TRIED * 1.0, RIGHT)}, "n_evaluated must be integers"),
        ({"counts": (TRIED, TRIED + 1)}, "must satisfy 0 <= n_correct <= n_evaluated"),
        ({"counts": (TRIED + 1, RIGHT)}, "must be 0 for networks that are not done"),
        ({"campaign": CAMPAIGN}, "image_ids must be empty"),
        ({"networks": [*NETWORKS[:2], NETWORKS[0]]}, "every network once"),
        ({"networks": [*NETWORKS[:2], replace(NETWORKS[2], status="lost")]}, "got 'lost'"),
        ({"campaign": replace(COUNTED, factor_units={})}, "factor_units must name the unit"),
    ],
)
def test_counts_that_fit_nothing_are_refused(tmp_path: Path, change: dict, said: str) -> None:
    given = {"campaign": COUNTED, "networks": NETWORKS, "counts": (TRIED, RIGHT)} | change
    with pytest.raises(StoreError, match=said):
        write_counts(tmp_path / "c.h5", provenance={}, **given)
    assert list(tmp_path.iterdir()) == []


def test_one_column_is_read_as_the_tables_have_it(path: Path) -> None:
    with open_results(path) as results:
        for name in ("id", "architecture", "seed", "status"):
            assert results.network_column(name).tolist() == results.networks[name].tolist()
        np.testing.assert_array_equal(results.factor("depth"), results.factors["depth"])
        assert results.size == 3
        with pytest.raises(StoreError, match="among id, architecture"):
            results.network_column("idd")
        with pytest.raises(StoreError, match="among depth"):
            results.factor("dept")
