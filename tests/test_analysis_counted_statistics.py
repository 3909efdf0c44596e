"""Statistics from counts against SciPy, statsmodels, the jackknife, and simulated truth."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from analysis.counted.correlations import Interval, Variable, correlate, pearson, spearman
from analysis.counted.fits import fit_networks
from analysis.counted.resampling import explained, lmg_shares, make_blocks

RNG = np.random.default_rng(5)
TIED = RNG.integers(0, 4, 60).astype(float)
NOISY = np.round(TIED + RNG.normal(size=60), 1)


def jackknife(of, x, y) -> float:
    n = len(x)
    left = np.array([of(np.delete(x, i), np.delete(y, i)) for i in range(n)])
    return float(np.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum()))


@pytest.mark.parametrize(
    ("ours", "peer"),
    [
        (pearson, lambda x, y: stats.pearsonr(x, y).statistic),
        (spearman, lambda x, y: stats.spearmanr(x, y).statistic),
    ],
)
def test_correlations_and_their_errors_equal_scipy_and_the_jackknife(ours, peer) -> None:
    r, influence = ours(Variable(TIED), Variable(NOISY))
    assert r == pytest.approx(peer(TIED, NOISY), abs=1e-12)
    error = np.sqrt((influence**2).sum()) / 60
    assert error == pytest.approx(jackknife(peer, TIED, NOISY), rel=0.06)


@pytest.mark.parametrize("slope", [0.0, 1.0])
@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_correlation_intervals_cover_the_correlation_of_all_networks(
    slope: float, method: str
) -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 4, (301, 80)).astype(float)
    y = slope * x + rng.normal(size=x.shape)
    of = stats.pearsonr if method == "pearson" else stats.spearmanr
    many = rng.integers(0, 4, 200_000).astype(float)
    truth = of(many, slope * many + rng.normal(size=200_000)).statistic
    units = np.arange(80)
    found = [correlate(Variable(a), Variable(b), units)[method] for a, b in zip(x, y, strict=True)]
    assert 0.92 <= np.mean([f.low <= truth <= f.high for f in found]) <= 0.99


def test_copies_of_networks_in_one_unit_add_no_certainty() -> None:
    once = correlate(Variable(TIED), Variable(NOISY), np.arange(60))["spearman"]
    x, y, units = np.repeat(TIED, 3), np.repeat(NOISY, 3), np.repeat(np.arange(60), 3)
    thrice = correlate(Variable(x), Variable(y), units)["spearman"]
    assert thrice.estimate == pytest.approx(once.estimate)
    assert thrice.high - thrice.low == pytest.approx(once.high - once.low, rel=0.05)


def test_a_perfect_correlation_has_a_finite_interval() -> None:
    found = correlate(Variable(TIED), Variable(-TIED), np.arange(60))["pearson"]
    assert isinstance(found, Interval)
    assert found.estimate == pytest.approx(-1)
    assert np.isfinite([found.low, found.high, found.p]).all()


def design(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = np.stack([rng.normal(5, 2, n), rng.integers(0, 2, n), rng.normal(1e6, 1e5, n)], axis=1)
    y = 2 * x[:, 0] - 3 * x[:, 1] + rng.normal(size=n) * (1 + np.abs(x[:, 0] - 5))
    return x, np.stack([y, y**2], axis=1)


def test_fits_equal_statsmodels_with_hc3() -> None:
    x, y = design(70, np.random.default_rng(2))
    fits = fit_networks(x, y, np.arange(70))
    assert not isinstance(fits, str)
    for k, ours in enumerate(fits):
        peer = sm.OLS(y[:, k], sm.add_constant(x)).fit(cov_type="HC3", use_t=True)
        np.testing.assert_allclose(ours.effects, peer.params[1:], rtol=1e-8)
        np.testing.assert_allclose(ours.covariance, peer.cov_params()[1:, 1:], rtol=1e-6)
        np.testing.assert_allclose(ours.effects - ours.reach, peer.conf_int()[1:, 0], rtol=1e-6)
        np.testing.assert_allclose(ours.p, peer.pvalues[1:], rtol=1e-5, atol=1e-14)
        assert ours.r2 == pytest.approx(peer.rsquared)
        wald = peer.f_test(np.eye(4)[1:3])
        assert ours.joint_p([0, 1]) == pytest.approx(float(wald.pvalue), rel=1e-5)
        value, low, high = ours.contrast(np.array([1.0, 1.0, 0.0]))
        told = peer.t_test([0, 1, 1, 0])
        assert (value, low, high) == pytest.approx((told.effect[0], *told.conf_int()[0]))


def test_copies_in_one_unit_leave_errors_of_fits_as_they_are() -> None:
    x, y = design(70, np.random.default_rng(3))
    once = fit_networks(x, y, np.arange(70))
    thrice = fit_networks(np.tile(x, (3, 1)), np.tile(y, (3, 1)), np.tile(np.arange(70), 3))
    assert not isinstance(once, str)
    assert not isinstance(thrice, str)
    np.testing.assert_allclose(thrice[0].error, once[0].error, rtol=0.1)


def test_a_network_that_decides_an_effect_alone_is_no_evidence() -> None:
    x = np.zeros((20, 1))
    x[3] = 1
    said = fit_networks(x, np.random.default_rng(0).normal(size=(20, 1)), np.arange(20))
    assert isinstance(said, str)
    assert "a single network decides" in said


def test_shares_of_independent_choices_are_their_own_r2() -> None:
    rng = np.random.default_rng(4)
    grid = np.array(np.meshgrid([0, 1], [0, 1], [0, 1], [0, 1])).reshape(4, -1).T.astype(float)
    x = np.tile(grid, (10, 1))
    y = (x @ [3.0, 2.0, 1.0, 0.0] + rng.normal(size=160))[:, None]
    blocks = make_blocks(x, y, np.arange(160), rng)
    share, r2, error = lmg_shares(blocks, [1, 1, 2], rng, draws=200)
    alone = [np.corrcoef(column, y[:, 0])[0, 1] ** 2 for column in x.T]
    np.testing.assert_allclose(share.value[:, 0], [alone[0], alone[1], sum(alone[2:])], atol=1e-9)
    fit = sm.OLS(y[:, 0], sm.add_constant(x)).fit()
    assert r2.value[0] == pytest.approx(fit.rsquared)
    assert explained(blocks, rng, 50).value[0] == pytest.approx(fit.rsquared)
    assert (share.low <= share.value).all()
    assert not error.any()


@pytest.mark.parametrize("n", [100, 1500])
def test_intervals_of_r2_cover_that_of_all_networks(n: int) -> None:
    rng, hits = np.random.default_rng(6), 0
    truth = 1.25 / (1.25 + 4)  # variances of two terms and of the rest
    for _ in range(200):
        x = rng.normal(size=(n, 2))
        y = (x @ [1.0, 0.5] + rng.normal(0, 2, n))[:, None]
        found = explained(make_blocks(x, y, np.arange(n), rng), rng, 200)
        hits += int(found.low[0] <= truth <= found.high[0])
    assert 0.9 <= hits / 200 <= 0.99


def test_blocks_of_networks_hold_whole_units() -> None:
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(4000, 1)), rng.normal(size=(4000, 1))
    blocks = make_blocks(x, y, np.repeat(np.arange(2000), 2), rng)
    assert blocks.sums.shape[0] == 1000
    assert set(np.round(blocks.sums[:, 0]).astype(int)) == {4}  # two units of two networks
    whole = blocks.moments(np.ones((1, 1000)))
    assert whole.columns[0, 0, 0] == pytest.approx(1)
    assert whole.cross[0, 0, 0] == pytest.approx(pd.Series(x[:, 0]).corr(pd.Series(y[:, 0])))
