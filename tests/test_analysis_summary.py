import pandas as pd
import pytest

from analysis.findings import Findings, examine
from analysis.labels import factor_label, factor_order, slug
from analysis.leaderboard import TOP, leaderboards, standings_table
from analysis.report.notation import heat, signed
from analysis.study import design_units, group_networks
from sampling.store import open_results
from tests.analysis_synthetic import Recipe, write_synthetic


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    recipe = Recipe(
        n=60,
        supernets=("resnet",),
        effects={"natural": {"depth": 0.6, "kernel": -0.6}, "clean": {"width": 1.0}},
    )
    path = write_synthetic(tmp_path_factory.mktemp("results") / "results.h5", recipe)
    with open_results(path) as results:
        return examine(results, draws=20)


def test_summary_says_when_the_lead_is_within_the_error(findings: Findings) -> None:
    (natural,) = (s for s in findings.sentences if s.startswith("resnet, natural noise"))
    assert "its lead over" in natural
    assert "Conditional on the weights of supernet resnet" in natural


def test_summary_names_what_is_not_distinguishable(findings: Findings) -> None:
    (clean,) = (s for s in findings.sentences if s.startswith("resnet, no noise"))
    assert "width matters most, +" in clean
    known, _, rest = clean.partition("Not distinguishable from no effect: ")
    named = rest.split(".")[0].split(", ")
    table = findings.regressions.table
    rows = table[(table["outcome"] == "clean") & table["factor"].isin(named)]
    assert len(rows) == len(named) > 0
    assert not ((rows["q"] < 0.05) & (rows["effect_low"] * rows["effect_high"] > 0)).any()
    assert not any(name in known.split("held")[1] for name in named)


def test_leaderboard_lists_the_highest_scores_in_order(findings: Findings) -> None:
    boards = {board.outcome: board for board in leaderboards(findings.study, findings.standings)}
    assert list(boards) == ["adversarial", "natural", "system", "clean"]
    estimate = findings.study.score("natural").estimate
    assert boards["natural"].rows["value"].tolist() == sorted(estimate.value)[: -TOP - 1 : -1]
    assert 1 <= boards["natural"].tied <= boards["natural"].n == 60


def test_leaderboard_gives_equal_networks_one_rank(findings: Findings) -> None:
    rows = leaderboards(findings.study, findings.standings)[-1].rows
    expected = rows["value"].rank(method="min", ascending=False).astype(int)
    assert rows["rank"].tolist() == expected.tolist()


def test_standings_are_of_all_networks(findings: Findings) -> None:
    estimate = findings.study.score("natural").estimate
    table = standings_table(findings.study, findings.standings, "natural")
    better = [(estimate.value > v + 1e-9).sum() for v in estimate.value]  # equal but for rounding
    assert table["rank"].tolist() == [1 + count for count in better]
    boards = leaderboards(findings.study, findings.standings)
    (board,) = (b for b in boards if b.outcome == "natural")
    assert table["tied"].sum() == board.tied


def test_standings_name_what_was_not_scored(findings: Findings) -> None:
    with pytest.raises(ValueError, match=r"must be an outcome that was scored; got 'snow'"):
        standings_table(findings.study, findings.standings, "snow")


def test_design_units_join_pairs_and_leave_others_alone() -> None:
    units = design_units(pd.Series(["", "a", "", "a", "b"]))
    assert units[1] == units[3]
    assert len(set(units)) == 4
    assert sorted(set(units)) == [0, 1, 2, 3]


def test_groups_are_weights_not_names() -> None:
    networks = pd.DataFrame(
        {
            "origin": ["supernet", "supernet", "supernet", "zoo"],
            "supernet": ["m", "m", "r", ""],
            "technique": "standard",
            "seed": [0, 1, 0, 0],
            "pair": "",
        }
    )
    groups = group_networks(networks)
    assert [g.label for g in groups] == ["m/standard/seed 0", "m/standard/seed 1", "r"]
    assert [g.rows.tolist() for g in groups] == [[0], [1], [2]]


def test_slug_is_a_plain_file_name() -> None:
    assert slug("../<i>x/seed 1") == "i_x_seed_1"
    assert slug("...") == "unnamed"


def test_factor_order_puts_design_first_and_stages_last() -> None:
    names = ["depth_stage2", "macs", "odd", "depth_stage10", "kernel", "depth", "kernel_stage1"]
    ordered = ["depth", "kernel", "macs", "odd", "depth_stage2", "depth_stage10", "kernel_stage1"]
    assert factor_order(names) == ordered


def test_factor_label_has_its_unit() -> None:
    assert factor_label("kernel", "px, mean over blocks") == "kernel (px)"
    assert factor_label("macs", "multiply-adds per image") == "MACs (millions)"


def test_signed_shows_no_negative_zero() -> None:
    assert [signed(v) for v in (-0.001, 0.004, -0.126)] == ["+0.00", "+0.00", "-0.13"]


def test_heat_keeps_text_readable() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for step in range(-10, 11):
        lights = sorted(luminance(colour) for colour in heat(step / 10))
        assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.0  # WCAG contrast ratio
