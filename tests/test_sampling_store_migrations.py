"""Every schema that was ever written has an entry, and a newer file says what reads it."""

from pathlib import Path

import h5py
import pytest

from sampling.store import StoreError, open_results, verify, write_results
from sampling.store.migrations import SCHEMAS
from sampling.store.schema import SCHEMA
from tests.sampling_store_example import CAMPAIGN, make_rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that says which version wrote it, as those of runs do."""
    path = tmp_path / "results.h5"
    write_results(path, CAMPAIGN, make_rows(), {"version_robustscope": "7.5.1"})
    return path


def test_schemas_lead_without_a_gap_to_the_present_one() -> None:
    assert list(SCHEMAS) == list(range(1, SCHEMA + 1))
    assert [number for number, schema in SCHEMAS.items() if schema.step is None] == [SCHEMA]


def test_a_newer_file_says_which_version_is_needed(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["schema"] = SCHEMA + 1
    said = f"must be {SCHEMA}; got {SCHEMA + 1} in .* Read it with robustscope 7.5.1 or later; this"
    with pytest.raises(StoreError, match=said):
        open_results(path)
    assert "robustscope 7.5.1 or later" in verify(path).problems[0]


def test_a_newer_file_that_does_not_say_its_version_needs_a_later_one(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["schema"] = SCHEMA + 1
        del file["provenance"]
    with pytest.raises(StoreError, match="Read it with robustscope of a later version; this"):
        open_results(path)


@pytest.mark.parametrize("schema", [0, "two", [1, 2]])
def test_a_file_of_a_schema_that_never_was_is_refused(path: Path, schema: object) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["schema"] = schema
    with pytest.raises(StoreError, match="Read it with the version of robustscope that wrote it"):
        open_results(path)
