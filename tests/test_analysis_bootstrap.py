import numpy as np
import pytest
from scipy import stats

from analysis.bootstrap import Data, correlate, weighted_ranks


def made(seed: int = 0, n: int = 60, images: int = 40, slope: float = 0.0) -> Data:
    """Networks whose one factor moves the chance to be right by `slope` logits."""
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=n)
    logit = slope * factor[:, None] + rng.normal(0, 0.5, (n, 1)) - rng.normal(0, 1, images)
    right = (logit + rng.logistic(size=(n, images)) > 0).astype(float)
    return Data(factor[None], [right], [np.arange(images)], np.arange(n))


def test_weighted_ranks_equal_scipy_with_ties() -> None:
    values = np.random.default_rng(0).integers(0, 6, (5, 30)).astype(float)
    ours = weighted_ranks(values, np.ones(30))
    assert np.array_equal(ours, stats.rankdata(values, axis=-1))


def test_weighted_ranks_equal_ranks_of_the_repeated_sample() -> None:
    rng = np.random.default_rng(1)
    values, counts = rng.integers(0, 5, 12).astype(float), rng.integers(0, 4, 12)
    repeated = stats.rankdata(np.repeat(values, counts))
    ours = np.repeat(weighted_ranks(values, counts.astype(float)), counts)
    assert np.array_equal(ours, repeated)


def test_weighted_ranks_take_rounding_for_ties() -> None:
    assert weighted_ranks(np.array([0.1 + 0.2, 0.3, 1.0]), np.ones(3)).tolist() == [1.5, 1.5, 3]


def test_correlate_estimates_equal_scipy() -> None:
    data = made(slope=0.8)
    found = correlate(data, 50, np.random.default_rng(0))
    y = data.scores[0].mean(-1)
    assert found["pearson"].estimate[0, 0] == pytest.approx(stats.pearsonr(data.factors[0], y)[0])
    assert found["spearman"].estimate[0, 0] == pytest.approx(stats.spearmanr(data.factors[0], y)[0])
    assert found["pearson"].estimate[0, 1] == pytest.approx(1)


def test_correlate_error_is_fishers_without_image_noise() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=400)
    y = 0.5 * x + rng.normal(size=400)
    data = Data(x[None], [np.repeat(y[:, None], 3000, 1)], [np.arange(3000)], np.arange(400))
    found = correlate(data, 400, rng)["pearson"]
    width = np.arctanh(found.high[0, 0]) - np.arctanh(found.low[0, 0])
    assert width == pytest.approx(2 * stats.t.ppf(0.975, 399) / np.sqrt(397), rel=0.12)


def test_correlate_resamples_whole_design_units() -> None:
    data = made(slope=0.8, n=40)
    doubled = Data(
        np.repeat(data.factors, 2, 1),
        [np.repeat(data.scores[0], 2, 0)],
        data.images,
        np.repeat(data.units, 2),
    )
    alone = correlate(data, 200, np.random.default_rng(5))["spearman"]
    copies = correlate(doubled, 200, np.random.default_rng(5))["spearman"]
    # copies of a network add nothing: same estimate, same interval
    assert copies.low[0, 0] == pytest.approx(alone.low[0, 0], abs=0.01)
    assert copies.high[0, 0] == pytest.approx(alone.high[0, 0], abs=0.01)


def test_correlate_gives_nothing_for_constants_and_few_units() -> None:
    data = made()
    flat = Data(np.ones((1, 60)), data.scores, data.images, data.units)
    assert np.isnan(correlate(flat, 20, np.random.default_rng(0))["pearson"].p[0, 0])
    few = made(n=6)
    assert np.isnan(correlate(few, 20, np.random.default_rng(0))["pearson"].low[0, 0])


def test_correlate_is_reproducible() -> None:
    first, again = (correlate(made(), 30, np.random.default_rng(9))["spearman"] for _ in "ab")
    assert np.array_equal(first.low, again.low)


def test_correlate_rejects_the_null_at_most_as_often_as_stated() -> None:
    p = [
        correlate(made(seed, n=40, images=30), 100, np.random.default_rng(seed))["spearman"].p[0, 0]
        for seed in range(150)
    ]
    assert np.mean(np.array(p) < 0.05) <= 0.09  # 0.05 and two binomial standard errors


def test_correlate_covers_the_truth() -> None:
    """Coverage of the correlation that infinitely many networks on as many images would have."""
    crowds = [made(seed, n=20_000, images=30, slope=0.5) for seed in range(90, 99)]
    truth = np.mean([stats.pearsonr(c.factors[0], c.scores[0].mean(-1))[0] for c in crowds])
    hits = 0
    for seed in range(100):
        data = made(seed, n=50, images=30, slope=0.5)
        found = correlate(data, 100, np.random.default_rng(seed))["pearson"]
        hits += bool(found.low[0, 0] <= truth <= found.high[0, 0])
    assert hits >= 91  # 95 less two binomial standard errors
