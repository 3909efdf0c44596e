"""Correlations with 95 % intervals, of observed and of true accuracies.

**Estimands**, both over networks drawn as this design drew them, with these supernet weights:
*observed* is the correlation with the accuracy that as many images of the same source measure,
which luck with the images pulls towards 0; *true* is that with the accuracy over all such images.
`estimate` itself is exact for the networks and images at hand. Intervals cover another draw of
design units and of images, not another training.

The variance of Fisher's z is A + B - C of `crossed.py`, with the degrees of freedom of
Satterthwaite (1946). What networks do (A) is symmetric in z; images (B - C) move the slope behind
the correlation, so their part is symmetric in r / sqrt(1 - r^2). The two are joined as Zou and
Donner (2008) do. The interval of a true correlation is made on the scale of the observed one and
divided by the attenuation after that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.correlations.crossed import Spread, spread
from analysis.correlations.holding import Held
from analysis.correlations.observing import fisher, flat, observe
from analysis.correlations.sample import METHODS, Sample, prepare
from metrics import LEVEL, Floats

MOST_NETWORKS = 2000


@dataclass(frozen=True)
class Bounded:
    """Correlations with intervals, all (H, R, C).

    Attributes:
        estimate: In [-1, 1].
        low: Lower limit; NaN where draws failed.
        high: Upper limit.
        p: Two-sided p value of no correlation.
        se_networks: Standard error of Fisher's z due to networks, their luck included.
        se_images: Standard error of Fisher's z due to images, beyond that luck.
    """

    estimate: Floats
    low: Floats
    high: Floats
    p: Floats
    se_networks: Floats
    se_images: Floats


@dataclass(frozen=True)
class Related:
    """One table of one method.

    Attributes:
        observed: Correlations as measured: nothing held, MACs, clean accuracy.
        true: Without luck with the images.
        attenuation: (H, R, C) by what luck shrinks the true one; its square is the reliability.
        left: (H, R, C) share of the true variance that holding leaves.
    """

    observed: Bounded
    true: Bounded
    attenuation: Floats
    left: Floats


def correlate(
    sample: Sample, draws: int, seed: Sequence[int]
) -> dict[str, tuple[Related, Related]]:
    """Per method the correlations of measures with factors, and of measures with each other.

    Args:
        sample: At least 2 design units.
        draws: Of design units and images; of a random part of the networks where these are more
            than 2,000, whose variance is scaled to all of them.
        seed: Of draws and split halves.
    """
    part, whole = _part(sample, seed), prepare(sample, seed)
    ratio = part.n_units / sample.n_units
    errors = spread(whole if part is sample else prepare(part, seed), draws, seed)
    errors = Spread(errors.networks * ratio, errors.images, errors.cells * ratio)
    made = list(_related(observe(whole), errors, sample))
    return {method: (made[2 * k], made[2 * k + 1]) for k, method in enumerate(METHODS)}


def kish(units: NDArray[np.intp]) -> float:
    """How many design units of equal size these are worth (Kish 1965)."""
    return len(units) ** 2 / float((np.bincount(units) ** 2).sum())


def _part(sample: Sample, seed: Sequence[int]) -> Sample:
    """Design units at random until they hold 2,000 networks; all of them where there are fewer."""
    if len(sample.units) <= MOST_NETWORKS:
        return sample
    counts = np.bincount(sample.units)
    mixed = np.random.default_rng(seed).permutation(len(counts))
    enough = int(np.searchsorted(counts[mixed].cumsum(), MOST_NETWORKS)) + 1
    rows = np.flatnonzero(np.isin(sample.units, mixed[:enough]))
    units = np.unique(sample.units[rows], return_inverse=True)[1].astype(np.intp)
    judged = sample.judged.take(rows)
    return Sample(sample.factors[:, rows], judged, units, sample.among, sample.macs, sample.clean)


def _related(tables: list[Held], errors: Spread, sample: Sample) -> Iterator[Related]:
    """Cut what `flat` laid out into tables, with intervals."""
    z = fisher(flat(tables, [held.attenuation for held in tables]), len(sample.units))[0]
    sizes = [held.observed[0].size for held in tables]
    edges = np.cumsum([0, *sizes])
    for k, held in enumerate(tables):
        groups = sample.judged.groups if k % 2 == 0 else sample.judged.groups[list(sample.among)]
        made, shape = [], held.observed.shape[1:]
        for start, scale in (
            (edges[k], np.ones(shape)),
            (edges[k] + edges[-1], held.attenuation[0]),
        ):
            cut = slice(start, start + sizes[k])
            parts = (v[cut].reshape(shape) for v in vars(errors).values())
            drawn = kish(sample.units), groups
            made.append(bounded(z[cut].reshape(shape), Spread(*parts), drawn, scale))
        yield Related(made[0], made[1], held.attenuation[0], held.left[0])


def bounded(
    z: Floats, errors: Spread, sizes: tuple[float, NDArray[np.intp]], scale: Floats
) -> Bounded:
    """Intervals of correlations whose Fisher's z and variances are known.

    Args:
        z: (H, R, C).
        errors: Of the same shape.
        sizes: Design units, and (R,) groups of images.
        scale: (H, R, C) what the limits are divided by afterwards.
    """
    a, b, c = errors.networks, errors.images, errors.cells
    networks, images = np.maximum(a, 1e-24), np.maximum(b - c, 0.0)
    units, groups = sizes[0] - 1, np.maximum(sizes[1] - 1.0, 1.0)[:, None]
    doubt = a**2 / units + (b**2 + c**2 / units) / groups
    degrees = (networks + images) ** 2 / np.maximum(doubt, 1e-300)
    degrees = np.clip(degrees, 1.0, np.maximum(units, groups))
    error, quantile = np.sqrt(networks + images), stats.t.ppf((1 + LEVEL) / 2, degrees)
    sides = [
        z + side * np.hypot(quantile * np.sqrt(networks), _by_images(z, side, quantile, images))
        for side in (-1, 1)
    ]
    estimate = np.clip(np.tanh(z) / scale, -1.0, 1.0)
    low, high = (np.clip(np.tanh(side) / scale, -1.0, 1.0) for side in sides)
    p = 2 * stats.t.sf(np.abs(z) / error, degrees)
    return Bounded(estimate, low, high, p, np.sqrt(networks), np.sqrt(images))


def _by_images(z: Floats, side: int, quantile: Floats, variance: Floats) -> Floats:
    """How far images move a limit of z: they shift the slope, r / sqrt(1 - r^2) = sinh z."""
    slope = np.sinh(z) + side * quantile * np.sqrt(variance) * np.cosh(z)
    far: Floats = np.abs(np.arcsinh(slope) - z)
    return far
