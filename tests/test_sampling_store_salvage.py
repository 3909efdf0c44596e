"""What is intact in a damaged journal is kept, and nothing else."""

import numpy as np
import pytest

from sampling.store import Journal, StoreError
from sampling.store.salvage import rewrite, salvage
from tests.sampling_store_example import make_full_outcome, make_network, make_outcome

SETTINGS = '{"images": 21}'
N = 40


@pytest.fixture
def path(tmp_path):
    """A closed journal: 30 networks done, one failed."""
    path = tmp_path / "journal.sqlite"
    with Journal.open(path, SETTINGS) as journal:
        journal.add([make_network(i) for i in range(N)])
        for i in range(30):
            journal.record(make_network(i).key, make_full_outcome(i) if i % 2 else make_outcome(i))
        journal.fail(make_network(30).key, "died")
        journal.note("workers", "2")
    return path


def check(found):
    """Whatever was found is what was written."""
    keys = {make_network(i).key: i for i in range(N)}
    for position, outcome in found.outcomes.items():
        i = keys[found.networks[position].key]
        wanted = make_full_outcome(i) if i % 2 else make_outcome(i)
        assert outcome.weights == wanted.weights
        assert np.array_equal(outcome.correct, wanted.correct)
        assert (outcome.prediction is None) == (wanted.prediction is None)
    return len(found.outcomes)


def test_sound_journal_is_found_whole(path, tmp_path):
    found = salvage(path)
    assert check(found) == 30
    assert found.lost == ()
    assert found.notes == {"workers": "2"}
    assert list(found.failures.values()) == ["died"]
    rewrite(found, tmp_path / "new.sqlite")
    with Journal.view(path) as old, Journal.view(tmp_path / "new.sqlite") as new:
        assert old.counts() == new.counts()
        assert [r.network for r in old.outcomes()] == [r.network for r in new.outcomes()]


@pytest.mark.parametrize("seed", range(4))
def test_one_page_of_noise_costs_a_part_and_what_it_costs_is_said(seed, path, tmp_path):
    data, rng = path.read_bytes(), np.random.default_rng(seed)
    kept = []
    for page in rng.permutation(len(data) // 4096)[:8]:
        damaged = bytearray(data)
        damaged[4096 * page : 4096 * (page + 1)] = rng.bytes(4096)
        path.write_bytes(damaged)
        found = salvage(path)
        kept.append(check(found))
        assert kept[-1] == 30 or found.lost
        assert path.read_bytes() == damaged
    assert np.median(kept) >= 15
    assert list(tmp_path.glob(".salvage*")) == []


def test_first_page_is_that_of_every_journal(path):
    data = bytearray(path.read_bytes())
    data[:4096] = np.random.default_rng(0).bytes(4096)
    path.write_bytes(data)
    assert check(salvage(path)) == 30


def test_what_is_left_goes_on_as_a_journal(path, tmp_path):
    data = bytearray(path.read_bytes())
    place = data.index(f"{7:064x}".encode())  # the weights of network 7
    data[place : place + 8] = b"deadbeef"
    path.write_bytes(data)
    found = salvage(path)
    assert check(found) == 29
    rewrite(found, tmp_path / "new.sqlite")
    with Journal.open(tmp_path / "new.sqlite", SETTINGS) as journal:
        journal.add([make_network(i) for i in range(N)])
        assert journal.counts().total == N
        assert next(n.id for n in journal.pending()) == f"{7:012x}"


def test_truncated_journal_keeps_what_is_left(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 9 // 10])
    found = salvage(path)
    assert check(found) < 30
    assert found.lost


@pytest.mark.parametrize("content", [b"", b"no journal" * 1000])
def test_file_that_holds_nothing_is_refused(content, tmp_path):
    (tmp_path / "journal.sqlite").write_bytes(content)
    with pytest.raises(StoreError, match="must hold something that can be read"):
        salvage(tmp_path / "journal.sqlite")


def test_absent_file_is_refused(tmp_path):
    with pytest.raises(StoreError, match="must be an existing file"):
        salvage(tmp_path / "journal.sqlite")
