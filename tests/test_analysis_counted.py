"""Tables of factors and accuracies, from file to report: planted effects, odd columns."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from analysis import analyze
from benchmarks.nas_bench_201 import findings, rows
from robustscope.__main__ import main
from sampling.store import open_results
from sampling.tables.imported import Request
from sampling.tables.importing import import_table

REFERENCE = Path(os.environ.get("ROBUSTSCOPE_REFERENCE", "absent"))
N = 90
NAN = re.compile(r"(?<![a-zA-Z/+0-9])((?i:nan|inf)|None)(?![a-zA-Z/+=0-9])")


def make_table(n: int = N, **more: object) -> pd.DataFrame:
    """Planted: conv +6 and pool -4 points against skip, +1 point per block; `pgd` follows."""
    rng = np.random.default_rng(8)
    op, act = rng.choice(["conv", "pool", "skip", "skip"], n), rng.choice(["gelu", "relu"], n)
    depth = rng.integers(1, 6, n)
    effect = pd.Series(op).map({"conv": 6.0, "pool": -4.0, "skip": 0.0}).to_numpy()
    clean = 70 + effect + depth + rng.normal(0, 2, n)
    table = {"name": [f"n{k}" for k in range(n)], "op": op, "act": act, "depth": depth}
    table |= {"clean": clean.round(2), "pgd": (clean - 30 + rng.normal(0, 3, n)).round(2)}
    return pd.DataFrame(table).assign(**more)


def run(
    tmp_path: Path, table: pd.DataFrame, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[int, str]:
    """(exit code, what is printed) of `robustscope analyze` of a table."""
    path = tmp_path / "t.csv"
    table.to_csv(path, index=False)
    code = main(["analyze", str(path), "--out", str(tmp_path / "out"), "--quiet", *more])
    told = capsys.readouterr()
    return code, told.out + told.err


def check_report(out: Path) -> str:
    """The text of the report, in which every number is one."""
    page = re.sub(r"data:image[^\"]*", "", (out / "report.html").read_text())
    page = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", " ", page)
    assert not NAN.findall(text)
    for path in (out / "tables").glob("*.csv"):
        assert not re.search(r"(^|,)(nan|-?inf)(,|$)", path.read_text(), re.I | re.M), path
    return text


def test_a_table_is_analysed_without_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = run(tmp_path, make_table(), capsys)
    assert code == 0
    assert "Taken as factors: op, act, depth." in said
    assert "The greatest accuracy is" in said
    assert "taken as percent" in said
    assert "number of images is not known" in said
    text = check_report(tmp_path / "out")
    assert "The number of images is not known, so any network may be the best." in text
    assert not [p for p in (tmp_path / "out").iterdir() if p.suffix == ".h5"]
    networks = pd.read_csv(tmp_path / "out/tables/networks.csv")
    assert networks["clean_low"].isna().all()
    assert networks.set_index("id").loc["n3", "clean"] == pytest.approx(
        make_table().loc[3, "clean"] / 100
    )


def test_effects_of_levels_and_numbers_are_those_of_a_formula(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = make_table()
    code, said = run(tmp_path, table, capsys, "--images", "10000")
    fit = smf.ols("clean ~ C(op, Treatment('skip')) + act + depth", table).fit(
        cov_type="HC3", use_t=True
    )
    ours = pd.read_csv(tmp_path / "out/tables/regressions.csv").set_index(["outcome", "factor"])
    for factor, name in (
        ("op_conv", "C(op, Treatment('skip'))[T.conv]"),
        ("op_pool", "C(op, Treatment('skip'))[T.pool]"),
        ("depth", "depth"),
    ):
        row = ours.loc[("clean", factor)]
        limits = fit.conf_int().loc[name].to_numpy()
        found = row[["per_unit", "per_unit_low", "per_unit_high"]].to_numpy(dtype=float)
        np.testing.assert_allclose(found, [fit.params[name], *limits], rtol=1e-5)
    assert code == 0
    assert ours.loc[("clean", "op_conv"), "reference"] == "skip"
    assert "levels are compared with a reference level: " in said
    assert "skip for op" in said
    assert ours["r2"].loc["clean"].dropna().to_numpy() == pytest.approx(fit.rsquared)
    text = check_report(tmp_path / "out")
    assert "op: conv instead of skip" in text
    assert "There is no image part" in text


def test_accuracies_have_wilson_intervals_and_ranks_where_images_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, make_table(), capsys, "--images", "400")
    from statsmodels.stats.proportion import proportion_confint

    row = pd.read_csv(tmp_path / "out/tables/networks.csv").iloc[0]
    expected = proportion_confint(round(row["clean"] * 400), 400, method="wilson")
    assert (row["clean_low"], row["clean_high"]) == pytest.approx(expected)
    assert re.search(r"\d+ of 90 networks\s+may\s+be\s+the best", check_report(tmp_path / "out"))


X = np.random.default_rng(3).normal(size=N).round(3)
ODD = {
    "constant": ({"odd": 5}, "constant: 5 in every network"),
    "one_level": ({"odd": "same"}, "constant: one level in every network"),
    "collinear": ({"odd": make_table()["depth"] * 2 + 1}, "determined by depth"),
    "copied_levels": ({"odd": make_table()["op"]}, "determined by"),
    "one_differs": ({"odd": (np.arange(N) == 3).astype(int)}, "differs in one network only"),
    "rare_level": ({"odd": np.where(np.arange(N) == 3, "b", "a")}, "only one network has it"),
    "huge": ({"odd": X * 1e300}, "too large to compute with"),
    "tiny": ({"odd": X * 1e-300}, "constant"),
    "same_outcome": ({"fgsm": 50.0}, "the outcome is the same for every network"),
    "all_wrong": ({"fgsm": 0.0}, "the outcome is the same for every network"),
    "markup": ({"<i>odd": X}, "&lt;i&gt;odd"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_columns_get_an_answer_or_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    more, said = ODD[name]
    code, _ = run(tmp_path, make_table().assign(**more), capsys, "--images", "1000")
    assert code == 0
    check_report(tmp_path / "out")
    assert said in (tmp_path / "out/report.html").read_text()


REFUSED = {
    "infinite": ({"odd": np.where(np.arange(N) == 3, np.inf, X)}, "finite number in row 4"),
    "missing": ({"odd": pd.Series(X).mask(pd.Series(X) > 1)}, "got none in row"),
    "missing_level": ({"odd": pd.Series(["a", "b"] * 45).mask(X > 1)}, "a level in every cell"),
    "mixed": ({"odd": np.where(np.arange(N) == 3, "x", "1")}, "finite number in row 4"),
    "no_share": ({"clean": 130.0}, "percent from 0 to 100; got 130"),
    "same_names": ({"name": "n"}, "name every network once"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_tables_that_cannot_be_read_are_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    more, said = REFUSED[name]
    code, told = run(tmp_path, make_table().assign(**more), capsys)
    assert code == 2
    assert said in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_missing_cells_are_reasons_when_they_are_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    holes = pd.Series(X).mask(pd.Series(X) > 1)
    table = make_table().assign(odd=holes, fgsm=holes * 0 + 9 + X)
    code, _ = run(tmp_path, table, capsys, "--images", "1000", "--allow-missing")
    text = check_report(tmp_path / "out")
    unknown = int(holes.isna().sum())
    assert code == 0
    assert f"undefined for {unknown} of 90 networks" in text
    assert f"evaluated for {90 - unknown} of 90 networks" in text


@pytest.mark.parametrize("n", [1, 2, 3, 9, 10, 20])
def test_few_networks_get_a_reason_instead_of_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], n: int
) -> None:
    code, said = run(tmp_path, make_table(n), capsys, "--images", "100")
    check_report(tmp_path / "out")
    assert code == 0
    if n < 15:
        assert re.search(r"no regression on what was chosen: needs \d+ independent networks", said)


def test_one_noise_alone_is_an_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(tmp_path, make_table()[["name", "op", "pgd"]], capsys, "--images", "100")
    check_report(tmp_path / "out")
    assert code == 0
    assert "of pgd" in said
    assert "clean (some networks were not evaluated" in said


def test_categories_of_numbers_and_named_families_are_as_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = make_table().rename(columns={"pgd": "haze"})
    asked = ("--factors", "depth:category", "--outcomes", "clean,haze:natural@500")
    code, said = run(tmp_path, table, capsys, *asked, "--images", "1000", "--unit", "percent")
    assert code == 0
    assert "levels are compared with a reference level" in said
    assert {"depth_1", "depth_5"} & set(
        pd.read_csv(tmp_path / "out/tables/regressions.csv")["factor"]
    )


def test_options_of_tables_are_refused_for_results_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", str(tmp_path / "r.h5"), "--images", "5"]) == 2
    assert "analyze.images must be left out for a results file" in capsys.readouterr().err
    assert main(["analyze", str(tmp_path / "absent.csv")]) == 2
    assert "must be an existing file" in capsys.readouterr().err
    run(tmp_path, make_table(), capsys)
    assert main(["analyze", str(tmp_path / "t.csv"), "--images", "few"]) == 2
    assert "import.images must be a whole number" in capsys.readouterr().err


def test_queries_show_accuracies_of_unknown_images_without_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_table().to_csv(tmp_path / "t.csv", index=False)
    options = ["--kind", "csv", "--factors", "op", "--outcomes", "clean", "--unit", "percent"]
    out = tmp_path / "r.h5"
    assert (
        main(
            ["import", str(tmp_path / "t.csv"), *options, "--images", "unknown", "--out", str(out)]
        )
        == 0
    )
    capsys.readouterr()
    assert main(["query", str(out), "op_conv == 1", "--show", "clean", "--limit", "1"]) == 0
    said = capsys.readouterr().out
    assert "nan" not in said
    assert "[" not in said.splitlines()[1]
    with open_results(out) as results:
        assert results.factor_units["op_conv"] == "1 where op is conv, else 0"
        assert json.loads(results.conditions["parameters"][0])["images"] == "unknown"


def test_networks_of_several_seeds_are_one_unit(tmp_path: Path) -> None:
    operations = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
    values = make_table(25)["clean"] / 100
    cells = [
        f"|{a}~0|+|{b}~0|none~1|+|none~0|none~1|none~2|" for a in operations for b in operations
    ]
    told = {
        cell: {"clean": {str(seed): round(value + seed / 100, 4) for seed in range(3)}}
        for cell, value in zip(cells, values, strict=True)
    }
    (tmp_path / "all.json").write_text(json.dumps(told))
    import_table(tmp_path / "all.json", "nas-robbench-201", tmp_path / "r.h5", Request())
    summary = analyze(tmp_path / "r.h5", tmp_path / "out")
    table = pd.read_csv(summary.tables["regressions"])
    assert set(table["clusters"]) == {25}
    assert set(table["n"]) == {75}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory):
    return findings(REFERENCE)


reference = pytest.mark.skipif(
    not (REFERENCE / "nb201_architectures.csv.gz").is_file(), reason="no reference data folder"
)


@pytest.mark.reference
@reference
def test_main_effects_of_nas_bench_201_are_those_of_a_formula(published) -> None:
    found = {row.case: row for row in rows(REFERENCE, published)}
    expected = {
        "clean": 0.44,
        "pgd_linf_eps1.0": 0.25,
        "gaussian_noise_s3": 0.23,
        "zoom_blur_s3": 0.13,
    }
    for case, r2 in expected.items():
        assert found[case].ours[0] == pytest.approx(found[case].peer, abs=1e-9)
        assert round(found[case].peer, 2) == r2
        assert found[case].ours[1] < r2 < found[case].ours[2]


@pytest.mark.reference
@reference
def test_the_report_says_what_nas_bench_201_teaches(published) -> None:
    said = "\n".join(published.sentences)
    table = pd.read_csv(REFERENCE / "nb201_robustness_cifar10.csv.gz")
    conditions = published.counted.explained.set_index("condition")
    rank = table["clean"].corr(table["gaussian_noise_s3"], method="spearman")
    assert conditions.loc["gaussian_noise_s3", "rank_clean"] == pytest.approx(rank, abs=1e-9)
    assert "main effects of e0_1, e0_2, e0_3, e1_2, e1_3, e2_3 explain" in said
    assert "44 % [" in said
    assert "nor_conv_3x3 for e0_1, e0_2, e0_3, e1_2, e1_3, e2_3" in said
    assert "rank correlation (Spearman) of clean accuracy" in said
    assert len(published.regressions.table.query("outcome == 'clean' and reason == ''")) == 24
