import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from analysis import AnalysisSummary, analyze, draw_figures, examine
from analysis.pipeline import STEPS
from analysis.regressions import COLUMNS, RegressionTables
from analysis.study import read_study
from analysis.summary import sentences
from sampling.store import open_results
from tests.analysis_synthetic import Recipe, write_synthetic

PLANTED = Recipe(
    n=90,
    images=80,
    attacked=50,
    failed=2,
    name="digits <b>&amp;",
    effects={
        "clean": {"width": 0.8},
        "adversarial": {"resolution": 1.0},
        "natural": {"depth": -0.8},
        "system": {"kernel": 0.8},
    },
)

EDGES = {
    "three_networks": Recipe(n=3, supernets=("mobilenet",), pairs=False),
    "no_pairs": Recipe(n=14, supernets=("mobilenet",), pairs=False),
    "clean_only": Recipe(n=14, supernets=("resnet",), families=()),
    "one_noise": Recipe(n=14, supernets=("mobilenet",), families=("natural",), severities=(3,)),
    "all_right": Recipe(n=14, supernets=("mobilenet",), ability=200.0),
    "all_wrong": Recipe(n=14, supernets=("mobilenet",), ability=-200.0),
    "one_left": Recipe(n=3, supernets=("mobilenet",), failed=2),
    "markup": Recipe(n=14, supernets=("..<i>x",), families=("system",)),
    "no_supernet": Recipe(n=4, supernets=("",)),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_synthetic(tmp_path_factory.mktemp("results") / "results.h5", PLANTED)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def summary(source: Path, out: Path) -> AnalysisSummary:
    return analyze(source, out)


def table(summary: AnalysisSummary, name: str) -> pd.DataFrame:
    return pd.read_csv(summary.tables[name], keep_default_na=False, na_values=[""])


def test_analyze_recovers_the_planted_factors(summary: AnalysisSummary) -> None:
    for supernet in ("mobilenet", "resnet"):
        for noise, factor in (
            ("no noise", "width matters most, +"),
            ("adversarial noise", "resolution matters most, +"),
            ("natural noise", "depth matters most, -"),
            ("system noise", "kernel matters most, +"),
        ):
            found = [s for s in summary.sentences if s.startswith(f"{supernet}, {noise}")]
            assert len(found) == 1
            assert factor in found[0]
            assert found[0].endswith(
                f"weights of supernet {supernet} (technique standard, seed 0)."
            )


def test_analyze_counts_failed_networks_and_leaves_them_out(summary: AnalysisSummary) -> None:
    assert summary.sentences[0] == (
        "176 networks were evaluated under 40 conditions on 80 images (50 of them attacked); "
        "4 more are left out (4 failed: loss is <NaN>)."
    )
    assert len(table(summary, "networks")) == 176


def test_networks_table_equals_the_bits(source: Path, summary: AnalysisSummary) -> None:
    with open_results(source) as results:
        rows = np.flatnonzero(results.networks["status"] == "done")
        right = results.correct(["snow_s3", "fgsm_e1", "pgd_linf_e1", "pgd_l2_e1"], rows)
    networks = table(summary, "networks")
    low, high = proportion_confint(right[:, 0].sum(-1), 80, method="wilson")
    assert networks["snow_s3_low"].to_numpy() == pytest.approx(low, abs=1e-7)
    assert networks["snow_s3_high"].to_numpy() == pytest.approx(high, abs=1e-7)
    worst = right[:, 1:].all(axis=1)[:, :50].mean(-1)
    assert networks["worst_case_e1"].to_numpy() == pytest.approx(worst)


def test_networks_table_bounds_every_number(summary: AnalysisSummary) -> None:
    networks = table(summary, "networks")
    limited = [name for name in networks if f"{name}_low" in networks]
    assert {"clean", "fgsm_e1", "adversarial", "natural_blur", "system_nsd"} <= set(limited)
    for name in limited:
        assert (networks[f"{name}_low"] <= networks[name] + 1e-7).all()
        assert (networks[name] <= networks[f"{name}_high"] + 1e-7).all()
    outcomes = networks[limited + [f"{name}_low" for name in limited]]
    assert not outcomes.isna().any(axis=None)


def test_conditions_table_summarises_networks(summary: AnalysisSummary) -> None:
    conditions, networks = table(summary, "conditions"), table(summary, "networks")
    fog = conditions.set_index("name").loc["fog_s5"]
    assert fog["median"] == pytest.approx(networks["fog_s5"].median())
    assert fog["median_drop"] == pytest.approx((networks["clean"] - networks["fog_s5"]).median())
    assert conditions.set_index("name").loc["fgsm_e1", "images"] == 50


def test_correlations_table_equals_scipy(summary: AnalysisSummary) -> None:
    networks = table(summary, "networks")
    rows = table(summary, "correlations")
    plain = rows[rows["given"].isna() & (rows["level"] == "outcome")]
    ours = plain.set_index(["supernet", "factor", "outcome", "method"])
    part = networks[networks["supernet"] == "resnet"]
    for method, oracle in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr)):
        row = ours.loc[("resnet", "macs", "natural", method)]
        assert row["estimate"] == pytest.approx(oracle(part["macs"], part["natural"])[0], abs=1e-6)
        assert row["low"] < row["estimate"] < row["high"]
    known = rows[rows["p"].notna()]
    assert known["q"].to_numpy() == pytest.approx(
        stats.false_discovery_control(known["p"]), rel=1e-5
    )


