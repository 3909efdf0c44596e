"""Crossed resampling of correlations: design units and images, ranks made anew in every draw.

Networks and images are two samples. Owen (2007), "The pigeonhole bootstrap", draws both and counts
the noise of single cells three times; drawing networks alone (A) and images alone (B) counts it
once each. The joint draws tell how large it is (C, the variance of what neither alone explains),
and the variance here is A + B - C.

Drawing images in full would add their noise a second time, which pulls correlations towards 0 and
understates what images do. Their weights are therefore moved a quarter of the way only, and the
variance they cause is multiplied by 16; with 1 in place of 1/4 the draws are the pigeonhole
bootstrap. Variances are those of Fisher's z.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from analysis.correlations.observing import (
    Draws,
    as_drawn,
    fisher,
    flat,
    observe,
    observed,
    shares,
    tables,
)
from analysis.correlations.sample import Prepared, Sample
from metrics import Floats

STEP = 0.25  # how far image weights are moved
CROSSED = 5  # every fifth draw of networks is crossed with one of images
AT_ONCE = 4_000_000  # accuracies that are drawn at a time: bounds the memory


@dataclass(frozen=True)
class Spread:
    """Variances of Fisher's z over draws, laid out as `flat` does; NaN where draws failed.

    Attributes:
        networks: Other design units drawn (A).
        images: Other images drawn (B).
        cells: Counted in both (C).
    """

    networks: Floats
    images: Floats
    cells: Floats


def spread(made: Prepared, draws: int, seed: Sequence[int]) -> Spread:
    """Variances of Fisher's z over draws of design units and of images.

    Args:
        made: The networks.
        draws: How often design units are drawn; every fifth draw is crossed with one of images.
        seed: Of the draws; the answer does not depend on how many threads make them.
    """
    block = int(np.clip(AT_ONCE // made.value.size, CROSSED, 100))
    seeds = np.random.SeedSequence(seed).spawn(-(-draws // block))
    whole = observe(made)
    scales = [held.attenuation for held in whole]
    z0 = fisher(flat(whole, scales), made.value.shape[1])

    def work(k: int) -> Floats:
        size = min(block, draws - block * k)
        drawn = draw_weights(made.sample, size, np.random.default_rng(seeds[k]))
        return _sums(made, scales, z0, drawn)

    total = np.zeros((3, 3, z0.shape[1]))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for part in pool.map(work, range(len(seeds))):
            total += part
    return _variances(total, made.sample)


def draw_weights(
    sample: Sample, draws: int, rng: np.random.Generator, step: float = STEP
) -> tuple[Floats, Floats]:
    """(B, n) weights of networks and (B, G) weights of groups of images, 1 on average.

    Args:
        sample: The networks.
        draws: B.
        rng: Source of the draws.
        step: How far the weights of images are moved from 1 towards those of a bootstrap.
    """
    u, g = sample.n_units, sample.judged.sizes.shape[1]
    units = rng.multinomial(u, np.full(u, 1 / u), size=draws)
    images = np.zeros((draws, g))
    if g:
        images += rng.multinomial(g, np.full(g, 1 / g), size=draws)
    return units[:, sample.units].astype(float), 1 + step * (images - 1.0)


def redraw(made: Prepared, weights: Floats, images: Floats) -> Draws:
    """Draws of networks and of images.

    Args:
        made: The networks.
        weights: (B, n) of networks.
        images: (B, G) of groups of images.
    """
    judged = made.sample.judged
    value = np.empty((len(images), *judged.value.shape))
    away = (images - 1).astype(np.float32)
    for o, deviations in enumerate(judged.deviations):
        total = np.maximum(images @ judged.sizes[o], 1e-9)[:, None]
        value[:, o] = judged.value[o] + (away @ deviations.T) / total
    return Draws(weights, value, np.argsort(value, axis=-1), shares(made, weights, value, images))


def _sums(made: Prepared, scales: list[Floats], z0: Floats, drawn: tuple[Floats, Floats]) -> Floats:
    """(3, 3, S) counts, sums and squares of z less z0, for networks, images and both less each."""
    (weights, images), n = drawn, made.value.shape[1]
    out = np.zeros((3, 3, z0.shape[1]))
    crossed = 0 if made.sample.counted else -(-len(weights) // CROSSED)
    alone = as_drawn(made, weights[crossed:], np.ones_like(images[:1]))
    found = [table.reshape(len(alone.weights), -1) for table in observed(made, alone)]
    r = np.concatenate(found, axis=1)
    _add(out[0, :, : r.shape[1]], fisher(r, n) - z0[:, : r.shape[1]])
    if not crossed:
        return out

    def z(draws: Draws) -> Floats:
        return fisher(flat(tables(made, draws), scales), n) - z0

    both = redraw(made, weights[:crossed], images[:crossed])
    flatly = np.ones_like(both.weights)
    other = Draws(
        flatly, both.value, both.order, shares(made, flatly, both.value, images[:crossed])
    )
    networks = z(as_drawn(made, weights[:crossed], np.ones_like(images[:1])))
    others = z(other)
    for k, part in enumerate((networks, others, z(both) - networks - others)):
        _add(out[k], part)
    return out


def _add(sums: Floats, values: Floats) -> None:
    """Add (B, S) values to (3, S) counts, sums and sums of squares; NaN counts nothing."""
    known = np.isfinite(values)
    found = np.where(known, values, 0.0)
    sums[0] += known.sum(0)
    sums[1] += found.sum(0)
    sums[2] += (found**2).sum(0)


def _variances(total: Floats, sample: Sample) -> Spread:
    """Variances from counts, sums and squares; NaN where over one draw in twenty failed."""
    count, mean = total[:, 0], total[:, 1] / np.maximum(total[:, 0], 1)
    variance = np.maximum(total[:, 2] - count * mean**2, 0.0) / np.maximum(count - 1, 1)
    half = total.shape[-1] // 2
    most = np.repeat(count.reshape(3, 2, half).max(-1), half, axis=1)
    variance[count < 0.95 * most] = np.nan
    units, groups = sample.n_units, sample.judged.sizes.shape[1]
    of_units, of_images = units / (units - 1), groups / max(groups - 1, 1) / STEP**2
    return Spread(
        variance[0] * of_units, variance[1] * of_images, variance[2] * of_units * of_images
    )
