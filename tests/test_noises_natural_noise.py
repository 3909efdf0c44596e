"""Per-value noise against the distributions it is defined by."""

import numpy as np
import pytest
from scipy import stats

from noises.draws import generators
from noises.natural.channel import channel_from_probabilities
from noises.natural.noise import (
    gaussian_channel,
    impulse_channel,
    shot_channel,
    speckle_channel,
)
from noises.natural.table import NATURAL_NOISES

K = np.arange(256)


def probabilities(channel):
    """P(out | in), (256, 256), read back from the alias tables."""
    keep = channel.keep / 2.0**24
    out = keep.copy()
    for column in range(256):
        np.add.at(out, (K, channel.alias[:, column]), 1.0 - keep[:, column])
    return out / 256.0


def flat(level, size=224):
    return np.full((1, size, size, 3), level, dtype=np.uint8)


def applied(name, pixels, severity):
    return NATURAL_NOISES[name].apply(pixels, severity, generators(0, name, severity, ["a"]))


def test_channel_reproduces_any_probabilities():
    wanted = np.random.default_rng(0).dirichlet(np.full(256, 0.05), size=256)
    got = probabilities(channel_from_probabilities(wanted))
    np.testing.assert_allclose(got, wanted, atol=256 * 2.0**-32)


def test_gaussian_channel_is_a_truncated_normal():
    got = probabilities(gaussian_channel(0.1))
    for level in (0, 3, 128, 255):
        normal = stats.norm(level, 25.5)
        wanted = normal.cdf(K + 1) - normal.cdf(K)
        wanted[0], wanted[255] = normal.cdf(1), normal.sf(255)
        np.testing.assert_allclose(got[level], wanted, atol=1e-7)


def test_speckle_channel_scales_with_the_level_and_keeps_black():
    got = probabilities(speckle_channel(0.2))
    assert got[0, 0] == 1.0
    normal = stats.norm(100, 20)
    np.testing.assert_allclose(got[100, 90:110], np.diff(normal.cdf(K[90:111])), atol=1e-7)


@pytest.mark.parametrize("photons", [3.0, 60.0, 500.0])
def test_shot_channel_is_a_truncated_poisson(photons):
    got = probabilities(shot_channel(photons))
    counts = np.arange(2000)
    levels = (np.clip(counts / photons, 0, 1) * 255).astype(np.uint8)
    for level in (0, 1, 77, 200, 255):
        mass = stats.poisson(level / 255 * photons).pmf(counts)
        wanted = np.bincount(levels, weights=mass, minlength=256)
        np.testing.assert_allclose(got[level], wanted, atol=1e-7)


def test_impulse_channel_puts_half_of_the_share_at_each_end():
    got = probabilities(impulse_channel(0.06))
    np.testing.assert_allclose(got[100, [0, 100, 255]], [0.03, 0.94, 0.03], atol=1e-7)
    np.testing.assert_allclose(got[0, [0, 255]], [0.97, 0.03], atol=1e-7)


def test_gaussian_noise_has_the_published_moments():
    change = applied("gaussian_noise", flat(128), 1).astype(float) - 128
    error = 0.08 * 255 / np.sqrt(change.size)
    assert abs(change.mean() + 0.5) < 4 * error  # truncation costs half a level
    assert abs(change.std() - 0.08 * 255) < 4 * error


def test_gaussian_noise_is_independent_between_values():
    change = applied("gaussian_noise", flat(128), 1)[0].astype(float) - 127.5
    for a, b in ((change[1:], change[:-1]), (change[:, 1:], change[:, :-1])):
        assert abs(stats.pearsonr(a.ravel(), b.ravel()).statistic) < 4 / np.sqrt(a.size)
    channels = np.corrcoef(change.reshape(-1, 3).T)[np.triu_indices(3, 1)]
    assert np.abs(channels).max() < 4 / 224


def test_shot_noise_has_poisson_mean_and_variance():
    level, photons = 102, 60.0  # 102 / 255 x 60 = 24 photons
    out = applied("shot_noise", flat(level), 1) / 255.0
    assert abs(out.mean() - 24 / photons) < 0.003  # of which 0.002 is truncation
    assert out.var() == pytest.approx(24 / photons**2, rel=0.02)


def test_impulse_noise_hits_the_published_share_of_values():
    out = applied("impulse_noise", flat(128), 5)
    error = 4 * np.sqrt(0.27 / out.size)
    assert abs((out == 0).mean() - 0.135) < error
    assert abs((out == 255).mean() - 0.135) < error
    assert set(np.unique(out)) == {0, 128, 255}


def test_speckle_noise_keeps_black():
    assert not applied("speckle_noise", flat(0, 32), 5).any()
