import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.outliers_influence import variance_inflation_factor

from analysis.correlations import false_discovery, unusable_factors
from analysis.regressions import (
    fit_outcome,
    independent_factors,
    reliability,
    standardise,
    variance_inflation,
)


def made(n: int = 80, images: int = 50, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(n // 2), 2)
    x = standardise(rng.normal(size=(n, 3)) + rng.normal(size=(n // 2, 3))[units])
    y = 50 + x @ [4.0, -2.0, 0.0] + rng.normal(0, 2, n // 2)[units]
    scores = y[:, None] + rng.normal(0, 10, images) + rng.normal(0, 20, (n, images))
    return x, scores, units


def test_fit_effects_equal_least_squares() -> None:
    x, scores, units = made()
    solution = np.linalg.lstsq(np.column_stack([np.ones(80), x]), scores.mean(-1), rcond=None)[0]
    assert fit_outcome(x, scores, units).effects == pytest.approx(solution[1:])


def test_fit_network_covariance_is_the_clustered_sandwich_by_hand() -> None:
    x, scores, units = made()
    full, y = np.column_stack([np.ones(80), x]), scores.mean(-1)
    bread = np.linalg.inv(full.T @ full)
    residual = y - full @ (bread @ full.T @ y)
    sums = np.array([full[units == u].T @ residual[units == u] for u in range(40)])
    n, k, g = 80, 4, 40
    sandwich = bread @ (sums.T @ sums) @ bread * g / (g - 1) * (n - 1) / (n - k)
    assert fit_outcome(x, scores, units).networks == pytest.approx(sandwich[1:, 1:])


def test_fit_image_covariance_is_that_of_the_per_image_fits() -> None:
    x, scores, units = made()
    fits = [sm.OLS(scores[:, i], sm.add_constant(x)).fit().params[1:] for i in range(50)]
    assert fit_outcome(x, scores, units).images == pytest.approx(np.cov(np.transpose(fits)) / 50)


def test_fit_intervals_and_p_agree() -> None:
    fit = fit_outcome(*made())
    error = np.sqrt(np.diag(fit.covariance))
    assert fit.degrees == 39
    assert fit.p == pytest.approx(2 * stats.t.sf(np.abs(fit.effects) / error, 39))
    excludes = np.abs(fit.effects) > fit.reach
    assert excludes.tolist() == (fit.p < 0.05).tolist()


def test_fit_covers_planted_effects() -> None:
    hits = np.zeros(3)
    for seed in range(150):
        fit = fit_outcome(*made(seed=seed))
        # effects are per sample standard deviation: the planted ones hold on the drawn design
        hits += np.abs(fit.effects - [4.0, -2.0, 0.0]) <= fit.reach
    assert np.all(hits >= 135)


def test_reliability_recovers_the_planted_share() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 3, 400)
    scores = truth[:, None] + rng.normal(0, 15, 60) + rng.normal(0, 20, (400, 60))
    planted = 9 / (9 + 400 / 60)
    assert reliability(scores) == pytest.approx(planted, abs=0.07)


def test_variance_inflation_equals_statsmodels() -> None:
    x, _, _ = made()
    vif, condition = variance_inflation(x)
    full = sm.add_constant(x)
    theirs = [variance_inflation_factor(full, i) for i in (1, 2, 3)]
    assert vif == pytest.approx(theirs)
    assert condition == pytest.approx(np.linalg.cond(x))


def test_independent_factors_drop_constants_and_copies() -> None:
    rng = np.random.default_rng(0)
    depth = rng.integers(2, 9, 30).astype(float)
    frame = pd.DataFrame(
        {"depth": depth, "width": 3 - 2 * depth, "kernel": 3.0, "expand": rng.normal(size=30)}
    ).assign(stem_kernel=np.nan, macs=depth**2)
    kept, dropped = independent_factors(frame)
    assert kept == ["depth", "expand"]
    assert dropped == {
        "width": "determined by depth",
        "kernel": "constant: 3 in every network",
        "stem_kernel": "not a factor of this supernet",
    }


def test_the_only_stage_is_not_a_factor_again() -> None:
    one = pd.DataFrame({"depth": [1.0, 2.0], "depth_stage1": [1.0, 2.0]})
    assert unusable_factors(one) == {"depth_stage1": "the same as depth, of the only stage"}
    assert unusable_factors(one.assign(depth=[3.0, 7.0])) == {}


def test_unusable_factors_names_partly_undefined_ones() -> None:
    reasons = unusable_factors(pd.DataFrame({"depth": [1.0, np.nan, 2.0]}))
    assert reasons == {"depth": "undefined for 1 of 3 networks"}


def test_false_discovery_equals_scipy_and_skips_missing_tests() -> None:
    p = pd.Series([0.01, np.nan, 0.04, 0.03])
    q = false_discovery(p)
    assert np.isnan(q[1])
    expected = stats.false_discovery_control([0.01, 0.04, 0.03])
    assert q[[0, 2, 3]] == pytest.approx(expected)
