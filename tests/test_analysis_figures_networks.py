"""Figures over networks of any kind: their numbers by hand, and why some cannot be drawn."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.figures.drawing import Drawing, style
from analysis.figures.families import MOST, OTHERS, families_of
from analysis.figures.heatmap import draw_heatmap
from analysis.figures.severity import draw_severity
from analysis.figures.size import draw_size, draw_strength
from analysis.figures.studied import draw_studied
from analysis.figures.system import draw_system
from analysis.figures.techniques import NO_TWINS, draw_techniques
from analysis.figures.transfer import draw_transfer
from analysis.findings import Findings, examine
from metrics import newcombe_difference
from sampling.store import Condition, open_results
from tests.analysis_synthetic import Recipe, write_synthetic
from tests.test_analysis_claims import Made, trained, write_made
from tests.test_analysis_sharing import write_study

TRANSFER = tuple(
    Condition(
        f"fgsm_from_{source}_e{e}",
        "transfer",
        e,
        json.dumps({"transferred_from": f"{source}/largest"}),
        "clean",
    )
    for source in ("mobilenet", "resnet")
    for e in (1, 2)
)


def findings_of(path: Path) -> Findings:
    with open_results(path) as results:
        return examine(results, draws=50)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """Three networks of two families each, trained with mixup and without, attacked by transfer."""
    networks = trained("mixup", ("resnet50", "vit_b"), 1.0)
    path = tmp_path_factory.mktemp("made") / "r.h5"
    return findings_of(write_made(path, networks, images=200, extra=TRANSFER))


def drawn(drawing: Drawing | str) -> Drawing:
    assert isinstance(drawing, Drawing), drawing
    return drawing


def column(findings: Findings, name: str) -> int:
    return list(findings.study.conditions["name"]).index(name)


def test_size_shows_every_network_with_its_scores(made: Findings) -> None:
    with style():
        drawing = drawn(draw_size(made))
    assert len(drawing.data) == 12
    score = made.study.score("natural")
    assert score is not None
    np.testing.assert_allclose(drawing.data["natural_percent"], 100 * score.estimate.value)
    np.testing.assert_array_equal(drawing.data["macs"], made.study.factors["macs"])
    assert "n = 12" in drawing.caption
    labels = {ax.get_xlabel() for ax in drawing.figure.axes} - {""}
    assert labels == {"parameters (millions)", "MACs (millions)"}


def test_strength_is_the_wilson_interval_of_every_budget(made: Findings) -> None:
    with style():
        drawing = drawn(draw_strength(made))
    right = made.study.correct[:, column(made, "pgd_l2_e2")].sum(1)
    for row, k in enumerate(right.tolist()):
        limits = stats.binomtest(k, 200).proportion_ci(method="wilson")
        found = drawing.data.loc[row, ["pgd_l2_e2_value", "pgd_l2_e2_low", "pgd_l2_e2_high"]]
        np.testing.assert_allclose(
            found.to_numpy(float), [k / 2, 100 * limits.low, 100 * limits.high], rtol=1e-9
        )


def test_techniques_are_compared_with_their_twins(made: Findings) -> None:
    with style():
        drawing = drawn(draw_techniques(made))
    rows = drawing.data.set_index(["name", "family", "outcome"])
    assert set(rows.index.get_level_values("name")) == {"mixup"}
    score = made.study.score("clean")
    assert score is not None
    table = made.study.networks
    for family in ("resnet50", "vit_b"):
        own = table["family"] == family
        with_it = (own & (table["technique"] == "mixup")).to_numpy()
        without = (own & (table["technique"] == "standard")).to_numpy()
        change = 100 * (score.estimate.value[with_it].mean() - score.estimate.value[without].mean())
        row = rows.loc[("mixup", family, "clean")]
        assert row["change_pp"] == pytest.approx(change)
        assert row["low"] < change < row["high"]
        assert row["pairs"] == 3


def test_transfer_is_the_share_of_right_answers_that_are_lost(made: Findings) -> None:
    with style():
        drawing = drawn(draw_transfer(made))
    study = made.study
    rows = drawing.data
    assert len(rows) == 2 * 2 * 4  # sources, budgets, families with technique
    who = (study.networks["family"] == "vit_b") & (study.networks["technique"] == "mixup")
    before = study.correct[who.to_numpy(), column(made, "clean")]
    after = study.correct[who.to_numpy(), column(made, "fgsm_from_resnet_e2")]
    chosen = (rows["target"] == "vit_b, mixup") & (rows["source"] == "resnet/largest")
    row = rows[chosen & (rows["budget"] == 2)].iloc[0]
    assert row["misled_percent"] == pytest.approx(100 * (before & ~after).sum() / before.sum())
    # the jackknife over images agrees with the linearised error
    lost, base = (before & ~after).sum(0), before.sum(0)
    left = (lost.sum() - lost) / (base.sum() - base)
    error = np.sqrt((len(left) - 1) / len(left) * ((left - left.mean()) ** 2).sum())
    assert (row["high"] - row["low"]) / 200 == pytest.approx(
        stats.t.ppf(0.975, 199) * error, rel=0.01
    )


def test_system_change_of_one_network_is_near_newcombes(tmp_path: Path) -> None:
    found = findings_of(write_made(tmp_path / "r.h5", [Made("a", "resnet"), Made("b", "vit")], 800))
    with style():
        rows = drawn(draw_system(found)).data.set_index(["name", "family"])
    assert "opencv_decoder" not in rows.index.get_level_values("name")  # the reference's twin
    bits = [
        found.study.correct[0, column(found, name)] for name in ("pillow_box", "system_reference")
    ]
    expected = newcombe_difference(*(b[None] for b in bits))
    row = rows.loc[("pillow_box", "resnet")]
    assert row["change_pp"] == pytest.approx(100 * float(expected.value[0]))
    np.testing.assert_allclose(
        [row["low"], row["high"]],
        [100 * float(expected.low[0]), 100 * float(expected.high[0])],
        atol=0.15,
    )


def test_severity_begins_without_noise_on_the_attacked_images(tmp_path: Path) -> None:
    found = findings_of(write_synthetic(tmp_path / "r.h5", Recipe(n=12, attacked=30)))
    with style():
        rows = drawn(draw_severity(found)).data
    study = found.study
    own = np.flatnonzero(study.networks["supernet"] == "resnet")
    chosen = rows[(rows["noise"] == "fgsm") & (rows["family"] == "resnet")]
    assert chosen["strength"].tolist() == [0, 1, 2]
    for name, value in zip(
        ("clean", "fgsm_e1", "fgsm_e2"), chosen["accuracy_percent"], strict=True
    ):
        assert value == pytest.approx(100 * study.correct[own, column(found, name), :30].mean())
    fog = rows[(rows["noise"] == "fog") & (rows["family"] == "resnet")]
    assert fog["accuracy_percent"].iloc[0] == pytest.approx(
        100 * study.correct[own, column(found, "clean")].mean()
    )
    assert (fog["low"] < fog["accuracy_percent"]).all()


def test_heatmap_holds_the_correlations_of_scipy(tmp_path: Path) -> None:
    found = findings_of(write_synthetic(tmp_path / "r.h5", Recipe(n=24, supernets=("resnet",))))
    with style():
        drawing = drawn(draw_heatmap(found, found.study.groups[0]))
    rows = drawing.data.set_index(["factor", "outcome"])
    fog = [k for k, name in enumerate(found.study.conditions["name"]) if name.startswith("fog_")]
    accuracy = found.study.correct[:, fog].mean((1, 2))
    rho = stats.spearmanr(found.study.factors["width"], accuracy).statistic
    assert rows.loc[("width", "fog"), "estimate"] == pytest.approx(rho, abs=1e-8)
    assert {"clean", "fgsm", "pillow_box"} <= set(rows.index.get_level_values("outcome"))


def test_sharing_is_drawn_from_the_results_of_a_study(tmp_path: Path) -> None:
    with style():
        drawing = drawn(draw_studied(findings_of(write_study(tmp_path / "study.h5"))))
    assert {"supernet", "standalone", "outcome"} <= set(drawing.data.columns)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    recipe = Recipe(n=6, families=("natural",), severities=(3,), supernets=("resnet",))
    found = findings_of(write_synthetic(tmp_path / "r.h5", recipe))
    assert draw_techniques(found) == NO_TWINS
    for draw, why in (
        (draw_strength, "no attack"),
        (draw_transfer, "no transfer attack"),
        (draw_system, "no system noise"),
        (draw_severity, "two strengths"),
        (draw_studied, "robustscope study"),
    ):
        told = draw(found)
        assert isinstance(told, str)
        assert why in told


def test_families_can_be_told_apart_and_the_smallest_stand_together() -> None:
    names = [f"f{k:03d}" for k in range(60) for _ in range(1 + (k < 50))]
    table = pd.DataFrame({"family": names, "technique": "standard"})
    families = families_of(table)
    assert len(families) == MOST
    assert len({(f.marker, f.colour) for f in families}) == MOST
    assert families[-1].label == OTHERS
    assert sorted(np.concatenate([f.rows for f in families]).tolist()) == list(range(len(names)))
    assert families_of(table.assign(technique=["a", "b"] * 55))[0].label == "f000, a"
