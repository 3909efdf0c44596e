"""Mutated files end in one clear line or hold what the original does: few here, 10,000 there."""

import pytest

from benchmarks.fuzz import FILES, SUBJECTS, Subject, fuzz


@pytest.mark.parametrize("name", FILES)
def test_mutated_files_are_refused_or_equal(name, tmp_path):
    tally = fuzz(name, 40, tmp_path)
    assert tally.silent_differences == tally.defects == 0
    assert tally.whole + tally.clear_errors + tally.reader_died == 40
    assert tally.clear_errors > 10


def test_readers_that_are_careless_are_noticed(tmp_path, monkeypatch):
    careless = Subject(lambda p: p.write_bytes(bytes(range(64))), lambda p: p.read_bytes(), ".bin")
    monkeypatch.setitem(SUBJECTS, "careless", careless)
    assert fuzz("careless", 20, tmp_path).silent_differences == 20

    def raises(path):
        if path.read_bytes() != bytes(range(64)):
            raise IndexError

    monkeypatch.setitem(SUBJECTS, "raising", Subject(careless.write, raises, ".bin"))
    assert fuzz("raising", 20, tmp_path).defects == 20