def test_correlations_table_gives_a_number_or_a_reason(summary: AnalysisSummary) -> None:
    for name in ("correlations", "tradeoffs"):
        rows = table(summary, name)
        assert (rows["estimate"].isna() == rows["reason"].notna()).all()
    rows = table(summary, "correlations")
    absent = rows[(rows["supernet"] == "mobilenet") & (rows["factor"] == "stem_kernel")]
    assert set(absent["reason"]) == {"not a factor of this supernet"}


def test_regressions_table_scales_agree(summary: AnalysisSummary) -> None:
    rows = table(summary, "regressions")
    known = rows[rows["reason"].isna()]
    assert (known["effect_pp"] / known["factor_sd"]).to_numpy() == pytest.approx(
        known["per_unit"], rel=1e-5
    )
    networks = table(summary, "networks")
    part = networks[networks["supernet"] == "resnet"]
    row = known[(known["supernet"] == "resnet") & (known["outcome"] == "natural")].iloc[0]
    scale = 100 * part["natural"].std() * row["coefficient"]
    assert scale == pytest.approx(row["effect_pp"], rel=1e-4)


def test_figures_have_their_csv_and_caption(summary: AnalysisSummary) -> None:
    names = {figure.name for figure in summary.figures}
    kinds = ("F4_factors", "F4_stages", "F7_outcomes", "heatmap", "effects", "importance")
    of_supernets = {f"{kind}_{net}" for kind in kinds for net in ("mobilenet", "resnet")}
    overall = {"ranks", "pareto", "F1_size", "F2_strength", "F6_system", "severity"}
    assert names == overall | of_supernets
    for figure in summary.figures:
        assert figure.png.read_bytes().startswith(b"\x89PNG")
        assert len(pd.read_csv(figure.csv)) > 0
        assert "networks" in figure.caption
        whose = "" if figure.name in overall else " of supernet"
        assert f"Conditional on the weights{whose}" in figure.caption


def test_figures_are_the_same_bytes_again(tmp_path: Path) -> None:
    path = write_synthetic(tmp_path / "r.h5", EDGES["one_noise"])
    once, again = (draw_figures(path, tmp_path / run)[0] for run in ("a", "b"))
    assert len(once) >= 2
    for first, second in zip(once, again, strict=True):
        assert first.pdf is not None
        assert second.pdf is not None
        assert first.pdf.read_bytes().startswith(b"%PDF")
        for one, other in ((first.png, second.png), (first.csv, second.csv)):
            assert one.read_bytes() == other.read_bytes()
        assert first.pdf.read_bytes() == second.pdf.read_bytes()


