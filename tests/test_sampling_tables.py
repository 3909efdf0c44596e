"""Tables out of results files and back: equal counts, no formulas, bad cells named."""

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sampling.store import open_results, verify, write_results
from sampling.tables import streams
from sampling.tables.cells import guard, unguard
from sampling.tables.export import export_table
from sampling.tables.imported import Request
from sampling.tables.importing import import_table
from sampling.tables.named_columns import import_named
from sampling.tables.shares import rounding_note, to_counts
from sampling.tables.streams import TableError
from tests.sampling_store_example import CAMPAIGN, FULL, make_full_rows, make_rows

TABLE = "name,kernel,clean,pgd\na,3,93.25,10\nb,5,81.5,0\n"
ASKED = Request(("kernel",), ("clean", "pgd@1000"), 400, "percent")


def write(tmp_path: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    "text",
    ["", "a", "=1+1", "+1", "-1", "@x", "'a", "'=1", "''-x", "\tx", "\r=", "'", "''", "é=1", " =1"],
)
def test_guarded_text_reads_back_and_runs_nowhere(text: str) -> None:
    assert unguard(guard(text)) == text
    assert not guard(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_unguarded_text_of_others_stays_as_it_is() -> None:
    for text in ("'quoted'", "it's", "plain"):
        assert unguard(text) == text


@pytest.fixture
def results(tmp_path: Path) -> Path:
    rows = make_rows()
    odd = rows[0].network
    rows[0] = rows[0]._replace(network=type(odd)(**(vars(odd) | {"design": "=cmd|' /C calc'!A0"})))
    write_results(tmp_path / "r.h5", CAMPAIGN, rows, {})
    return tmp_path / "r.h5"


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_export_of_a_folder_reads_back_with_everything_but_bits(
    results: Path, tmp_path: Path, form: str
) -> None:
    pytest.importorskip("pyarrow") if form == "parquet" else None
    export_table(results, tmp_path / "out", form)
    import_table(tmp_path / "out", "csv", tmp_path / "back.h5", Request())
    assert verify(tmp_path / "back.h5").ok
    with open_results(results) as old, open_results(tmp_path / "back.h5") as new:
        for wanted, got in zip(old.counts(), new.counts(), strict=True):
            np.testing.assert_array_equal(wanted, got)
        pd.testing.assert_frame_equal(old.networks, new.networks)
        pd.testing.assert_frame_equal(old.factors, new.factors)
        pd.testing.assert_frame_equal(old.conditions, new.conditions)
        assert old.factor_units == new.factor_units
        same = {k: v for k, v in old.attributes.items() if k != "content_hash"}
        assert same.items() <= new.attributes.items()


def test_export_of_one_file_reads_back_with_equal_counts(tmp_path: Path) -> None:
    write_results(tmp_path / "r.h5", FULL, make_full_rows(), {})
    (table,) = export_table(tmp_path / "r.h5", tmp_path / "t.csv")
    import_table(table, "csv", tmp_path / "b.h5", Request())
    with open_results(tmp_path / "r.h5") as old, open_results(tmp_path / "b.h5") as new:
        np.testing.assert_array_equal(old.counts(), new.counts())
        for column in ("name", "family", "severity"):
            assert list(old.conditions[column]) == list(new.conditions[column])


def test_exported_csv_runs_no_formula(results: Path, tmp_path: Path) -> None:
    (table,) = export_table(results, tmp_path / "t.csv")
    with table.open(newline="") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert "'=cmd|' /C calc'!A0" in cells
    assert not any(cell[:1] in ("=", "+", "@") for cell in cells)


def test_long_export_has_one_row_per_network_and_condition(results: Path, tmp_path: Path) -> None:
    (table,) = export_table(results, tmp_path / "long.csv", long=True)
    frame = pd.read_csv(table)
    with open_results(results) as opened:
        tried, right = opened.counts()
        names = list(opened.conditions["name"])
    assert frame["condition"].tolist() == names * 6
    np.testing.assert_array_equal(frame["n_evaluated"], tried.ravel())
    np.testing.assert_array_equal(frame["n_correct"], right.ravel())
    with pytest.raises(TableError, match="got the long form"):
        import_named(table, Request())


@pytest.mark.parametrize(
    ("out", "form", "said"),
    [
        ("t.csv", "parquet", "fit the file"),
        ("r.h5", None, "must be a folder"),
        ("no/t.csv", None, "existing folder"),
    ],
)
def test_export_refuses_places_that_will_not_do(
    results: Path, tmp_path: Path, out: str, form: str | None, said: str
) -> None:
    before = results.read_bytes()
    with pytest.raises(TableError, match=said):
        export_table(results, tmp_path / out, form)
    assert results.read_bytes() == before


def test_parquet_without_pyarrow_is_one_clear_line() -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from sampling.tables.parquet import pyarrow_parquet\n"
        "try: pyarrow_parquet()\nexcept ValueError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install robustscope[parquet]" in done.stdout


def test_tables_import_no_torch() -> None:
    code = (
        "import sys, sampling.tables.importing, sampling.tables.export; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_named_columns_become_factors_and_counts(tmp_path: Path) -> None:
    found = import_named(write(tmp_path, TABLE), ASKED)
    assert [one.network.id for one in found.networks] == ["a", "b"]
    assert [one.network.factors["kernel"] for one in found.networks] == [3, 5]
    assert found.counts[0].tolist() == [[400, 1000]] * 2
    assert found.counts[1].tolist() == [[373, 100], [326, 0]]
    families = {c.name: c.family for c in found.campaign.conditions}
    assert families == {"clean": "clean", "pgd": "adversarial"}


def test_shares_and_gzip_are_the_same_table(tmp_path: Path) -> None:
    text = "name,kernel,clean,pgd\na,3,0.9325,0.1\nb,5,.815,0\n"
    packed = write(tmp_path, gzip.compress(b"\xef\xbb\xbf" + text.encode(), mtime=0), "t.csv.gz")
    request = Request(ASKED.factors, ASKED.outcomes, 400, "share")
    plain = import_named(write(tmp_path, TABLE), ASKED)
    np.testing.assert_array_equal(import_named(packed, request).counts, plain.counts)


def test_a_table_without_clean_accuracy_gets_an_empty_condition(tmp_path: Path) -> None:
    found = import_named(write(tmp_path, TABLE), Request((), ("pgd",), 10, "percent"))
    assert [c.name for c in found.campaign.conditions] == ["clean", "pgd"]
    assert found.counts[0].tolist() == [[0, 10]] * 2
    assert any("no clean accuracy" in note for note in found.campaign.notes)


def test_counts_are_the_nearest_whole_numbers() -> None:
    values = np.array([0.0, 33.35, 99.96, 100.0, np.nan])
    assert to_counts(values, "percent", 1000).tolist() == [0, 334, 1000, 1000, 0]


@pytest.mark.parametrize(
    ("values", "images", "said"),
    [
        ([0.856, 0.1], 10_000, "at most 3 decimals, so that a count may be off by 5"),
        ([0.8561, 0.1], 10_000, "which they are exactly"),
        ([1 / 3, 0.5], 1000, "up to 0.33 images from one"),
        ([1 / 3, 2 / 3], 3, "which they are exactly"),
    ],
)
def test_notes_say_what_rounding_did(values: list[float], images: int, said: str) -> None:
    assert said in rounding_note(np.array(values), "share", images, "clean")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must begin with a header; got the empty"),
        ("name,kernel,clean,pgd\n", "must have rows below its header"),
        ("name,clean,clean,pgd\na,1,2,3\n", "every column once; got 'clean' twice"),
        ("name,kernel,clean\na,1,2\n", "must have the column 'pgd'"),
        (TABLE + "a,3,5,5\n", "got 'a', as in row 1, in row 3, column 'name'"),
        (TABLE + ",3,5,5\n", "got an empty cell, in row 3, column 'name'"),
        (TABLE + "c,3,,5\n", "got none in row 3, column 'clean'"),
        (TABLE + "c,,5,5\n", "got none in row 3, column 'kernel'"),
        (TABLE + "c,x,5,5\n", "number in row 3, column 'kernel'; got 'x'"),
        (TABLE + "c,inf,5,5\n", "number in row 3, column 'kernel'; got 'inf'"),
        (TABLE + "c,nan,5,5\n", "number in row 3, column 'kernel'; got 'nan'"),
        (TABLE + "c,1_0,5,5\n", "number in row 3, column 'kernel'; got '1_0'"),
        (TABLE + "c,1e999,5,5\n", "got '1e999'"),
        (TABLE + "c,3,100.1,5\n", "from 0 to 100; got 100.1 in row 3, column 'clean'"),
        (TABLE + "c,3,5,-1\n", "got -1 in row 3, column 'pgd'"),
        (TABLE + "c,3,5\n", "must have 4 cells in every row; got 3 in row 3 (line 4)"),
        (TABLE + 'c,3,"5\n', "must be CSV with cells"),
        (TABLE + f"{'c' * 200_000},3,5,5\n", "must be CSV with cells of at most 131,072"),
        (TABLE + f"c,{'9' * 5000},5,5\n", "(5,000 characters)"),
        (TABLE.encode() + b"\xff,3,5,5\n", "0xff in"),
        (TABLE.encode("utf-16"), "must be UTF-8"),
        (b"PK\x03\x04zip", "got the zip archive"),
        (b"\x1f\x8bbroken", "must be readable"),
        (gzip.compress(TABLE.encode(), mtime=0)[:-12], "must be readable"),
        (b"PAR1 broken", "readable Parquet file"),
        ("name,kernel,clean,pgd\na\x00b,3,5,5\n", "without NUL characters"),
    ],
)
def test_bad_tables_are_one_line_and_leave_nothing(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    pytest.importorskip("pyarrow")
    path = write(tmp_path, text)
    with pytest.raises(TableError) as caught:
        import_table(path, "csv", tmp_path / "out.h5", ASKED)
    assert said in str(caught.value)
    assert "t.csv" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_missing_cells_are_allowed_when_asked(tmp_path: Path) -> None:
    request = Request(("kernel",), ("clean", "pgd"), 10, "percent", allow_missing=True)
    found = import_named(write(tmp_path, TABLE + "c,,50,\n"), request)
    assert np.isnan(found.networks[2].network.factors["kernel"])
    assert found.counts[0].tolist() == [[10, 10], [10, 10], [10, 0]]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Request((), ("clean",), None, "percent"), "of how many images"),
        (Request((), ("clean@0",), None, "percent"), "from 1 on; got 'clean@0'"),
        (Request((), ("clean",), 10), "import.unit must be one of percent, share"),
        (Request((), (), 10, "percent"), "must name columns of accuracies"),
        (Request((), ("kernel",), 10, "percent"), "whether 'kernel' is clean"),
        (Request((), ("kernel:blurry",), 10, "percent"), "got family 'blurry'"),
        (Request(("clean",), ("clean",), 10, "percent"), "must be named once each"),
        (Request((), ("clean", "pgd"), 10, "percent", "absent"), "the column 'absent'"),
    ],
)
def test_requests_that_say_too_little_are_refused(
    tmp_path: Path, request_: Request, said: str
) -> None:
    with pytest.raises(TableError, match=r"^import") as caught:
        import_named(write(tmp_path, TABLE), request_)
    assert said in str(caught.value)


