"""Correlations agree with SciPy, hold what they claim, and see through luck with the images."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from analysis.correlations import false_discovery, unusable_factors
from analysis.correlations.intervals import Related, correlate
from analysis.correlations.kendall import kendall, taus
from analysis.correlations.ranks import weighted_ranks
from analysis.correlations.sample import Sample
from analysis.correlations.scales import from_normal, kendall_from_normal, partial, to_normal
from analysis.correlations.table import COLUMNS, CorrelationTables, correlation_tables
from analysis.study import read_study
from benchmarks.statistics_correlations import (
    CASES,
    NAMES,
    Setting,
    draw_images,
    draw_networks,
    judge_networks,
    judged_of,
    limits,
    sample_of,
    truth,
)
from sampling.store import open_results
from tests.analysis_synthetic import Recipe, write_synthetic


def sample(networks: int = 60, images: int = 80, seed: int = 0, effect: float = 0.3) -> Sample:
    """Networks whose one factor moves clean and noisy accuracy."""
    setting = Setting(networks, images, effect=(effect, effect), ability=0.3, own=0.2)
    return sample_of(setting, np.random.default_rng(seed))


def related(made: Sample, draws: int = 50) -> dict[str, tuple[Related, Related]]:
    return correlate(made, draws, (1,))


def tables(folder: Path, recipe: Recipe, control: str = "bh") -> CorrelationTables:
    with open_results(write_synthetic(folder / "results.h5", recipe)) as results:
        study = read_study(results)
    return correlation_tables(study, 40, control=control)  # type: ignore[arg-type]


def test_estimates_equal_scipy() -> None:
    made = sample()
    found, x = related(made), made.factors[0]
    for o, y in enumerate(made.judged.value):
        pearson, spearman = (found[m][0].observed.estimate[0, o, 0] for m in found)
        assert pearson == pytest.approx(stats.pearsonr(x, y)[0], abs=1e-8)
        assert spearman == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-8)
    between = found["pearson"][1].observed.estimate[0]
    assert between[0, 1] == pytest.approx(stats.pearsonr(*made.judged.value)[0], abs=1e-8)


def test_tau_b_equals_scipy_with_ties() -> None:
    made = sample(images=12)  # few images: many networks tie
    ours = taus(made)[0]
    theirs = [stats.kendalltau(made.factors[0], y)[0] for y in made.judged.value]
    assert ours[:, 0] == pytest.approx(theirs, abs=1e-8)
    shown = kendall(made, related(made)["spearman"][0]).observed.estimate[0, :, 0]
    assert shown == pytest.approx(theirs, abs=1e-8)


def test_given_clean_accuracy_is_the_correlation_of_residuals() -> None:
    made = sample()
    clean, noisy = made.judged.value
    residuals = [sm.OLS(v, sm.add_constant(clean)).fit().resid for v in (made.factors[0], noisy)]
    ours = related(made)["pearson"][0].observed.estimate[1, 1, 0]
    assert ours == pytest.approx(stats.pearsonr(*residuals)[0], abs=1e-8)
    xy, xz, yz = (np.array(v) for v in (0.5, 0.3, 0.4))
    assert partial(xy, xz, yz) == pytest.approx((0.5 - 0.12) / np.sqrt(0.91 * 0.84))


@pytest.mark.peer
@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_partial_correlations_equal_pingouins(method: str) -> None:
    pingouin = pytest.importorskip("pingouin", reason="pingouin is not installed")
    rng = np.random.default_rng(3)
    first = sample()
    macs = first.factors[0] + rng.normal(0, 0.5, 60)
    made = replace(first, factors=np.stack([first.factors[0], macs]), macs=1)
    clean, noisy = made.judged.value
    table = pd.DataFrame({"x": made.factors[0], "macs": macs, "clean": clean, "noisy": noisy})
    ours = related(made)[method][0].observed.estimate
    for held, name in ((1, "macs"), (2, "clean")):
        theirs = pingouin.partial_corr(table, "x", "noisy", name, method=method)["r"].iloc[0]
        assert ours[held, 1, 0] == pytest.approx(theirs, abs=1e-8)


def test_rank_correlations_of_normal_values_are_those_of_kruskal() -> None:
    """Kruskal (1958): Spearman is 6 / pi asin(r / 2), Kendall 2 / pi asin(r)."""
    r = np.array([-0.9, 0.0, 0.4, 1.0])
    assert from_normal(r) == pytest.approx(6 / np.pi * np.arcsin(r / 2))
    assert to_normal(from_normal(r)) == pytest.approx(r)
    assert kendall_from_normal(r) == pytest.approx(2 / np.pi * np.arcsin(r))


def test_weighted_ranks_equal_those_of_the_repeated_sample() -> None:
    rng = np.random.default_rng(1)
    values, counts = rng.integers(0, 5, (1, 12)).astype(float), rng.integers(0, 4, 12)
    order = np.argsort(values, axis=-1, kind="stable").astype(np.int32)
    ours = weighted_ranks(values[None], order[None], counts[None].astype(float))
    wanted = stats.rankdata(np.repeat(values[0], counts))
    shown = np.repeat(np.asarray(ours).reshape(12), counts)
    # up to a shift and a scale, which no correlation sees
    assert stats.pearsonr(shown, wanted)[0] == pytest.approx(1)


def test_true_correlations_are_seen_through_luck() -> None:
    """300 networks and 397 images: luck shrinks a correlation of .45 to about .30."""
    setting = Setting(300, 397)
    observed, true = (float(v[0]) for v in truth(setting, sets=40, crowd=1000))
    rng = np.random.default_rng(3)
    made = np.mean([limits(sample_of(setting, rng), 20, (k,))[0, :, 0] for k in range(40)], 0)
    assert true - observed > 0.08
    assert made == pytest.approx([observed, true], abs=0.05)


@pytest.mark.parametrize("case", ["correlation_60_networks_200_images", "correlation_strong"])
def test_intervals_cover_observed_and_true_correlations(case: str) -> None:
    setting = CASES[case]
    expected = np.stack(truth(setting, sets=60, crowd=1500), axis=1)
    rng = np.random.default_rng(4)
    found = np.array([limits(sample_of(setting, rng), 60, (k,)) for k in range(60)])
    told = np.isfinite(found).all(-1)  # the reliability may be too low to tell
    hits = (found[..., 1] <= expected) & (expected <= found[..., 2])
    assert told.mean(0).min() > 0.5
    assert (hits.sum(0) / told.sum(0) >= 0.84).all()  # 0.95 less four standard errors
    assert hits.shape == (60, len(NAMES), 2)


def test_design_units_are_drawn_whole() -> None:
    """Copies of a network add nothing: the same estimate, the same interval."""
    rng = np.random.default_rng(5)
    setting = Setting(40, 100, effect=(0.3, 0.3), ability=0.3, own=0.2)
    networks = draw_networks(setting, 40, rng)
    scores = judge_networks(networks, draw_images(setting, rng), rng)
    alone = Sample(networks[:1], judged_of(scores), np.arange(40), [0, 1])
    doubled = Sample(
        np.repeat(networks[:1], 2, 1),
        judged_of([np.repeat(right, 2, 0) for right in scores]),
        np.repeat(np.arange(40), 2),
        [0, 1],
    )
    one, two = (related(made, 200)["pearson"][0].observed for made in (alone, doubled))
    assert two.estimate == pytest.approx(one.estimate)
    assert two.se_networks == pytest.approx(one.se_networks, rel=0.15)


def test_equal_seeds_give_equal_bits() -> None:
    first, again = (related(sample())["spearman"][0].true for _ in "ab")
    np.testing.assert_array_equal(first.low, again.low)
    np.testing.assert_array_equal(first.p, again.p)


@pytest.mark.parametrize("control", ["bh", "by"])
def test_q_values_are_scipys(control: str) -> None:
    p = np.random.default_rng(0).uniform(0, 0.2, 30)
    table = pd.Series([*p, np.nan])
    found = false_discovery(table, control)  # type: ignore[arg-type]
    assert found[:-1] == pytest.approx(stats.false_discovery_control(p, method=control), abs=1e-12)
    assert np.isnan(found[-1])


def test_planted_effects_are_found_and_planted_nulls_are_not(tmp_path: Path) -> None:
    recipe = Recipe(
        n=60, images=120, attacked=120, supernets=("resnet",), pairs=False,
        effects={"adversarial": {"resolution": 1.0}},
    )  # fmt: skip
    rows = tables(tmp_path, recipe).factors
    shown = rows[(rows["method"] == "spearman") & (rows["given"] == "")]
    named = shown[(shown["factor"] == "resolution") & (shown["outcome"] == "adversarial")]
    assert named["q"].item() < 0.05
    assert named["low"].item() > 0
    others = shown[~shown["factor"].isin(["resolution", "macs", "activations"])]
    assert (others["q"].dropna() < 0.05).mean() < 0.05


def test_every_cell_has_a_number_or_a_reason(tmp_path: Path) -> None:
    made = tables(tmp_path, Recipe(n=30, images=40, supernets=("mobilenet",)))
    for rows in (made.factors, made.between):
        assert (rows["estimate"].isna() == (rows["reason"] != "")).all()
        untold = rows["true"].isna() & (rows["reason"] == "") & (rows["true_reason"] == "")
        assert not untold.any()
        assert ((rows["low"] <= rows["estimate"]) | rows["estimate"].isna()).all()
    assert set(COLUMNS) <= set(made.factors)
    assert {"outcome", "noise", "severity"} <= set(made.factors["level"].dropna())


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"n": 3}, "fewer than 10 independent design units"),
        ({"ability": 200.0}, "the outcome is the same for every network"),
        ({"ability": -200.0}, "the outcome is the same for every network"),
        ({"images": 8, "attacked": 8}, "fewer than 10 images"),
        ({"families": ("natural",), "severities": (3,)}, ""),
    ],
)
def test_what_cannot_be_told_says_why(more: dict[str, object], reason: str, tmp_path: Path) -> None:
    recipe = Recipe(**{"n": 24, "supernets": ("mobilenet",), **more})  # type: ignore[arg-type]
    rows = tables(tmp_path, recipe).factors
    told = set(rows.loc[rows["factor"] == "width", "reason"])
    assert reason in told
    assert rows["estimate"].notna().any() == (reason == "")


def factors(values: Sequence[float]) -> pd.DataFrame:
    return pd.DataFrame({"x": values})


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0], [1.0, np.nan, 2.0], [1.0, np.inf, 2.0]])
def test_odd_factors_are_told(values: list[float]) -> None:
    assert unusable_factors(factors(values))["x"]
    assert unusable_factors(factors([1.0, 2.0, 4.0])) == {}
