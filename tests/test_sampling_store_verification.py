"""A damaged results.h5 is one clear line, and verify finds every change."""

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from sampling.store import (
    StoreError,
    open_results,
    verify,
    write_results,
)
from tests.sampling_store_example import CAMPAIGN, make_rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A small results file: four networks done, one failed, one pending."""
    path = tmp_path / "results.h5"
    write_results(path, CAMPAIGN, make_rows(), {"command": "robustscope run", "total_s": 2.5})
    return path


def test_verify_accepts_what_was_written(path: Path) -> None:
    verification = verify(path)
    assert verification.ok
    assert verification.problems == ()
    assert verification.stored_hash == verification.recomputed_hash
    assert verification.counts_checked == 2 * 6 * 4


@pytest.mark.parametrize(
    ("dataset", "index", "value", "problem"),
    [
        ("n_evaluated", (1, 2), 21, "n_evaluated differs from its bits: network 000000000001"),
        ("n_correct", (3, 0), 0, "n_correct differs from its bits: network 000000000003"),
        ("correct", (1, 1), 255, "right on images that were not evaluated"),
        ("evaluated", (1, 1, 2), 255, "bits beyond the last image: network 000000000001"),
        ("evaluated", (4, 0, 0), 1, "outcomes of a network that is not done"),
    ],
)
def test_verify_finds_contradictions(
    path: Path, dataset: str, index: tuple[int, ...], value: int, problem: str
) -> None:
    with h5py.File(path, "r+") as file:
        file[f"sets/test/{dataset}"][index] = value
    verification = verify(path)
    assert not verification.ok
    assert verification.problems[0].startswith("content hash")
    assert any(problem in found for found in verification.problems)


def test_results_refuse_bits_that_do_not_match_their_counts(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["sets/test/correct"][2, 1, 0] ^= 4
    with open_results(path) as results:
        results.correct(rows=[0, 1])
        with pytest.raises(ValueError, match="as many ones as n_correct says") as caught:
            results.correct()
    assert str(path) in str(caught.value)


def _delete(name: str) -> Callable[[h5py.File], None]:
    return lambda file: file.__delitem__(name)


def _reshape(file: h5py.File) -> None:
    del file["sets/test/n_correct"]
    file["sets/test/n_correct"] = np.zeros((6, 3), np.uint32)


def _retype(file: h5py.File) -> None:
    del file["networks/seed"]
    file["networks/seed"] = np.zeros(6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.attrs.__setitem__("schema", 2), "schema must be 1; got 2"),
        (lambda file: file.attrs.__delitem__("schema"), "schema must be 1; got none"),
        (lambda file: file.attrs.__delitem__("device"), "got no device"),
        (_delete("networks/pair"), "got no networks/pair"),
        (_delete("sets/test/correct"), "got no sets/test/correct"),
        (_delete("alarms"), "got no alarms"),
        (_reshape, r"n_correct must be uint32 \(6, 4\) .* got uint32 \(6, 3\)"),
        (_retype, r"seed must be int64 \(6,\) .* got float64"),
        (lambda f: f["sets/test/n_evaluated"].__setitem__((0, 0), 22), "n_evaluated <= 21"),
        (lambda f: f["sets/test/n_correct"].__setitem__((5, 0), 1), "n_correct <= n_evaluated"),
    ],
)
def test_results_refuse_incomplete_files(
    path: Path, change: Callable[[h5py.File], None], message: str
) -> None:
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(StoreError, match=message) as caught:
        open_results(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not verify(path).ok


def test_results_refuse_missing_other_and_truncated_files(path: Path, tmp_path: Path) -> None:
    for read in (open_results, verify):
        with pytest.raises(ValueError, match="must be an existing file"):
            read(tmp_path / "missing.h5")
    whole = path.read_bytes()
    contents = [b"", b"id,name\n1,2\n", *(whole[:n] for n in range(1, len(whole), 4999))]
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(ValueError, match="must be a readable results file") as caught:
            open_results(path)
        assert str(path) in str(caught.value)


def test_results_with_a_flipped_bit_are_refused_or_unharmed(path: Path) -> None:
    whole, wanted = path.read_bytes(), verify(path).stored_hash
    rng, found = np.random.default_rng(1), 0
    for offset in rng.integers(0, len(whole), 80):
        damaged = bytearray(whole)
        damaged[offset] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        verification = verify(path)
        found += not verification.ok
        assert not verification.ok or verification.recomputed_hash == wanted
    assert found > 10


@pytest.mark.parametrize("name", ["sets/test/correct", "sets/test/n_correct", "networks/weights"])
def test_verify_finds_a_flipped_bit_in_every_chunk(path: Path, name: str) -> None:
    with h5py.File(path) as file:
        chunks = file[name].id
        places = [chunks.get_chunk_info(index) for index in range(chunks.get_num_chunks())]
    whole = path.read_bytes()
    for place in places:
        damaged = bytearray(whole)
        damaged[place.byte_offset + place.size // 2] ^= 16
        path.write_bytes(damaged)
        verification = verify(path)
        assert not verification.ok
        assert all("\n" not in problem for problem in verification.problems)


def test_results_refuse_links_to_elsewhere(path: Path, tmp_path: Path) -> None:
    shutil.copy(path, tmp_path / "other.h5")
    with h5py.File(path, "r+") as file:
        file["alarms/elsewhere"] = h5py.ExternalLink("other.h5", "/alarms/zero_gradient")
    assert any("plain groups and datasets" in problem for problem in verify(path).problems)
