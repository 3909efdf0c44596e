"""Power: against SciPy and statsmodels, by enumeration, and by simulating what is promised."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import samplesize_confint_proportion

from metrics.power import (
    Target,
    accuracy_half_width,
    accuracy_images,
    correlation_networks,
    correlation_power,
    detectable,
    difference_images,
    difference_power,
    effect_pairs,
    effect_power,
    only_shares,
)
from metrics.power_estimates import (
    PairNoise,
    outcome_correlation,
    pair_noise,
    reliability,
    reliability_at,
)

NEAR = 0.03  # what promised and simulated power may differ by


@pytest.mark.parametrize(("width", "accuracy"), [(0.02, 0.5), (0.01, 0.9), (0.05, 0.3)])
def test_accuracy_images_are_close_to_those_of_statsmodels(width: float, accuracy: float) -> None:
    wanted = samplesize_confint_proportion(accuracy, width, alpha=0.05, method="normal")
    found = accuracy_images(width, accuracy)
    assert found == pytest.approx(wanted, rel=0.01)
    assert accuracy_half_width(found, accuracy) <= width
    assert accuracy_half_width(found - 1, accuracy) > width


def test_only_shares_have_the_correlation_asked_for() -> None:
    n10, n01 = only_shares(0.7, 0.04, 0.5)
    first, second = 0.72, 0.68
    both = first - n10
    assert n10 - n01 == pytest.approx(0.04)
    phi = (both - first * second) / math.sqrt(first * 0.28 * second * 0.32)
    assert phi == pytest.approx(0.5)
    assert only_shares(0.7, 0.04, 1.0)[1] == pytest.approx(0.0)  # as far as marginals allow


def test_difference_power_equals_enumeration() -> None:
    n, only, power = 12, (0.45, 0.05), 0.0
    for n10, n01 in product(range(n + 1), repeat=2):
        if n10 + n01 <= n and n10 + n01 > 0:
            p = stats.binomtest(n10, n10 + n01).pvalue
            mass = stats.multinomial.pmf([n10, n01, n - n10 - n01], n, [*only, 0.5])
            power += float(mass) * (p <= 0.05)
    assert difference_power(n, only, 0.05) == pytest.approx(power, abs=1e-9)


@pytest.mark.parametrize(("accuracy", "difference", "rho"), [(0.5, 0.05, 0.5), (0.9, 0.02, 0.2)])
def test_difference_images_give_the_promised_power(
    accuracy: float, difference: float, rho: float
) -> None:
    only = only_shares(accuracy, difference, rho)
    images = difference_images(only, Target())
    rng = np.random.default_rng(0)
    n10, n01, _ = rng.multinomial(images, [*only, 1 - sum(only)], 4000).T
    p = np.minimum(2 * stats.binom.cdf(np.minimum(n10, n01), n10 + n01, 0.5), 1)
    assert (p <= 0.05).mean() == pytest.approx(0.8, abs=NEAR)


def crossed(pairs: int, images: int, effect: float, noise: PairNoise, seed: int) -> np.ndarray:
    """(P, I) contributions: effect, pair, image, rest."""
    rng = np.random.default_rng(seed)
    v = noise.discordance - effect**2
    own = rng.normal(0, noise.spread, (pairs, 1)) + rng.normal(
        0, math.sqrt(v * noise.shared), images
    )
    return effect + own + rng.normal(0, math.sqrt(v * (1 - noise.shared)), (pairs, images))


def crossed_p(data: np.ndarray) -> float:
    """p of the mean of a two-way table whose rows and columns are both samples."""
    p, i = data.shape
    rows, columns, mean = data.mean(1), data.mean(0), data.mean()
    rest = ((data - rows[:, None] - columns + mean) ** 2).sum() / ((p - 1) * (i - 1))
    squares = i * rows.var(ddof=1) + p * columns.var(ddof=1) - rest
    return float(2 * stats.t.sf(abs(mean) / math.sqrt(max(squares, rest) / (p * i)), p - 1))


@pytest.mark.parametrize(
    ("images", "effect", "noise"),
    [
        (200, 0.02, PairNoise(0.02, 0.1, 0.0)),
        (400, 0.05, PairNoise(0.02, 0.3, 0.2)),
        (100, 0.05, PairNoise(0.06, 0.1, 0.1)),
    ],
)
def test_effect_pairs_give_the_promised_power(images: int, effect: float, noise: PairNoise) -> None:
    pairs = effect_pairs(images, effect, noise, Target())
    assert pairs is not None
    p = [crossed_p(crossed(pairs, images, effect, noise, seed)) for seed in range(1500)]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.8, abs=NEAR + 0.01)


def test_effect_pairs_of_right_and_wrong_answers_give_the_promised_power() -> None:
    noise, effect, images = PairNoise(0.03, 0.12, 0.0), 0.02, 200
    pairs = effect_pairs(images, effect, noise, Target())
    rng = np.random.default_rng(3)
    true = np.clip(rng.normal(effect, 0.03, (4000, pairs)), -0.12, 0.12)
    discordant = rng.binomial(images, 0.12, true.shape)
    n10 = rng.binomial(discordant, (1 + true / 0.12) / 2)
    p = stats.ttest_1samp((2 * n10 - discordant) / images, 0, axis=1).pvalue
    assert (p <= 0.05).mean() == pytest.approx(0.8, abs=NEAR)


def test_effect_power_without_shared_noise_is_that_of_statsmodels() -> None:
    noise = PairNoise(0.03, 0.1, 0.0)
    deviation = math.sqrt(0.03**2 + (0.1 - 0.01**2) / 500)
    wanted = TTestPower().power(0.01 / deviation, 40, 0.05)
    assert effect_power(40, 500, 0.01, noise, 0.05) == pytest.approx(wanted)


def test_effect_power_is_a_chance_however_large_the_effect() -> None:
    noise = PairNoise(0.01, 0.1, 0.2)
    found = [effect_power(100, 1000, e, noise, 0.001) for e in np.linspace(0.001, 0.3, 60)]
    assert np.all(np.diff(found) >= -1e-9)
    assert found[-1] == pytest.approx(1)


def test_shared_images_set_a_limit_that_pairs_do_not_lift() -> None:
    noise = PairNoise(0.02, 0.1, 0.2)
    assert effect_pairs(500, 0.01, noise, Target()) is None
    assert effect_pairs(5000, 0.01, noise, Target()) is not None


@pytest.mark.parametrize(("r", "rho"), [(0.2, 0.9), (0.5, 0.6)])
def test_correlation_networks_give_the_promised_power(r: float, rho: float) -> None:
    networks = correlation_networks(r, rho, Target())
    rng = np.random.default_rng(1)
    factor, own, noise = rng.normal(size=(3, 4000, networks))
    outcome = r * factor + math.sqrt(1 - r**2) * own
    seen = math.sqrt(rho) * outcome + math.sqrt(1 - rho) * noise
    p = stats.pearsonr(factor, seen, axis=1).pvalue
    assert (p <= 0.05).mean() == pytest.approx(0.8, abs=NEAR)


@pytest.mark.parametrize("adjust", ["bh", "bonferroni"])
def test_levels_of_many_tests_give_the_promised_power(adjust: str) -> None:
    target = Target(tests=100, adjust=adjust, real=0.2)  # type: ignore[arg-type]
    rng = np.random.default_rng(2)
    # the effect that a z test at the level finds with the power asked for
    shift = stats.norm.isf(target.level / 2) + stats.norm.ppf(target.power)
    z = rng.normal(size=(1000, 100))
    z[:, :20] += shift
    p = 2 * stats.norm.sf(abs(z))
    corrected = stats.false_discovery_control(p, axis=1) if adjust == "bh" else 100 * p
    found = corrected <= 0.05
    assert found[:, :20].mean() == pytest.approx(0.8, abs=NEAR)


def test_least_numbers_are_least() -> None:
    target, noise = Target(power=0.9, error=0.01), PairNoise(0.02, 0.1, 0.1)
    pairs = effect_pairs(2000, 0.015, noise, target)
    assert pairs is not None
    powers = [effect_power(n, 2000, 0.015, noise, 0.01) for n in (pairs - 1, pairs)]
    assert powers[0] < 0.9 <= powers[1]
    n = correlation_networks(0.3, 0.8, target)
    powers = [correlation_power(k, 0.3, 0.8, 0.01) for k in (n - 1, n)]
    assert powers[0] < 0.9 <= powers[1]


def test_detectable_effect_has_the_power_and_needs_the_size() -> None:
    noise = PairNoise(0.02, 0.1, 0.1)
    least = detectable(lambda e: effect_power(60, 2000, e, noise, 0.05), Target(), 0.3)
    assert least is not None
    assert effect_power(60, 2000, least, noise, 0.05) == pytest.approx(0.8, abs=1e-6)
    assert effect_pairs(2000, least + 1e-8, noise, Target()) == 60
    assert detectable(lambda e: 0.5 * e, Target(), 1.0) is None


def shared_outcomes(networks: int, images: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    score = rng.normal(0, 0.3, (networks, 1)) + rng.normal(size=images)
    return score + rng.normal(size=(networks, images)) > 0


def test_outcome_correlation_equals_numpy() -> None:
    bits = shared_outcomes(8, 60, 0).astype(float)
    covariance, spread = np.cov(bits, ddof=0), bits.std(1)
    off = ~np.eye(8, dtype=bool)
    wanted = covariance[off].sum() / np.outer(spread, spread)[off].sum()
    assert outcome_correlation(bits > 0) == pytest.approx(wanted)
    assert math.isnan(outcome_correlation(np.ones((3, 5), bool)))


def test_reliability_is_kuder_and_richardsons() -> None:
    bits = shared_outcomes(30, 25, 1)
    items, total = bits.var(0, ddof=1).sum(), bits.sum(1).var(ddof=1)
    assert reliability(bits) == pytest.approx(25 / 24 * (1 - items / total))
    assert reliability_at(0.5, 3) == pytest.approx(0.75)


def test_reliability_predicts_the_correlation_between_two_halves() -> None:
    bits = shared_outcomes(400, 400, 2)
    halves = np.corrcoef(bits[:, ::2].mean(1), bits[:, 1::2].mean(1))[0, 1]
    assert reliability_at(reliability(bits), 0.5) == pytest.approx(halves, abs=0.03)


def test_pair_noise_finds_what_was_planted() -> None:
    rng = np.random.default_rng(4)
    spread, discordance, shared, genes = 0.03, 0.2, 0.3, 8
    found = []
    for _ in range(20):
        low, high, names = [], [], []
        for gene in range(genes):
            true = np.clip(rng.normal(rng.normal(0, 0.02), spread, (25, 1)), -0.2, 0.2)
            # images sway all pairs of a gene alike with chance root(shared)
            sway = rng.random(300)
            follow = rng.random((25, 300)) < math.sqrt(shared)
            u = np.where(follow, sway, rng.random((25, 300)))
            low.append(u < (discordance - true) / 2)
            high.append(u > 1 - (discordance + true) / 2)
            names += [f"gene{gene}"] * 25
        found.append(pair_noise(np.concatenate(low), np.concatenate(high), names))
    assert np.mean([f.spread for f in found]) == pytest.approx(spread, rel=0.05)
    assert np.mean([f.discordance for f in found]) == pytest.approx(discordance, rel=0.02)
    assert np.mean([f.shared for f in found]) == pytest.approx(shared, rel=0.1)


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda: Target(power=1.0), "Target.power must be above 0 and below 1"),
        (lambda: Target(power=0.04), "Target.power must be above error"),
        (lambda: PairNoise(0.1, 0.0, 0.0), "PairNoise must have"),
        (lambda: only_shares(0.99, 0.1, 0.5), "must leave both accuracies in"),
        (
            lambda: pair_noise(np.ones((3, 9), bool), np.ones((3, 9), bool), ["a"] * 3),
            "at least 20 pairs more than genes",
        ),
    ],
)
def test_bad_input_is_refused(work: object, said: str) -> None:
    with pytest.raises(ValueError, match="must") as error:
        work()  # type: ignore[operator]
    assert said in str(error.value)
