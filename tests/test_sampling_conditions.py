"""Noised copies: made once, in the order of the protocol, equal pixels kept once."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from images.datasets import Dataset, load_dataset, stratified
from noises.draws import generators
from noises.natural.table import NATURAL_NOISES
from noises.presets import quick
from noises.protocol import Protocol
from sampling.conditions import Cache, load_prepared, prepare
from sampling.copies import Copies

NATURAL = ("gaussian_noise", "fog")
SMALL = replace(
    quick(16), natural=NATURAL, severities=(1, 5), attacked=30, recalibration=50, name="small"
)


def whole(copies: Copies, copy: int) -> np.ndarray:
    """(I, s, s, 3) one copy."""
    return np.concatenate(list(copies.blocks(copy)))


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", 16)


def test_conditions_follow_the_protocol(digits: Dataset, tmp_path: Path) -> None:
    made = prepare(digits, SMALL, 60, Cache(tmp_path))
    natural = [f"{n}_s{s}" for n in NATURAL for s in (1, 5)]
    attacks = [f"{a.name}_e{e + 1}" for a in SMALL.attacks for e in range(len(a.budgets))]
    wanted = ["clean", *natural, *SMALL.system, *attacks]
    assert [c.name for c in made.conditions] == wanted
    assert [r == -1 for r in made.row] == [c.family == "adversarial" for c in made.conditions]


def test_copies_are_what_each_noise_makes_of_the_images(digits: Dataset, tmp_path: Path) -> None:
    made = prepare(digits, SMALL, 60, Cache(tmp_path))
    test = digits.test.take(stratified(digits.test.labels, 60, SMALL.seed))
    assert made.ids == tuple(test.ids)
    np.testing.assert_array_equal(made.labels, test.labels)
    np.testing.assert_array_equal(made.copies.clean, test.pixels)
    for c, condition in enumerate(made.conditions):
        if condition.family == "natural":
            name = json.loads(condition.parameters)["noise"]
            streams = generators(SMALL.seed, name, condition.severity, test.ids)
            wanted = NATURAL_NOISES[name].apply(test.pixels, condition.severity, streams)
            np.testing.assert_array_equal(whole(made.copies, made.row[c]), wanted)


def test_variants_share_a_copy_exactly_when_their_pixels_are_equal(
    digits: Dataset, tmp_path: Path
) -> None:
    made = prepare(digits, SMALL, 60, Cache(tmp_path))
    system = [c for c, condition in enumerate(made.conditions) if condition.family == "system"]
    rows = {made.row[c] for c in system}
    distinct = {whole(made.copies, r).tobytes() for r in rows}
    assert len(distinct) == len(rows) >= 8
    for c in system:
        twin = json.loads(made.conditions[c].parameters)["identical_to"]
        names = [made.conditions[d].name for d in system if made.row[d] == made.row[c]]
        assert (twin or made.conditions[c].name) == names[0]


def test_attacked_images_are_spread_over_the_classes(digits: Dataset, tmp_path: Path) -> None:
    made = prepare(digits, SMALL, 200, Cache(tmp_path))
    counts = np.bincount(made.labels[made.attacked], minlength=10)
    assert counts.sum() == 30
    assert set(counts) == {3}


def test_copies_are_made_once(digits: Dataset, tmp_path: Path) -> None:
    first, calls = prepare(digits, SMALL, 20, Cache(tmp_path)), list[int]()
    second = prepare(digits, SMALL, 20, Cache(tmp_path), calls.append)
    assert (second.home, calls) == (first.home, [])
    for f in range(len(first.copies)):
        np.testing.assert_array_equal(whole(second.copies, f), whole(first.copies, f))
    other: Protocol = replace(SMALL, seed=1)
    assert prepare(digits, other, 20, Cache(tmp_path), calls.append).home != first.home
    assert sum(calls) == 1 + 4 + len(SMALL.system)


def test_incomplete_copies_are_refused(digits: Dataset, tmp_path: Path) -> None:
    made = prepare(digits, SMALL, 20, Cache(tmp_path))
    (made.home / "labels.npy").write_bytes(b"cut")
    with pytest.raises(ValueError, match=r"must hold whole noised copies; got .*noised-"):
        load_prepared(made.home, SMALL)


@pytest.mark.parametrize("block", [1 << 24, 16 * 16 * 3 * 7])
def test_copies_made_as_they_are_read_are_those_on_disk(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    stored = prepare(digits, SMALL, 60, Cache(tmp_path / "stored"))
    monkeypatch.setattr("sampling.copies.BLOCK", block)
    streamed = prepare(digits, SMALL, 60, Cache(tmp_path / "streamed", limit=10_000))
    assert stored.copies.stored
    assert not streamed.copies.stored
    assert streamed.conditions == stored.conditions
    assert streamed.row == stored.row
    for batch in (7, 60, 400):
        pairs = zip(stored.copies.batches(batch), streamed.copies.batches(batch), strict=True)
        for a, b in pairs:
            np.testing.assert_array_equal(a, b)
    size = sum(f.stat().st_size for f in streamed.home.glob("*.uint8"))
    assert size == 60 * 16 * 16 * 3


def test_batches_run_on_from_copy_to_copy(digits: Dataset, tmp_path: Path) -> None:
    made = prepare(digits, SMALL, 60, Cache(tmp_path)).copies
    flat = np.concatenate([whole(made, f) for f in range(len(made))])
    batches = list(made.batches(37))
    assert {len(b) for b in batches[:-1]} == {37}
    np.testing.assert_array_equal(np.concatenate(batches), flat)


def test_copy_that_was_cut_short_is_refused(digits: Dataset, tmp_path: Path) -> None:
    made = prepare(digits, SMALL, 20, Cache(tmp_path))
    (made.home / "fog_s5.uint8").write_bytes(b"short")
    with pytest.raises(ValueError, match=r"must hold whole noised copies; got .*noised-"):
        load_prepared(made.home, SMALL)
