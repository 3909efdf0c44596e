"""Agreement with the original corruption code, through its stored outputs."""

import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats
from statsmodels.stats.multitest import multipletests

from noises.draws import generators
from noises.natural.frost import PHOTOGRAPHS
from noises.natural.table import BENCHMARK_19, NATURAL_NOISES

pytestmark = pytest.mark.reference

ARCHIVES = {"cifar": "cifar10-jpeg.tar.xz", "imagenet": "imagenet-sample-224.tar"}
DETERMINISTIC = [name for name in BENCHMARK_19 if not NATURAL_NOISES[name].random]
# Drawn pictures of frost are not those of the original: installed photographs are compared.
NOT_COMPARED = {"frost"} if PHOTOGRAPHS is None else set()
RANDOM = [n for n in BENCHMARK_19 if NATURAL_NOISES[n].random and n not in NOT_COMPARED]


@pytest.fixture(scope="module")
def folder():
    path = os.environ.get("ROBUSTSCOPE_REFERENCE")
    if path is None:
        pytest.skip("ROBUSTSCOPE_REFERENCE does not name the reference data folder")
    return Path(path)


def images_from(archive, names):
    """(B, S, S, 3) in the order of the names."""
    found = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name in names:
                stream = io.BytesIO(tar.extractfile(member).read())
                found[member.name] = np.asarray(Image.open(stream))
                if len(found) == len(names):
                    break
    return np.stack([found[name] for name in names])


@pytest.fixture(scope="module", params=["cifar", "imagenet"])
def draws(request, folder):
    table = dict(np.load(folder / f"corruption_draws_{request.param}.npz"))
    names = table["images"].tolist()
    return table, names, images_from(folder / ARCHIVES[request.param], names)


@pytest.mark.parametrize("name", DETERMINISTIC)
@pytest.mark.parametrize("table", ["cifar", "imagenet"])
def test_natural_equals_the_original(folder, table, name):
    with np.load(folder / f"corruption_reference_{table}.npz") as stored:
        pixels = stored["inputs"]
        unused = [np.random.default_rng(0)] * len(pixels)
        for severity in (1, 2, 3, 4, 5):
            out = NATURAL_NOISES[name].apply(pixels, severity, unused).astype(int)
            difference = np.abs(out - stored[f"{name}_{severity}"])
            assert difference.max() <= 1
            assert (difference > 0).mean() <= 0.005


def described(change):
    """(B, 5) mean, deviation, 1 % and 99 % point, lag-1 correlation along rows of the change."""
    flat = change.reshape(len(change), -1).astype(float)
    low, high = np.percentile(flat, [1, 99], axis=1)
    centred = change - change.mean(axis=(1, 2), keepdims=True)
    power = (centred**2).mean(axis=(1, 2, 3))
    product = (centred[:, :, 1:] * centred[:, :, :-1]).mean(axis=(1, 2, 3))
    lag = np.divide(product, power, out=np.zeros_like(power), where=power > 0)
    return np.stack([flat.mean(axis=1), flat.std(axis=1), low, high, lag], axis=1)


def p_values(noise, severity, draws):
    """(5,) p of no difference in the statistics: t-test of per-image means, paired by image."""
    table, names, pixels = draws
    ours = []
    for seed in range(int(table["draws"])):
        drawn = generators(seed, noise.name, severity, names)
        ours.append(described(noise.apply(pixels, severity, drawn).astype(int) - pixels))
    difference = np.mean(ours, axis=0) - table[f"{noise.name}_{severity}_mean"]
    constant = np.ptp(difference, axis=0) == 0  # for instance a 1 % point that is always 0
    tested = stats.ttest_1samp(difference[:, ~constant], 0.0).pvalue
    p = np.where(difference.any(axis=0), 0.0, 1.0)
    p[~constant] = tested
    return p


@pytest.mark.slow
def test_natural_random_ones_are_distributed_as_the_original(draws):
    cases = [(name, severity) for name in RANDOM for severity in (1, 2, 3, 4, 5)]
    p = np.concatenate([p_values(NATURAL_NOISES[n], s, draws) for n, s in cases])
    rejected = multipletests(p, alpha=0.01, method="holm")[0].reshape(-1, 5)
    assert not rejected.any(), [case for case, r in zip(cases, rejected, strict=True) if r.any()]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gaussian_noise", "shot_noise", "speckle_noise"])
def test_natural_agreement_test_finds_a_constant_five_per_cent_off(draws, name):
    right = NATURAL_NOISES[name]
    wrong = replace(
        right,
        cifar=tuple((1.05 * c,) for (c,) in right.cifar),
        imagenet=tuple((1.05 * c,) for (c,) in right.imagenet),
    )
    severities = (1, 2, 3, 4, 5)
    p = np.concatenate([p_values(wrong, s, draws) for s in severities])
    p = np.concatenate([p, np.ones(5 * 5 * (len(RANDOM) - 1))])  # as strict as the whole table
    rejected = multipletests(p, alpha=0.01, method="holm")[0][: 5 * 5].reshape(5, 5)
    assert rejected.any(axis=1).all()
