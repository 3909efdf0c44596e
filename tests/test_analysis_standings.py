from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from analysis.figures.pareto import draw_pareto
from analysis.figures.ranks import SHOWN, draw_ranks, shown_places
from analysis.findings import Findings, examine
from analysis.front import pareto_table
from analysis.leaderboard import leaderboards
from analysis.standings import ranks_table, standing_sentences, standings
from analysis.study import read_study
from metrics import pareto_front
from sampling.store import open_results
from sampling.tables.imported import Request
from sampling.tables.importing import import_table
from tests.analysis_synthetic import Recipe, write_synthetic

PLANTED = {family: {"width": 2.0} for family in ("clean", "adversarial", "natural", "system")}


def examined(folder: Path, recipe: Recipe) -> Findings:
    with open_results(write_synthetic(folder / "results.h5", recipe)) as results:
        return examine(results, draws=200)


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    recipe = Recipe(n=40, images=200, attacked=150, failed=2, effects=PLANTED)
    return examined(tmp_path_factory.mktemp("results"), recipe)


def test_ranks_table_equals_pandas_ranks(findings: Findings) -> None:
    table = ranks_table(findings.study, findings.standings)
    assert len(table) == 4 * 76
    for _, rows in table.groupby("outcome"):
        expected = rows["value"].round(10).rank(method="min", ascending=False)
        assert rows["rank"].tolist() == expected.tolist() == sorted(expected)
        assert ((rows["rank_low"] <= rows["rank"]) & (rows["rank"] <= rows["rank_high"])).all()


def test_ranks_table_gives_the_lead_over_the_first(findings: Findings) -> None:
    table = ranks_table(findings.study, findings.standings)
    rows = table[table["outcome"] == "natural"]
    assert rows["lead"].to_numpy() == pytest.approx(rows["value"] - rows["value"].iloc[0])
    assert (rows[["lead_low", "lead_high"]].iloc[0] == 0).all()
    assert (rows["lead_low"] <= rows["lead"]).all()
    assert not table.isna().any(axis=None)


def test_planted_networks_are_told_apart(findings: Findings) -> None:
    for board in leaderboards(findings.study, findings.standings):
        assert board.tied < board.n / 2
        assert board.tiers > 1
        assert (board.rows["rank_high"] < board.n).all()


def test_pareto_table_equals_the_definition(findings: Findings) -> None:
    table = pareto_table(findings.study, findings.standings.front)
    names = ["adversarial", "natural", "system", "clean"]
    values = np.column_stack([table[names], -table["macs"]])
    assert table["on_front"].tolist() == pareto_front(values).tolist()
    assert (table["near_front"] | ~table["on_front"]).all()
    assert table["share"].between(0, 1).all()
    assert table["surely_dominated"].any()
    assert not (table["on_front"] & table["surely_dominated"]).any()


def test_sentences_count_what_the_tables_hold(findings: Findings) -> None:
    ranks, front = standing_sentences(findings.standings)
    table = ranks_table(findings.study, findings.standings)
    natural = table[table["outcome"] == "natural"]
    expected = f"natural {natural['may_be_best'].sum()} of 76 ({natural['tier'].max()} tiers)"
    assert expected in ranks
    on_front = pareto_table(findings.study, findings.standings.front)["on_front"].sum()
    assert front.startswith(f"{on_front} of 76 networks are on the Pareto front of")


def test_figures_hold_the_numbers_of_the_tables(findings: Findings) -> None:
    ranks, pareto = draw_ranks(findings), draw_pareto(findings)
    table = ranks_table(findings.study, findings.standings)
    both = ranks.data.merge(table, on=["outcome", "id"], suffixes=("", "_all"))
    assert len(both) == len(ranks.data) == 4 * SHOWN
    assert (both["rank_low"] == both["rank_low_all"]).all()
    assert "60 of 76 networks with 95 % intervals" in ranks.caption
    pd.testing.assert_frame_equal(
        pareto.data, pareto_table(findings.study, findings.standings.front)
    )
    assert "n = 76" in pareto.caption


