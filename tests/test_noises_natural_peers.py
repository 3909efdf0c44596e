"""Agreement with `imagecorruptions`, so that machines without the reference folder have an oracle.

The peer has ImageNet-C's constants at every size. Where it departs from the published code, and we
do not, a tolerance says by how much, and why.
"""

import functools
from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from benchmarks.corruptions import load_peer, scenes
from noises.draws import generators
from noises.natural import frost
from noises.natural.table import BENCHMARK_19, NATURAL_NOISES
from tests.test_noises_natural_reference import described

pytestmark = pytest.mark.peer

SEVERITIES = (1, 2, 3, 4, 5)
DETERMINISTIC = [n for n in BENCHMARK_19 if not NATURAL_NOISES[n].random]
# The peer's elastic transform is another one: no affine map, other constants.
RANDOM = [n for n in BENCHMARK_19 if NATURAL_NOISES[n].random and n != "elastic_transform"]

# Levels by which a statistic may differ before it counts, of (mean, deviation, 1 %, 99 %) and lag.
EXACT = (0.0, 0.0, 0.0, 0.0, 0.0)
TOLERANCE = {
    "motion_blur": (0.02, 0.02, 0.5, 0.5, 0.001),  # it truncates where we round to 16 bits first
    "snow": (2.0, 0.5, 2.0, 2.0, 0.01),  # it rounds the layer once, where 8 bits truncate twice
    "frost": (2.0, 2.0, 6.0, 6.0, 0.02),  # it enlarges the pictures by 1.1
}


@pytest.fixture(scope="module")
def peer():
    """The corruptions of the peer by name, patched where it is broken today."""
    try:
        return load_peer()
    except ModuleNotFoundError as error:
        pytest.skip(f"{error}: pip install --no-deps imagecorruptions scikit-image")


def ours(noise, pixels, severity, seed=0):
    ids = [str(i) for i in range(len(pixels))]
    return noise.apply(pixels, severity, generators(seed, noise.name, severity, ids)).astype(int)


def worst_difference(noise, peer, severity):
    pixels = scenes(1, 224)
    theirs = peer(pixels[0], severity, noise.name).astype(int)
    return np.abs(ours(noise, pixels, severity)[0] - theirs).max()


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_natural_equals_the_peer(peer, name):
    allowed = 2 if name == "gaussian_blur" else 1
    for severity in SEVERITIES:
        assert worst_difference(NATURAL_NOISES[name], peer, severity) <= allowed


def wrong(noise, factor=1.05):
    """The noise with every constant of 224 px off by a factor."""
    rows = tuple(tuple(factor * c for c in row) for row in noise.imagenet)
    return replace(noise, imagenet=rows)


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_natural_peer_test_finds_a_wrong_constant(peer, name):
    noise = wrong(NATURAL_NOISES[name], 1.15 if name == "jpeg_compression" else 1.05)
    allowed = 2 if name == "gaussian_blur" else 1
    assert max(worst_difference(noise, peer, severity) for severity in SEVERITIES) > allowed


def plan(name):
    """Severities, images, side and draws; few and small where the peer takes seconds an image."""
    if name == "glass_blur":
        return (1, 2), 2, 96, 4
    return SEVERITIES, 3, 128, 8


@functools.cache
def theirs_described(peer, name, severity):
    """(draws, images, 5) statistics of the change the peer makes."""
    _, count, size, draws = plan(name)
    pixels = scenes(count, size)
    np.random.seed(severity)  # noqa: NPY002, the peer draws from the global generator
    outs = [[peer(p, severity, name) for p in pixels] for _ in range(draws)]
    return np.array([described(np.array(o).astype(int) - pixels) for o in outs])


def p_values(noise, peer, severity):
    """(5,) p of no difference beyond the tolerance: over draws, averaged over the same images."""
    _, count, size, draws = plan(noise.name)
    pixels = scenes(count, size)
    a = np.array([described(ours(noise, pixels, severity, s) - pixels) for s in range(draws)])
    b = theirs_described(peer, noise.name, severity)
    difference = np.abs((a.mean(axis=0) - b.mean(axis=0)).mean(axis=0))
    variance = ((a.var(axis=0, ddof=1) + b.var(axis=0, ddof=1)) / draws).sum(axis=0) / count**2
    beyond = np.maximum(difference - TOLERANCE.get(noise.name, EXACT), 0.0)
    t = np.divide(
        beyond, np.sqrt(variance), out=np.where(beyond > 0, np.inf, 0.0), where=variance > 0
    )
    return 2 * stats.t.sf(t, (draws - 1) * count)


@pytest.mark.slow
def test_natural_random_ones_are_distributed_as_the_peer(peer):
    cases = [(name, severity) for name in RANDOM for severity in plan(name)[0]]
    p = np.concatenate([p_values(NATURAL_NOISES[n], peer, s) for n, s in cases])
    rejected = multipletests(p, alpha=0.01, method="holm")[0].reshape(-1, 5)
    assert not rejected.any(), [
        (*case, np.flatnonzero(r)) for case, r in zip(cases, rejected, strict=True) if r.any()
    ]


@pytest.mark.parametrize("severity", SEVERITIES)
def test_frost_has_the_pictures_and_weights_of_the_peer(peer, severity):
    pixels = scenes(1, 224)[0]
    np.random.seed(severity)  # noqa: NPY002, the peer draws from the global generator
    theirs = peer(pixels, severity, "frost")
    again = np.random.RandomState(severity)
    picture = frost.frost_picture(again.randint(5), True)
    height, width = (int(np.ceil(1.1 * n)) for n in picture.shape[:2])
    large = cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC)
    top, left = again.randint(0, height - 224), again.randint(0, width - 224)
    keep, add = list(NATURAL_NOISES["frost"].constants(severity, 224).values())[:2]
    wanted = keep * pixels + add * large[top : top + 224, left : left + 224]
    np.testing.assert_array_equal(theirs, np.clip(wanted, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("name", ["gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise"])
def test_natural_peer_test_finds_a_random_constant_ten_per_cent_off(peer, name):
    noise = wrong(NATURAL_NOISES[name], 1.1)
    p = [p_values(noise, peer, severity).min() for severity in SEVERITIES]
    assert max(p) < 0.01 / (5 * 5 * len(RANDOM))  # Bonferroni: stricter than Holm