def test_gzip_bombs_stop_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LIMIT_BYTES", 1 << 20)
    bomb = write(tmp_path, gzip.compress((TABLE + "c,3,5,5\n" * 300_000).encode()), "t.csv.gz")
    assert bomb.stat().st_size < 20_000
    with pytest.raises(TableError, match="must unpack to at most 1,048,576 bytes"):
        list(streams.lines(bomb, 1 << 20))
    line = write(tmp_path, gzip.compress(b"x" * (streams.LINE_BYTES + 9), mtime=0), "line.gz")
    with pytest.raises(TableError, match=r"longer one in .*, line 1"):
        list(streams.lines(line))


def test_parquet_bombs_stop_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    bomb = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.table({"clean": np.zeros(200_000)}), bomb)
    assert bomb.stat().st_size < 20_000
    monkeypatch.setattr("sampling.tables.parquet._CELL_LIMIT", 100_000)
    with pytest.raises(TableError, match=r"100,000 cells; got .* and 200,000"):
        import_named(bomb, Request((), ("clean",), 10, "share"))


def test_json_refuses_what_is_deep_or_twice(tmp_path: Path) -> None:
    for text, said in (
        ("[" * 99_999, "recursion"),
        ('{"a": 1, "a": 2}', "'a' is there twice"),
        ("{", "JSON"),
    ):
        with pytest.raises(TableError, match=said):
            streams.read_json(write(tmp_path, text))


def test_damaged_exports_are_named_by_cell(results: Path, tmp_path: Path) -> None:
    (table,) = export_table(results, tmp_path / "t.csv")
    frame = pd.read_csv(table, keep_default_na=False, dtype=str)
    for column, value, said in (
        ("correct:clean:clean", "22", "22 of 1"),
        ("evaluated:clean:clean", "1.5", "whole number of images; got 1.5 in row 1"),
        ("seed", "0.5", "whole seeds"),
    ):
        frame.assign(**{column: [value, *frame[column][1:]]}).to_csv(
            tmp_path / "x.csv", index=False
        )
        with pytest.raises(TableError, match=said):
            import_named(tmp_path / "x.csv", Request())


def test_about_that_fits_nothing_is_refused(results: Path, tmp_path: Path) -> None:
    _, about = export_table(results, tmp_path / "out")
    whole = json.loads(about.read_text())
    for change in ({"conditions": []}, {"attributes": 3}, {"factor_units": None}, {"spaces": 1}):
        about.write_text(json.dumps(whole | change))
        with pytest.raises(TableError, match=r"about\.json"):
            import_named(tmp_path / "out", Request())
