import base64
import hashlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.figures.drawing import COLOURS
from analysis.findings import Findings, examine
from analysis.report import data as report_data
from analysis.report import render
from analysis.report.boards import cell, claims_text
from analysis.report.data import page_data, partial, safe_json, shown_networks
from analysis.report.facts import made, protocol_text
from analysis.report.notation import HEAT_STEPS, heat_class, heat_style, percent
from analysis.report.overview import cards, glances, leads
from analysis.report.page import SCRIPTS, content_policy
from analysis.report.pictures import small_png
from analysis.tables import networks_table
from sampling.store import open_results
from tests.analysis_synthetic import Recipe, write_synthetic
from tests.report_example import markup

RECIPE = Recipe(n=30, failed=2, supernets=("resnet",), effects={"clean": {"width": 2.0}})


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    path = write_synthetic(tmp_path_factory.mktemp("results") / "r.h5", RECIPE)
    with open_results(path) as results:
        return examine(results, draws=20)


@pytest.mark.parametrize(
    "text", ["</script>", "<!-- <script>", "]]>&lt;", "\u2028\u2029", "\ud800", markup("x")]
)
def test_safe_json_comes_back_whole_and_holds_no_markup(text: str) -> None:
    written = safe_json({text: [text, 1.5, None]})
    assert json.loads(written) == {text: [text, 1.5, None]}
    assert written.isascii()
    assert not set("<>&") & set(written)


def test_safe_json_refuses_what_json_has_no_word_for() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        safe_json(float("nan"))


def test_page_data_are_the_numbers_of_the_table(findings: Findings) -> None:
    table, page = networks_table(findings.study), page_data(findings)
    for outcome in page["outcomes"]:
        scale = 1 if outcome["unit"] == "points" else 100
        value = np.array(outcome["value"]) / 1000
        name = outcome["name"]
        assert value == pytest.approx(scale * table[name], abs=6e-4)
        low = value - np.array(outcome["down"]) / 1000
        high = value + np.array(outcome["up"]) / 1000
        assert low == pytest.approx(scale * table[f"{name}_low"], abs=6e-4)
        assert high == pytest.approx(scale * table[f"{name}_high"], abs=6e-4)


def test_page_data_names_every_condition_and_factor_once(findings: Findings) -> None:
    page = page_data(findings)
    names = [outcome["name"] for outcome in page["outcomes"]]
    assert len(names) == len(set(names))
    assert set(findings.study.conditions["name"]) <= set(names)
    assert {f["name"] for f in page["factors"]} == set(findings.study.factors)


def test_factors_that_do_not_apply_are_null() -> None:
    assert report_data.plain([1.0, float("nan"), float("inf"), "a", 2]) == [1.0, None, None, "a", 2]


def test_large_studies_show_the_best_and_a_spread(
    findings: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_data, "MOST_NETWORKS", 25)
    monkeypatch.setattr(report_data, "BEST", 1)
    monkeypatch.setattr(report_data, "MOST_NUMBERS", 25 * 20)
    rows = shown_networks(findings.study)
    assert len(rows) == len(set(rows.tolist())) == 25
    assert {int(s.estimate.value.argmax()) for s in findings.study.scores} <= set(rows.tolist())
    page = page_data(findings)
    assert not any(outcome["condition"] for outcome in page["outcomes"])
    said = partial(page)
    assert "show 25 of 28 networks" in said
    assert "Single conditions are left out" in said


def test_small_studies_leave_nothing_out(findings: Findings) -> None:
    assert partial(page_data(findings)) == ""


def test_page_allows_its_own_script_and_style_only(findings: Findings) -> None:
    page = render(findings, [], [])
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1)
    policy = policy.replace("&#39;", "'")
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    assert " style=" not in page  # the policy would drop it
    assert content_policy("a", "b") != content_policy("a", "c")


def test_scripts_never_parse_markup() -> None:
    folder = Path(report_data.__file__).parent
    scripts = "".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS)
    assert set(SCRIPTS) == {path.name for path in folder.glob("*.js")}
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http"):
        assert word not in scripts.replace("http://www.w3.org/2000/svg", "")


def test_small_png_keeps_size_and_nearly_the_colours(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    pixels = np.dstack([np.tile(ramp, (40, 1)), np.full((40, 64), 90), np.full((40, 64), 200)])
    Image.fromarray(pixels.astype(np.uint8)).convert("RGBA").save(tmp_path / "a.png")
    png, size = small_png(tmp_path / "a.png")
    copy = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    assert size == (64, 40)
    assert np.abs(copy - pixels).max() <= 16


def test_small_png_shows_what_is_transparent_as_white(tmp_path: Path) -> None:
    Image.new("RGBA", (3, 2), (0, 0, 0, 0)).save(tmp_path / "a.png")
    png, _ = small_png(tmp_path / "a.png")
    assert Image.open(io.BytesIO(png)).convert("RGB").getpixel((1, 1)) == (255, 255, 255)


def test_every_correlation_has_its_colour() -> None:
    rules = heat_style()
    for value in np.linspace(-1, 1, 201):
        assert f".{heat_class(float(value))} {{" in rules
    assert rules.count("background") == 2 * HEAT_STEPS + 1


def test_percent_rounds_once() -> None:
    assert [percent(v) for v in (0.5745, 0.7525, 0.98, float("nan"))] == [
        "57.5",
        "75.2",
        "98.0",
        "-",
    ]


def test_glance_names_the_planted_factor_first(findings: Findings) -> None:
    ((label, lines),) = glances(findings)
    assert label == "resnet"
    clean = next(line for line in lines if line.family == "clean")
    name, effect, up = clean.factors[0]
    assert (name, up) == ("width", True)
    assert re.fullmatch(r"\+\d+\.\d\d \[\+\d+\.\d\d, \+\d+\.\d\d\]", effect)


def test_cards_count_what_was_done(findings: Findings) -> None:
    assert cards(findings) == [
        ("28", "networks"),
        ("40", "conditions"),
        ("60", "images"),
        ("30", "images attacked"),
        ("2", "networks left out"),
    ]


def test_leads_are_what_a_sentence_is_about() -> None:
    assert leads(("a, b: c: d.", "Plain.")) == [("a, b: ", "c: d."), ("", "Plain.")]


def test_made_tells_how_to_repeat_it(findings: Findings) -> None:
    facts = dict(made(findings))
    assert facts["command"] == "robustscope run --preset digits"
    assert facts["content hash"] == findings.study.attributes["content_hash"]
    assert facts["seeds"].startswith("protocol 0; training of the networks 0; bootstrap")
    assert f"numpy {np.__version__}" in facts["versions, analysis"]
    assert json.loads(protocol_text(findings))["name"] == "quick"


def test_claims_keep_whatever_columns_there_are() -> None:
    table = pd.DataFrame({"claim": ["a"], "effect_size": [0.123456], "n": [1200], "ok": [True]})
    told = claims_text(table)
    assert told["heads"] == ["claim", "effect size", "n", "ok"]
    assert told["rows"] == [["a", "0.1235", "1,200", "yes"]]
    assert told["verdict"] == -1
    assert cell(float("nan")) == cell(None) == "-"


def test_colours_in_the_style_are_those_of_the_figures() -> None:
    style = (Path(report_data.__file__).parent / "style.css").read_text(encoding="utf-8")
    for name in ("clean", "adversarial", "natural", "system"):
        assert f"--{name}: {COLOURS[name]}" in style
