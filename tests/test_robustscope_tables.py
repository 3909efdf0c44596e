"""query, export and import from the command line: one answer, one file, or one clear line."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from robustscope.__main__ import main
from robustscope.commands.command import join_signed
from robustscope.commands.query import split_names
from sampling.store import open_results
from tests.analysis_synthetic import Recipe, write_synthetic


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_synthetic(tmp_path_factory.mktemp("query") / "r.h5", Recipe(n=12, failed=1))


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a command that ends well prints."""
    capsys.readouterr()
    assert main([str(a) for a in arguments]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line of a command that does not."""
    capsys.readouterr()
    assert main([str(a) for a in arguments]) == 2
    captured = capsys.readouterr()
    assert (captured.out, len(captured.err.strip().splitlines())) == ("", 1)
    return captured.err


def test_query_prints_a_table_with_intervals(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--show", "clean,depth,system_nsd", "--sort", "-clean", "--limit", "2"]
    lines = said(capsys, "query", path, "family == 'resnet'", *options).splitlines()
    assert lines[0].split() == ["id", "clean", "depth", "system_nsd"]
    with open_results(path) as results:
        tried, right = results.counts()
        shares = right[:, 0] / np.maximum(tried[:, 0], 1)
        best = shares[results.network_column("family") == "resnet"].max()
    assert lines[1].split()[1] == f"{100 * best:.1f}"
    assert lines[-1].startswith("2 of 12 found among 24 networks; accuracies in %, deviations in")


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_query_writes_the_same_numbers_in_every_format(
    path: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pyarrow")
    out = tmp_path / f"q.{form}"
    said(capsys, "query", path, "--show", "pgd_linf,family,stem_kernel", "--out", out)
    read = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}[form]
    table = read(out)
    names = ["id", "pgd_linf", "pgd_linf_low", "pgd_linf_high", "family", "stem_kernel"]
    assert list(table) == names
    text = said(capsys, "query", path, "--show", "pgd_linf", "--format", "json")
    wanted = [row["pgd_linf"] for row in json.loads(text)]
    np.testing.assert_allclose(table["pgd_linf"], np.array(wanted, float), rtol=1e-14)


def test_query_to_a_pipe_is_csv_that_reads_back(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, "query", path, "depth > 7", "--show", "clean", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert all(float(r["clean_low"]) <= float(r["clean"]) <= float(r["clean_high"]) for r in rows)
    assert said(capsys, "query", path, "depth > 99").endswith("clean > 0.9\n")


def test_query_lists_names_as_expressions_need_them(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = said(capsys, "query", path, "--names").splitlines()
    assert {"id", "kernel", "pgd_linf", "pgd_linf_e1", "natural_blur", "adversarial"} <= set(names)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["kernel >"], "query.expression must have a name, a number or a 'text' here; got the end"),
        (["kernle > 1"], "Did you mean kernel"),
        (["--show", "cleen"], "Did you mean clean"),
        (["--show", ","], "query.show must name columns"),
        (["--sort", "-kernle"], "Did you mean kernel"),
        (["--limit", "0"], "query.limit must be at least 1"),
        (["--format", "parquet"], "query.out must be a file for parquet"),
        (["--out", "absent/t.csv"], "must be in an existing folder"),
    ],
)
def test_query_refuses_in_one_line(
    path: Path, arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert line in refused(capsys, "query", path, *arguments)


def test_export_and_import_give_back_equal_counts(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "export", path, "--out", tmp_path / "t")
    text = said(capsys, "import", tmp_path / "t", "--kind", "csv", "--out", tmp_path / "b.h5")
    assert "24 networks, 40 conditions" in text
    assert "it holds counts without bits" in said(capsys, "verify", tmp_path / "b.h5")
    with open_results(path) as old, open_results(tmp_path / "b.h5") as new:
        np.testing.assert_array_equal(old.counts(), new.counts())
    same = [said(capsys, "query", file, "--show", "clean") for file in (path, tmp_path / "b.h5")]
    assert same[0] == same[1]


def test_import_prints_what_was_rounded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text("name,kernel,clean,pgd\na,3,93.2,10\nb,5,81.5,0\n")
    request = ["--factors", "kernel", "--outcomes", "clean,pgd@1000", "--images", "10000"]
    arguments = ["import", tmp_path / "t.csv", "--kind", "csv", "--out", tmp_path / "r.h5"]
    assert "Say --unit percent" in refused(capsys, *arguments, *request)
    text = said(capsys, *arguments, *request, "--unit", "percent")
    assert "a count may be off by 5" in text
    table = said(capsys, "query", tmp_path / "r.h5", "kernel > 3", "--show", "clean,pgd")
    assert table.splitlines()[1].startswith("b   81.5 [80.7, 82.2]  0.0 [0.0, 0.4]")


def test_refused_imports_leave_older_files_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.csv").write_text("name,clean\na,93\na,94\n")
    (tmp_path / "r.h5").write_text("older")
    line = refused(
        capsys,
        *("import", tmp_path / "t.csv", "--kind", "csv", "--out", tmp_path / "r.h5"),
        *("--outcomes", "clean", "--images", 100, "--unit", "percent"),
    )
    assert "got 'a', as in row 1, in row 2, column 'name'" in line
    assert (tmp_path / "r.h5").read_text() == "older"


def test_values_with_a_minus_belong_to_their_option() -> None:
    assert join_signed(["--sort", "-clean", "-x"]) == ["--sort=-clean", "-x"]
    assert join_signed(["--sort", "--limit", "-1"]) == ["--sort", "--limit", "-1"]


def test_names_with_commas_stand_between_backticks() -> None:
    assert split_names("clean, `a,b` ,pgd-1") == ["clean", "a,b", "pgd-1"]
    assert split_names(None) == []
