import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from patsy import dmatrix
from sklearn.linear_model import QuantileRegressor
from statsmodels.regression.mixed_linear_model import MixedLM

from analysis.regressions.linear import fit_ordinary, with_constant
from analysis.regressions.pooled import Pool, fit_pooled, intercept_variance
from analysis.regressions.quantiles import fit_quantile, quantile_slopes, weighted_quantiles
from analysis.regressions.terms import fit_curve, fit_product, spline_curves, spline_knots

Array = NDArray[np.float64]


def drawn(bend: float = 0.0, product: float = 0.0) -> tuple[Array, Array, NDArray[np.intp]]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 2))
    y = 50 + 2 * x[:, 0] + bend * x[:, 0] ** 2 + product * x[:, 0] * x[:, 1]
    scores = (y + rng.normal(0, 1, 200))[:, None] + rng.normal(0, 10, (200, 40))
    return x, scores, np.arange(200) // 2


def test_spline_spans_what_the_natural_spline_of_patsy_spans() -> None:
    x = np.random.default_rng(0).normal(size=80)
    knots = spline_knots(x)
    theirs = np.asarray(
        dmatrix(
            "cr(x, knots=inner, lower_bound=low, upper_bound=high) - 1",
            {"x": x, "inner": knots[1:-1], "low": knots[0], "high": knots[-1]},
        )
    )
    ours = np.column_stack([np.ones(80), x, spline_curves(x, knots)])
    left = ours - theirs @ np.linalg.lstsq(theirs, ours, rcond=None)[0]
    assert np.abs(left).max() < 1e-8
    assert np.linalg.matrix_rank(ours) == theirs.shape[1] == 4


def test_spline_is_a_line_beyond_its_knots() -> None:
    knots = np.array([0.0, 1.0, 2.0, 4.0])
    beyond = spline_curves(np.array([4.0, 5.0, 6.0, 7.0]), knots)
    assert np.diff(beyond, n=2, axis=0) == pytest.approx(0, abs=1e-12)
    assert np.all(spline_curves(np.array([-3.0, 0.0]), knots) == 0)


def test_planted_curves_are_found_and_lines_pass() -> None:
    bent, line = (fit_curve(*drawn(bend=b), 0) for b in (1.0, 0.0))
    assert not isinstance(bent, str)
    assert not isinstance(line, str)
    assert bent[1] < 1e-4
    assert bent[0].estimate[0] < 0  # a parabola that opens upwards lies below its chord
    assert line[1] > 0.05


def test_two_values_cannot_bend() -> None:
    x, scores, units = drawn()
    x[:, 0] = x[:, 0] > 0
    assert fit_curve(x, scores, units, 0) == "has two values: any effect is a line"


def test_planted_products_are_found_and_nothing_else() -> None:
    planted, none = (fit_product(*drawn(product=p), (0, 1)) for p in (1.0, 0.0))
    assert not isinstance(planted, str)
    assert not isinstance(none, str)
    assert abs(planted.estimate[0] - 1.0) < planted.reach[0]
    assert planted.p[0] < 1e-4
    assert none.p[0] > 0.05


def test_product_of_switches_that_never_meet_is_refused() -> None:
    _, scores, units = drawn()
    switches = np.column_stack([np.arange(200) % 3 == 0, np.arange(200) % 3 == 1]).astype(float)
    reason = fit_product(switches, scores, units, (0, 1))
    assert reason == "the other factors leave nothing of this term"


@pytest.mark.parametrize("tau", [0.1, 0.5, 0.8])
def test_quantile_slopes_equal_scikit_learn_and_statsmodels(tau: float) -> None:
    rng = np.random.default_rng(0)
    x = with_constant(rng.normal(size=(101, 3)))
    y = x @ [1.0, 2.0, 3.0, 4.0] + rng.standard_t(3, 101)
    ours = quantile_slopes(x, y, tau)
    theirs = QuantileRegressor(quantile=tau, alpha=0).fit(x[:, 1:], y)
    assert ours[1:] == pytest.approx(theirs.coef_, abs=1e-8)
    # statsmodels stops at a change of 1e-6, so it comes near and does no better
    near = sm.QuantReg(y, x).fit(q=tau).params
    assert ours == pytest.approx(near, abs=1e-3)
    loss = [
        float(np.where(r > 0, tau * r, (tau - 1) * r).sum()) for r in (y - x @ ours, y - x @ near)
    ]
    assert loss[0] <= loss[1] + 1e-9


def test_rounded_fit_is_near_the_exact_one() -> None:
    rng = np.random.default_rng(1)
    x = with_constant(rng.normal(size=(300, 2)))
    y = x @ [1.0, 2.0, 0.0] + rng.normal(size=300)
    weights = rng.multinomial(300, np.full(300, 1 / 300), size=3).astype(float)
    found = weighted_quantiles(x, np.tile(y, (3, 1)), weights, 0.5)
    for slopes, weight in zip(found, weights.astype(int), strict=True):
        exact = quantile_slopes(np.repeat(x, weight, 0), np.repeat(y, weight), 0.5)
        assert slopes == pytest.approx(exact, abs=0.05)


def test_median_is_not_moved_by_a_few_odd_networks() -> None:
    x, scores, units = drawn()
    scores[x[:, 0] > 2] -= 60
    made = fit_quantile(x, scores, units, np.random.default_rng(0))
    ordinary = fit_ordinary(x, scores, units)
    assert not isinstance(made, str)
    assert not isinstance(ordinary, str)
    assert abs(made.estimate[0] - 2) < made.reach[0] < 1.5
    assert ordinary.estimate[0] < 1


def pool(count: int) -> Pool:
    rng = np.random.default_rng(1)
    member = np.repeat(np.arange(count), rng.integers(10, 30, count))
    x = rng.normal(size=(len(member), 2))
    y = rng.normal(0, 3, count)[member] + x @ [2.0, 0.0] + rng.normal(0, 2, len(member))
    scores = y[:, None] + rng.normal(0, 5, (len(y), 30))
    return Pool(x, scores, np.arange(len(y)), member)


def test_random_levels_have_the_variance_and_slopes_of_statsmodels() -> None:
    made = pool(12)
    x, y = with_constant(made.design), made.scores.mean(-1)
    theirs = MixedLM(y, x, made.supernets).fit(reml=True)
    ratio = intercept_variance(x, y, made.supernets)
    assert ratio == pytest.approx(float(theirs.cov_re[0, 0] / theirs.scale), rel=1e-3)
    ours = fit_pooled(made)
    assert not isinstance(ours, str)
    assert ours.estimate == pytest.approx(theirs.fe_params[1:], abs=1e-5)
    assert ours.n_units == 12


def test_few_supernets_have_levels_of_their_own() -> None:
    made = pool(3)
    full = np.column_stack([np.eye(3)[made.supernets], made.design])
    theirs = sm.OLS(made.scores.mean(-1), full).fit(cov_type="HC3")
    ours = fit_pooled(made)
    assert not isinstance(ours, str)
    assert ours.estimate == pytest.approx(theirs.params[3:], abs=1e-8)
    assert ours.units == pytest.approx(theirs.cov_params()[3:, 3:], abs=1e-8)
