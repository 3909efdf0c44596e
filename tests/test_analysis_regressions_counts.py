import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy import optimize, stats

from analysis.regressions.beta_binomial import (
    derivatives,
    fit_beta_binomial,
    fit_overdispersed,
    log_likelihood,
)
from analysis.regressions.counts import NO_FINITE_FIT, fit_counts, fit_logistic
from analysis.regressions.linear import with_constant

Array = NDArray[np.float64]


def drawn(rho: float = 0.05, n: int = 300, tried: int = 60, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    x = with_constant(rng.normal(size=(n, 2)))
    p = 1 / (1 + np.exp(-(x @ [0.8, 0.5, 0.0])))
    spread = (1 - rho) / rho if rho else np.inf
    shares = rng.beta(p * spread, (1 - p) * spread) if rho else p
    return x, rng.binomial(tried, shares).astype(float)


def test_logistic_fit_equals_the_glm_of_statsmodels() -> None:
    x, right = drawn()
    fit = fit_logistic(x, right / 60, 60)
    assert not isinstance(fit, str)
    table = np.column_stack([right, 60 - right])
    theirs = sm.GLM(table, x, family=sm.families.Binomial()).fit(tol=1e-14)
    scale = theirs.pearson_chi2 / theirs.df_resid
    assert fit.coefficients == pytest.approx(theirs.params, abs=1e-8)
    assert fit.binomial == pytest.approx(theirs.cov_params(), abs=1e-8)
    assert fit.dispersion == pytest.approx(scale, abs=1e-8)
    assert fit.quasi_binomial == pytest.approx(scale * theirs.cov_params(), abs=1e-8)


def test_average_effects_equal_those_of_statsmodels() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(80, 2))
    p = 1 / (1 + np.exp(-(0.5 + x @ [0.6, -0.3])))
    scores = 100.0 * (rng.random((80, 1)) < p[:, None])
    fit = sm.Logit(scores[:, 0] / 100, with_constant(x)).fit(disp=0)
    # two images that are each right as often as the first: the fit is to their mean
    made = fit_counts(x, np.tile(scores, 2), np.arange(80))
    assert not isinstance(made, str)
    assert made[0].estimate / 100 == pytest.approx(fit.get_margeff().margeff, abs=1e-6)


def test_errors_of_counts_are_near_those_of_leaving_units_out() -> None:
    rng = np.random.default_rng(5)
    units = np.repeat(np.arange(60), 2)
    x = rng.normal(size=(120, 2))
    p = 1 / (1 + np.exp(-(1 + x @ [0.6, 0.0] + rng.normal(0, 0.5, 60)[units])))
    scores = 100.0 * (rng.random((120, 50)) < p[:, None])
    made = fit_counts(x, scores, units)
    assert not isinstance(made, str)
    left = []
    for u in range(60):
        part = fit_counts(x[units != u], scores[units != u], units[units != u])
        assert not isinstance(part, str)
        left.append(part[0].estimate)
    away = np.array(left) - made[0].estimate
    assert np.diag(made[0].units) == pytest.approx(np.diag(away.T @ away), rel=0.05)


def test_separated_counts_have_no_finite_fit() -> None:
    x = with_constant(np.linspace(-1, 1, 40)[:, None])
    assert fit_logistic(x, (x[:, 1] > 0).astype(float), 10) == NO_FINITE_FIT


def test_beta_binomial_likelihood_equals_scipy() -> None:
    right, share = np.array([0.0, 3.0, 17.0, 20.0]), np.array([0.1, 0.3, 0.6, 0.99])
    for gamma in (0.01, 0.5, 3.0):
        theirs = stats.betabinom.logpmf(right, 20, share / gamma, (1 - share) / gamma)
        assert log_likelihood(right, 20, share, gamma) == pytest.approx(theirs, abs=1e-8)


def test_beta_binomial_derivatives_equal_differences() -> None:
    x, right = drawn(n=6, tried=20)
    at = np.array([0.3, -0.2, 0.4, np.log(0.2)])

    def value(theta: Array, k: int) -> float:
        p = 1 / (1 + np.exp(-(x[k] @ theta[:-1])))
        return float(log_likelihood(right[k : k + 1], 20, np.array([p]), np.exp(theta[-1]))[0])

    scores, curvature, by_count = derivatives(x, right, 20, at)
    more, fewer = (derivatives(x, right + s * 1e-5, 20, at)[0] for s in (1, -1))
    assert by_count == pytest.approx((more - fewer) / 2e-5, rel=1e-5, abs=1e-8)
    for k in range(6):
        slope = optimize.approx_fprime(at, lambda t, k=k: value(t, k), 1e-7)
        assert scores[k] == pytest.approx(slope, abs=1e-5)
        step = 1e-5 * np.eye(4)
        rises = [derivatives(x, right, 20, at + s)[0][k] for s in step]
        falls = [derivatives(x, right, 20, at - s)[0][k] for s in step]
        assert curvature[k] == pytest.approx(-(np.array(rises) - falls) / 2e-5, abs=1e-5)


@pytest.mark.parametrize("rho", [0.02, 0.1, 0.4])
def test_beta_binomial_recovers_planted_dispersion(rho: float) -> None:
    x, right = drawn(rho, n=1500)
    fit = fit_beta_binomial(x, right, 60)
    assert not isinstance(fit, str)
    assert fit.rho == pytest.approx(rho, rel=0.12)
    error = np.sqrt(np.diag(fit.covariance))[:3]
    assert np.all(np.abs(fit.parameters[:3] - [0.8, 0.5, 0.0]) < 3.5 * error)


def test_beta_binomial_maximum_is_not_beaten_by_a_search_without_derivatives() -> None:
    x, right = drawn()
    fit = fit_beta_binomial(x, right, 60)
    assert not isinstance(fit, str)

    def minus(theta: Array) -> float:
        p = 1 / (1 + np.exp(-(x @ theta[:-1])))
        g = np.exp(theta[-1])
        return -float(stats.betabinom.logpmf(right, 60, p / g, (1 - p) / g).sum())

    start = fit.parameters + 0.05
    found = optimize.minimize(minus, start, method="Nelder-Mead", options={"xatol": 1e-7})
    assert fit.log_likelihood >= -found.fun - 1e-8
    assert fit.parameters == pytest.approx(found.x, abs=1e-2)


def test_counts_that_vary_too_little_fall_back_to_the_binomial() -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(100, 2))
    hard = rng.random(80)  # all networks are right on the same images
    scores = 100.0 * (hard < (0.7 + 0.05 * x[:, :1]))
    assert fit_beta_binomial(with_constant(x), scores.sum(1) / 100, 80) == (
        "counts vary no more than binomial ones"
    )
    ours, plain = (f(x, scores, np.arange(100)) for f in (fit_overdispersed, fit_counts))
    assert not isinstance(ours, str)
    assert not isinstance(plain, str)
    assert ours[1] == 0
    assert ours[0].estimate == pytest.approx(plain[0].estimate)


def test_beta_binomial_effects_cover_what_is_planted() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(400, 2))
    p = 1 / (1 + np.exp(-(0.8 + x @ [0.5, 0.0])))
    scores = 100.0 * (rng.random((400, 60)) < rng.beta(9 * p, 9 * (1 - p))[:, None])
    made = fit_overdispersed(x, scores, np.arange(400))
    assert not isinstance(made, str)
    true = [100 * 0.5 * float((p * (1 - p)).mean()), 0.0]
    assert np.all(np.abs(made[0].estimate - true) < made[0].reach)
    assert made[1] == pytest.approx(0.1, abs=0.03)
