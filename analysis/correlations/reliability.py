"""How much of what tells networks apart is luck with the images, and what is left of it.

Accuracies are measured on a sample of images. The part of their variance between networks that is
network-by-image interaction would differ on other images; `Luck` holds it. Reliability is one minus
its share (Brennan 2001, section 2.2): for two halves it is Rulon's split-half coefficient, and this
form is the mean over all splits (Cronbach 1951). Ranks have no such form: their reliability comes
from splits actually made, on the scale of the normal distribution (see `scales.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.correlations.judged import Judged, Singles
from analysis.correlations.ranks import normalised, weighted_ranks
from analysis.correlations.scales import to_normal
from metrics import Floats

SPLITS = 30
ROWS = 8  # measures at a time: bounds the memory
LEAST = 0.2
"""Reliability below which nothing is said of true accuracies: the correction more than doubles."""


@dataclass(frozen=True)
class Luck:
    """Shares of the variance, or covariance, of accuracies that are luck with the images.

    Attributes:
        share: (O,) of each measure's variance between networks; one minus its reliability.
        shared: (O, T) correlation of measures with T of them that is due to shared images alone.
    """

    share: Floats
    shared: Floats


@dataclass(frozen=True)
class Sources:
    """Where the luck of O measures comes from: what draws of networks and images weight.

    Attributes:
        by_network: (O, n) variance of every network's accuracy, over draws of images.
        by_group: (O, G) every group's part of the mean of `by_network`.
    """

    by_network: Floats
    by_group: Floats


def interaction(judged: Judged, o: int) -> Singles:
    """(n, G) network-by-image part of a measure, per image of the measure."""
    deviations = judged.deviations[o]
    total = np.float32(max(float(judged.sizes[o].sum()), 1.0))
    part: Singles = (deviations - deviations.mean(0)) / total
    return part


def sources(judged: Judged) -> Sources:
    """What luck in the accuracies every network and every group of images accounts for."""
    o, n = judged.value.shape
    by_network, by_group = np.zeros((o, n)), np.zeros(judged.sizes.shape)
    for k, groups in enumerate(judged.groups.tolist()):
        squared = interaction(judged, k) ** 2
        factor = n / (n - 1) * groups / max(groups - 1, 1)
        by_network[k], by_group[k] = factor * squared.sum(1), factor * squared.mean(0)
    return Sources(by_network, by_group)


def luck(judged: Judged, among: list[int]) -> Luck:
    """Luck in accuracies as they are, and what T of the measures share of it.

    Args:
        judged: n networks; every measure differs between them.
        among: (T,) positions of measures.
    """
    o, n = judged.value.shape
    spread = judged.value.std(1, ddof=1)
    there = (judged.sizes > 0).astype(float)
    both = there @ there[among].T  # groups of images that both measures judge
    parts = np.stack([interaction(judged, k).ravel() for k in among])
    shared = np.zeros((o, len(among)))
    for first in range(0, o, ROWS):
        block = range(first, min(first + ROWS, o))
        own = np.stack([interaction(judged, k).ravel() for k in block])
        shared[first : block.stop] = own @ parts.T
    shared *= both / np.maximum(both - 1, 1) / (n - 1)
    shared /= spread[:, None] * spread[among]
    return Luck(sources(judged).by_network.mean(1) / spread**2, shared)


def rank_luck(judged: Judged, among: list[int], rng: np.random.Generator) -> Luck:
    """The same for ranks, from halves of the images drawn at random; on the normal scale.

    Args:
        judged: n networks.
        among: (T,) positions of measures.
        rng: Source of the splits.
    """
    whole = to_normal(_ranked(judged.value) @ _ranked(judged.value[among]).T)
    own, cross = np.zeros(len(judged.value)), np.zeros_like(whole)
    for pair in halves(judged, SPLITS, rng):
        first, second = (_ranked(half) for half in pair)
        own += to_normal((first * second).sum(1)) / SPLITS
        cross += to_normal(first @ second[among].T) / SPLITS / 2
        cross += to_normal(second @ first[among].T) / SPLITS / 2
    own = np.clip(own, 0.0, 1.0)
    reliable = 2 * own / (1 + own)  # Spearman (1910) and Brown (1910)
    attenuation = np.sqrt(np.maximum(own[:, None] * own[among], 1e-12))
    left = np.sqrt(reliable[:, None] * reliable[among])
    return Luck(1 - reliable, whole - cross / attenuation * left)


def halves(
    judged: Judged, splits: int, rng: np.random.Generator
) -> Iterator[tuple[Floats, Floats]]:
    """Per split the (O, n) accuracies on one random half of the images, and on the other."""
    groups = judged.sizes.shape[1]
    order = np.argsort(rng.random((splits, groups)), axis=1)
    first = (order < groups // 2).astype(float)
    sizes = judged.sizes @ first.T  # (O, splits)
    rest = judged.sizes.sum(1, keepdims=True) - sizes
    away = np.stack([d @ first.T.astype(np.float32) for d in judged.deviations])
    for s in range(splits):
        moved = away[:, :, s].astype(float)
        yield (
            judged.value + moved / np.maximum(sizes[:, s, None], 1),
            judged.value - moved / np.maximum(rest[:, s, None], 1),
        )


def _ranked(values: Floats) -> Floats:
    """(R, n) ranks centred and scaled, so that products of rows are Spearman correlations."""
    rounded = np.round(values, 10)[None]
    weights = np.ones((1, values.shape[1]))
    ranks = weighted_ranks(rounded, np.argsort(rounded, axis=-1), weights)
    found: Floats = normalised(ranks, weights)[0]
    return found