def test_processes_give_the_bytes_of_one(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes on the steps of one study."""
    monkeypatch.setattr("analysis.parallel.WORTHWHILE", 10**9)
    alone = analyze(source, tmp_path / "alone")
    monkeypatch.setattr("analysis.parallel.WORTHWHILE", 0)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    shared = analyze(source, tmp_path / "shared")
    assert alone.sentences == shared.sentences
    written = [
        sorted(p.relative_to(tmp_path / k) for p in (tmp_path / k).rglob("*") if p.is_file())
        for k in ("alone", "shared")
    ]
    assert written[0] == written[1]
    for path in written[0]:
        if path.suffix != ".html":  # it names the command
            assert (tmp_path / "alone" / path).read_bytes() == (
                tmp_path / "shared" / path
            ).read_bytes(), path


def test_report_names_nothing_outside_itself(summary: AnalysisSummary) -> None:
    page = summary.report.read_text(encoding="utf-8")
    sources = re.findall(r"(?:src|href)\s*=\s*[\"']([^\"']*)", page)
    assert sources
    assert all(s.startswith(("#", "data:image/png;base64,")) for s in sources)
    assert page.count("<script") == 2  # the data and our own
    assert "url(" not in page
    assert len(page) < 8_000_000


def test_report_escapes_markup_in_names(summary: AnalysisSummary) -> None:
    page = summary.report.read_text(encoding="utf-8")
    assert "digits &lt;b&gt;&amp;amp;" in page
    assert "loss is &lt;NaN&gt;" in page
    assert "digits <b>" not in page
    assert "<NaN>" not in page


def test_report_shows_notes_hash_and_command(source: Path, summary: AnalysisSummary) -> None:
    page = summary.report.read_text(encoding="utf-8")
    with open_results(source) as results:
        facts = [*results.attributes["notes"], results.attributes["content_hash"]]
    for text in (*facts, "robustscope run --preset digits", "figures/F7_outcomes_resnet.csv"):
        assert text in page
    assert re.search(r"\bnan\b", re.sub(r"base64,[^\"]*|NaN&gt;", "", page)) is None


def test_analyze_shows_its_steps_in_order(source: Path, tmp_path: Path) -> None:
    seen: list[str] = []

    def track(steps):
        for step in steps:
            seen.append(step)
            yield step
        seen.append("end")

    small = write_synthetic(tmp_path / "small.h5", Recipe(n=3, supernets=("mobilenet",)))
    analyze(small, tmp_path / "out", track)
    assert seen == [*STEPS, "end"]


@pytest.mark.parametrize("case", EDGES)
def test_analyze_answers_in_words_at_the_edges(case: str, tmp_path: Path) -> None:
    source = write_synthetic(tmp_path / "results.h5", EDGES[case])
    made = analyze(source, tmp_path / "out")
    page = made.report.read_text(encoding="utf-8")
    text = re.sub(r"base64,[^\"]*|loss is &lt;NaN&gt;", "", page)
    assert re.search(r"\b(nan|NaN|None|inf)\b", text) is None
    assert not any(re.search(r"\b(nan|inf)\b", sentence) for sentence in made.sentences)
    assert made.figures or made.missing or case == "no_supernet"
    rows = table(made, "correlations")
    assert (rows["estimate"].isna() == rows["reason"].notna()).all()
    assert all(figure.png.parent == tmp_path / "out" / "figures" for figure in made.figures)


def test_analyze_says_why_constant_outcomes_have_no_effects(tmp_path: Path) -> None:
    recipe = Recipe(n=40, supernets=("mobilenet",), ability=200.0)
    made = analyze(write_synthetic(tmp_path / "results.h5", recipe), tmp_path / "out")
    wanted = "mobilenet, natural noise: no regression (the outcome is the same for every network"
    assert any(sentence.startswith(wanted) for sentence in made.sentences)


@pytest.mark.parametrize(("ability", "failed"), [(-200.0, True), (1.0, False)])
def test_networks_that_learned_nothing_are_said_to(
    ability: float, failed: bool, tmp_path: Path
) -> None:
    recipe = Recipe(n=12, supernets=("mobilenet",), ability=ability)
    with open_results(write_synthetic(tmp_path / "results.h5", recipe)) as results:
        said = sentences(read_study(results), RegressionTables(pd.DataFrame(columns=COLUMNS), ()))
    assert any("The training failed" in sentence for sentence in said) == failed


def test_examine_claims_nothing_on_the_null(tmp_path: Path) -> None:
    recipe = replace(PLANTED, effects={}, failed=0, seed=4)
    with open_results(write_synthetic(tmp_path / "results.h5", recipe)) as results:
        made = examine(results, draws=200)
    for rows in (made.correlations.factors, made.regressions.table):
        q = rows["q"].dropna()
        assert len(q) > 100
        assert (q < 0.05).mean() < 0.05


def test_analyze_refuses_results_without_evaluated_networks(tmp_path: Path) -> None:
    source = write_synthetic(tmp_path / "r.h5", Recipe(n=2, failed=2, supernets=("resnet",)))
    with pytest.raises(ValueError, match=r"must hold an evaluated network; got none among 2"):
        analyze(source, tmp_path / "out")


def test_analyze_refuses_an_unwritable_folder(source: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ValueError, match=r"analyze.out must be a folder .* got .*taken"):
        analyze(source, tmp_path / "taken")


def test_import_leaves_torch_and_the_backend_alone() -> None:
    code = (
        "import sys, matplotlib; before = dict(matplotlib.rcParams); import analysis; "
        "print('torch' in sys.modules, dict(matplotlib.rcParams) == before)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    shown = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
    assert shown.stdout.split() == ["False", "True"]
