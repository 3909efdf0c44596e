import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy import stats
from statsmodels.datasets import longley

from analysis.regressions.crossed import Equations, crossed
from analysis.regressions.design import independent_factors, partial_r2, unusable
from analysis.regressions.linear import (
    fit_ordinary,
    fit_weighted,
    precision_weights,
    weighted_equations,
    with_constant,
)

Drawn = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]


def drawn(units: int = 40, images: int = 30, single: bool = False, seed: int = 0) -> Drawn:
    rng = np.random.default_rng(seed)
    place = np.repeat(np.arange(units), 1 if single else rng.integers(1, 5, units))
    x = rng.normal(size=(len(place), 3)) + rng.normal(size=(units, 3))[place]
    y = 50 + x @ [4.0, -2.0, 0.0] + rng.normal(0, 2, units)[place]
    scores = y[:, None] + rng.normal(0, 10, images) + rng.normal(0, 20, (len(y), images))
    return x, scores, place


def test_least_squares_gives_the_certified_values_of_longley() -> None:
    data = longley.load()
    x = with_constant(data.exog.to_numpy(dtype=float))
    scores = np.tile(data.endog.to_numpy(dtype=float)[:, None], 2)
    found, _ = weighted_equations(x, scores, np.ones(16))
    certified = [15.0618722713733, -0.358191792925910e-01, -2.02022980381683]
    certified += [-1.03322686717359, -0.511041056535807e-01, 1829.15146461355]
    assert found[0] == pytest.approx(-3482258.63459582, rel=1e-6)
    assert found[1:] == pytest.approx(certified, rel=1e-6)


def test_independent_networks_have_the_hc3_errors_of_statsmodels() -> None:
    x, scores, units = drawn(single=True)
    made = fit_ordinary(x, scores, units)
    assert not isinstance(made, str)
    theirs = sm.OLS(scores.mean(-1), sm.add_constant(x)).fit(cov_type="HC3")
    assert made.estimate == pytest.approx(theirs.params[1:], abs=1e-8)
    assert made.units == pytest.approx(theirs.cov_params()[1:, 1:], abs=1e-8)


def test_weighted_fit_has_the_slopes_and_hc3_errors_of_statsmodels() -> None:
    x, scores, units = drawn(single=True)
    weights = np.random.default_rng(1).uniform(0.5, 4, len(x))
    made = fit_weighted(x, scores, units, weights)
    assert not isinstance(made, str)
    theirs = sm.WLS(scores.mean(-1), sm.add_constant(x), weights).fit(cov_type="HC3")
    assert made.estimate == pytest.approx(theirs.params[1:], abs=1e-8)
    assert made.units == pytest.approx(theirs.cov_params()[1:, 1:], abs=1e-8)


def test_errors_over_units_are_those_of_leaving_each_unit_out() -> None:
    x, scores, units = drawn()
    made = fit_ordinary(x, scores, units)
    assert not isinstance(made, str)
    left = [
        sm.OLS(scores[units != u].mean(-1), sm.add_constant(x[units != u])).fit().params[1:]
        for u in range(40)
    ]
    away = np.array(left) - made.estimate
    assert made.units == pytest.approx(away.T @ away, abs=1e-8)


def test_errors_over_images_are_those_of_the_fits_to_single_images() -> None:
    x, scores, units = drawn()
    made = fit_ordinary(x, scores, units)
    assert not isinstance(made, str)
    fits = [sm.OLS(scores[:, i], sm.add_constant(x)).fit().params[1:] for i in range(30)]
    assert made.images == pytest.approx(np.cov(np.transpose(fits)) / 30, abs=1e-8)


def test_errors_over_cells_are_what_units_and_images_leave() -> None:
    x, scores, units = drawn(units=12, images=7)
    full = sm.add_constant(x)
    made = fit_ordinary(x, scores, units)
    assert not isinstance(made, str)
    by_image = np.array([np.linalg.lstsq(full, s, rcond=None)[0] for s in scores.T])
    total = np.zeros((3, 3))
    for u in range(12):
        keep = units != u
        without = np.array([np.linalg.lstsq(full[keep], s[keep], rcond=None)[0] for s in scores.T])
        rest = (without - by_image)[:, 1:]
        rest -= rest.mean(0)
        total += rest.T @ rest
    assert made.cells == pytest.approx(total / (7 * 6), abs=1e-8)


