"""Agreement of trainings: against SciPy, by hand, and by simulation with planted truth."""

import numpy as np
import pytest
from scipy import stats

from metrics import agreement, difference_of_means
from metrics.agreement import _associations, _overlaps, best_of, tau_difference

CROSS = {"cross": [(0, 1)]}


def made(seed: int, networks: int = 40, images: int = 80, shared: float = 0.8) -> np.ndarray:
    """(3, N, J) right or wrong: run 1 shares an ability with run 0, run 2 with run 1 closely."""
    rng = np.random.default_rng(seed)
    first, own, noise = rng.normal(0, 0.8, (3, networks))
    second = shared * first + np.sqrt(1 - shared**2) * own
    ability = np.stack([first, second, second + 0.2 * noise])[:, :, None]
    logit = ability - rng.normal(0, 1.0, images) + rng.logistic(0, 0.6, (3, networks, images))
    return (logit > 0).astype(float)


def test_agreement_estimates_equal_scipy_with_ties() -> None:
    scores = made(0, images=12)  # few images: many ties
    found = agreement(scores, CROSS, 20, np.random.default_rng(0))["cross"]
    x, y = scores[:2].mean(-1)
    assert len(np.unique(x)) < 13
    assert found.tau.value == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-12)
    assert found.correlation.value == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-12)
    assert found.slope.value == pytest.approx(stats.linregress(x, y).slope, abs=1e-12)


def test_associations_with_weights_equal_scipy_on_the_repeated_sample() -> None:
    rng = np.random.default_rng(1)
    values, counts = rng.integers(0, 6, (2, 15)).astype(float), rng.integers(0, 4, 15)
    ours = _associations(values[None], counts[None].astype(float))[:, 0, 0, 1]
    x, y = np.repeat(values, counts, axis=1)
    wanted = stats.kendalltau(x, y)[0], stats.pearsonr(x, y)[0], stats.linregress(x, y).slope
    np.testing.assert_allclose(ours, wanted, atol=1e-12)


def test_agreement_of_several_pairs_is_their_mean() -> None:
    pairs = {"a": [(0, 1)], "b": [(0, 2)], "both": [(0, 1), (0, 2)]}
    found = agreement(made(2), pairs, 30, np.random.default_rng(0))
    for name in ("tau", "correlation", "slope", "overlap"):
        a, b, both = (getattr(found[key], name).value for key in ("a", "b", "both"))
        np.testing.assert_allclose(both, (a + b) / 2)


def test_overlap_by_hand_with_a_tie_at_the_edge() -> None:
    first = np.array([9.0, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    second = np.array([9.0, 1, 7, 7, 5, 4, 3, 2, 8, 0])
    # best 3 of the second: networks 0, 8 and one of 2 and 3, each with chance 1/2; best 3 of the
    # first: 0, 1, 2; so 1 + 1/2 of 3 are shared
    np.testing.assert_allclose(_overlaps(np.stack([first, second]), 3)[0, 1], 0.5)
    assert [best_of(50, share) for share in (0.05, 0.1, 0.25)] == [3, 5, 13]


def test_overlap_of_independent_runs_is_the_share_of_the_best() -> None:
    rng = np.random.default_rng(3)
    found = [_overlaps(rng.integers(0, 9, (2, 40)).astype(float), 10)[0, 1] for _ in range(3000)]
    assert np.mean(found) == pytest.approx(10 / 40, abs=4 * np.std(found) / np.sqrt(3000))


def test_intervals_cover_planted_agreement_and_exclude_none() -> None:
    rng, pairs = np.random.default_rng(4), {**CROSS, "ceiling": [(1, 2)]}
    many = [agreement(made(1000 + s), pairs, 2, rng) for s in range(300)]
    truth = {
        "tau": np.mean([m["cross"].tau.value for m in many]),
        "slope": np.mean([m["cross"].slope.value for m in many]),
        "overlap": np.mean([m["cross"].overlap.value for m in many], axis=0),
    }
    gap = np.mean([m["ceiling"].tau.value - m["cross"].tau.value for m in many])
    inside: list[list[bool]] = []
    for s in range(100):
        found = agreement(made(s), pairs, 60, rng)
        estimates = [getattr(found["cross"], name) for name in truth]
        covered = [
            bool(np.mean((e.low <= t) & (t <= e.high)) > 0.5)
            for e, t in zip(estimates, truth.values(), strict=True)
        ]
        difference = tau_difference(found["ceiling"], found["cross"], 40)
        covered.append(bool(difference.low <= gap <= difference.high))
        inside.append([*covered, bool(estimates[0].low > 0), bool(difference.low > 0)])
    share = np.mean(inside, axis=0)
    assert (share[:4] >= 0.9).all(), share
    assert share[4] > 0.9, "tau is told from 0"
    assert share[5] > 0.5, "its ceiling is told from it"


def test_agreement_of_constant_runs_has_no_number() -> None:
    scores = made(5)
    scores[0] = 1.0
    found = agreement(scores, CROSS, 20, np.random.default_rng(0))["cross"]
    assert np.isnan([found.tau.value, found.tau.low, found.slope.high]).all()
    assert np.isfinite(found.overlap.value).all()


def test_agreement_refuses_few_networks() -> None:
    with pytest.raises(ValueError, match=r"^agreement\.scores must be of at least 10 networks"):
        agreement(made(0, networks=9), CROSS, 20, np.random.default_rng(0))


def test_difference_of_means_equals_welch_where_images_agree() -> None:
    rng = np.random.default_rng(6)
    first, second = rng.normal(0.9, 0.02, (5, 1)), rng.normal(0.88, 0.01, (4, 1))
    images = rng.random((1, 30))
    found = difference_of_means(first + images, second + images)
    wanted = stats.ttest_ind(first[:, 0], second[:, 0], equal_var=False).confidence_interval()
    np.testing.assert_allclose([found.low, found.high], wanted, rtol=1e-9)
    assert found.value == pytest.approx(first.mean() - second.mean())


def test_difference_of_means_covers_a_planted_difference() -> None:
    rng = np.random.default_rng(7)
    inside, apart = 0, 0
    for _ in range(800):
        difficulty = rng.normal(2, 1.5, 150)
        ability = np.array([0.6, 0.0])[:, None, None] + rng.normal(0, 0.1, (2, 5, 1))
        image = rng.normal(0, 0.5, (2, 1, 150))  # what is hard differs between the kinds
        chance = 1 / (1 + np.exp(-(ability + image + difficulty)))
        first, second = (rng.random(chance.shape) < chance).astype(float)
        found = difference_of_means(first, second)
        inside += found.low <= TRUTH <= found.high
        apart += found.low > 0
    assert 0.93 <= inside / 800 <= 0.995, inside
    assert apart > 400


def _planted() -> float:
    """The expectation of the difference above, by quadrature over the summed normals."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    spread = np.sqrt(1.5**2 + 0.1**2 + 0.5**2)
    means = [1 / (1 + np.exp(-(a + 2 + spread * nodes))) @ weights for a in (0.6, 0.0)]
    return float((means[0] - means[1]) / weights.sum())


TRUTH = _planted()


def test_difference_of_means_of_one_seed_has_no_interval() -> None:
    found = difference_of_means(np.ones((1, 5)), np.zeros((3, 5)))
    assert found.value == 1.0
    assert np.isnan([found.low, found.high]).all()