def test_ranks_figure_names_the_networks_of_each_panel(findings: Findings) -> None:
    ranks = draw_ranks(findings)
    panels = [ax for ax in ranks.figure.axes if ax.get_title()]
    for ax, (_, rows) in zip(panels, ranks.data.groupby("outcome", sort=False), strict=True):
        assert [label.get_text() for label in ax.get_yticklabels()] == rows["id"].tolist()


@pytest.mark.parametrize("n", [1, 2, 60, 61, 62, 75, 1204])
def test_shown_places_are_distinct_with_both_ends(n: int) -> None:
    places = shown_places(n)
    assert len(set(places.tolist())) == len(places) == min(n, SHOWN)
    assert (places[0], places[-1]) == (0, n - 1)


@pytest.mark.parametrize("ability", [200.0, -200.0])
def test_networks_all_right_or_all_wrong_are_one_tie(ability: float, tmp_path: Path) -> None:
    recipe = Recipe(n=14, supernets=("mobilenet",), ability=ability)
    found = examined(tmp_path, recipe).standings
    assert all((b.ranks.high == 14).all() and b.ranks.best.all() for b in found.boards)
    assert "clean 14 of 14 (1 tier)" in standing_sentences(found)[0]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_networks_are_ranked_or_not_drawn(n: int, tmp_path: Path) -> None:
    findings = examined(tmp_path, Recipe(n=n, supernets=("mobilenet",), pairs=False))
    drawn = draw_ranks(findings)
    assert isinstance(drawn, str) == (n == 1)
    assert len(ranks_table(findings.study, findings.standings)) == 4 * n
    assert bool(standing_sentences(findings.standings)) == (n > 1)
    assert isinstance(draw_pareto(findings), str) == (n == 1)


def test_one_outcome_makes_one_panel(tmp_path: Path) -> None:
    findings = examined(tmp_path, Recipe(n=12, supernets=("mobilenet",), families=()))
    ranks, pareto = draw_ranks(findings).figure, draw_pareto(findings).figure
    assert [ax.get_xlabel() for ax in ranks.axes] == ["rank (1 to 12)"]
    assert [ax.get_xlabel() for ax in pareto.axes] == ["MACs (millions)", ""]  # and the colour bar


def test_networks_of_unknown_macs_are_left_out_of_the_front(findings: Findings) -> None:
    macs = findings.study.factors["macs"].where(np.arange(76) > 2)
    study = replace(findings.study, factors=findings.study.factors.assign(macs=macs))
    found = standings(study, 50, 0)
    assert len(pareto_table(study, found.front)) == 73
    assert not pareto_table(study, found.front).isna().any(axis=None)
    caption = draw_pareto(replace(findings, study=study, standings=found)).caption
    assert caption.endswith("3 networks of unknown MACs are left out.")


def test_no_macs_is_said(findings: Findings) -> None:
    study = replace(findings.study, factors=findings.study.factors.drop(columns="macs"))
    found = standings(study, 50, 0)
    assert found.front == "the MACs of no network are known"
    assert pareto_table(study, found.front).empty
    assert len(standing_sentences(found)) == 1
    assert draw_pareto(replace(findings, study=study, standings=found)) == found.front


def test_a_lead_by_counts_is_that_of_independent_samples(tmp_path: Path) -> None:
    table = tmp_path / "others.csv"
    table.write_text("name,width,clean\n" + "".join(f"{n},8,{n}\n" for n in (95, 90, 60)))
    request = Request(("width",), ("clean",), 200, "percent", "name", "theirs")
    import_table(table, "csv", tmp_path / "r.h5", request)
    with open_results(tmp_path / "r.h5") as results:
        study = read_study(results)
    rows = ranks_table(study, standings(study, 50, 0)).iloc[1]
    theirs = confint_proportions_2indep(180, 200, 190, 200, compare="diff", method="newcomb")
    assert rows["lead"] == pytest.approx(-0.05)
    assert (rows["lead_low"], rows["lead_high"]) == pytest.approx(theirs)