def test_blocks_of_images_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit_ordinary(*drawn())
    monkeypatch.setattr("analysis.regressions.crossed.BLOCK", 1000)
    parts = fit_ordinary(*drawn())
    assert not isinstance(whole, str)
    assert not isinstance(parts, str)
    assert parts.cells == pytest.approx(whole.cells, rel=1e-12)


def test_luck_of_single_outcomes_is_counted_once() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 1))
    scores = rng.normal(0, 20, (400, 300))
    made = fit_ordinary(x, scores, np.arange(400))
    assert not isinstance(made, str)
    once = 20**2 / (400 * 300)
    assert once * 0.8 < made.covariance[0, 0] < once * 1.3
    assert made.units[0, 0] + made.images[0, 0] == pytest.approx(2 * once, rel=0.2)


def test_a_unit_that_alone_decides_is_named() -> None:
    x, scores, units = drawn()
    x[:, 2] = units == 5
    assert fit_ordinary(x, scores, units) == "one design unit alone decides an effect"


def test_equations_that_cannot_be_solved_are_named() -> None:
    nothing = np.zeros((4, 1))
    made = Equations(nothing, np.zeros((4, 1, 1)), [(nothing, np.zeros((4, 3)))], np.eye(1))
    assert isinstance(crossed(np.zeros(1), made, np.arange(4)), str)


def test_joint_test_of_one_effect_is_its_t_squared() -> None:
    x, scores, units = drawn()
    made = fit_ordinary(x[:, :1], scores, units)
    assert not isinstance(made, str)
    f, p = made.joint()
    assert f == pytest.approx(float(made.estimate[0] / made.errors[0]) ** 2)
    assert p == pytest.approx(float(made.p[0]))


def test_weights_are_equal_where_luck_is_and_follow_it_where_not() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(300, 1))
    share = np.clip(0.75 + 0.12 * x, 0.3, 0.99)
    scores = 100.0 * (rng.random((300, 200)) < share)
    weights = precision_weights(x, scores)
    assert weights.mean() == pytest.approx(1)
    assert stats.spearmanr(weights, share[:, 0])[0] > 0.9
    flat = precision_weights(x, 50 + rng.normal(0, 20, (300, 200)))
    assert np.ptp(flat) < 0.1


def test_partial_r2_is_what_leaving_the_factor_out_loses() -> None:
    x, scores, _ = drawn()
    y, full = scores.mean(-1), sm.add_constant(x)
    whole = sm.OLS(y, full).fit().ssr
    lost = [sm.OLS(y, np.delete(full, k, 1)).fit().ssr for k in (1, 2, 3)]
    assert partial_r2(x, y) == pytest.approx([1 - whole / without for without in lost], abs=1e-8)


def test_infinite_missing_constant_and_copied_columns_are_left_out_with_reasons() -> None:
    import pandas as pd

    rng = np.random.default_rng(0)
    depth = rng.integers(2, 9, 30).astype(float)
    holed, endless = rng.normal(size=30), rng.normal(size=30)
    holed[3], endless[:2] = np.nan, np.inf
    frame = pd.DataFrame({"depth": depth, "width": holed, "kernel": endless, "expand": 3.0})
    frame["resolution"] = depth
    kept, dropped = independent_factors(frame)
    assert kept == ["depth"]
    assert dropped == {
        "width": "undefined for 1 of 30 networks",
        "kernel": "infinite for 2 of 30 networks",
        "expand": "constant: 3 in every network",
        "resolution": "determined by depth",
    }
    assert unusable(pd.DataFrame({"kernel": [np.inf, np.inf]}))["kernel"].startswith("infinite")
