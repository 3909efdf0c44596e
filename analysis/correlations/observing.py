"""Every correlation of a sample under weights of its networks, one draw or many at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.correlations.holding import Held, Side, given, hold
from analysis.correlations.ranks import Order, normalised, weighted_ranks
from analysis.correlations.sample import METHODS, PEARSON, SPEARMAN, Prepared, Sample
from metrics import Floats

Tables = list[Held]
"""Per method: measures by factors, then measures by measures."""


@dataclass(frozen=True)
class Draws:
    """B ways to weight the networks of a sample, and to judge them.

    Attributes:
        weights: (B, n) how often every network counts.
        value: (B, O, n) accuracies; broadcast where all draws share them.
        order: (B, O, n) positions that sort them.
        share: (B, O) luck's share of their variance, for Pearson correlations.
    """

    weights: Floats
    value: Floats
    order: Order
    share: Floats


def as_drawn(made: Prepared, weights: Floats, images: Floats) -> Draws:
    """Draws of networks alone: the images are as they are.

    Args:
        made: The networks.
        weights: (B, n).
        images: (1, G) ones.
    """
    value = np.broadcast_to(made.value, (len(weights), *made.value.shape))
    order = np.broadcast_to(made.order, (len(weights), *made.order.shape))
    return Draws(weights, value, order, shares(made, weights, value, images))


def observe(made: Prepared) -> Tables:
    """Correlations over the networks as they are, with one draw as leading axis."""
    images = np.ones((1, made.sample.judged.sizes.shape[1]))
    return tables(made, as_drawn(made, np.ones((1, made.value.shape[1])), images))


def shares(made: Prepared, weights: Floats, value: Floats, images: Floats) -> Floats:
    """(B, O) luck's share of the variance of (B, O, n) accuracies under weights."""
    if made.sample.counted:
        return np.broadcast_to(made.luck[PEARSON].share, value.shape[:2])
    n, weights = weights.shape[1], weights / weights.sum(1, keepdims=True)
    noise = weights @ made.sources.by_network.T + (images - 1) @ made.sources.by_group.T
    mean = np.einsum("bon,bn->bo", value, weights)
    # in place of the square of differences, which would need a copy of all accuracies
    variance = np.einsum("bon,bon,bn->bo", value, value, weights) - mean**2
    share: Floats = noise / np.maximum(variance * n / (n - 1), 1e-300)
    return np.clip(share, 0.0, 1.0)


def observed(made: Prepared, draws: Draws) -> list[Floats]:
    """Observed correlations alone, in the order of `tables`: (B, H, R, C) each."""
    found, among = [], list(made.sample.among)
    for y, x in _normal(made, draws):
        xy = y @ x.swapaxes(1, 2)
        rows, columns = _thirds(made.sample, y, x, xy)
        few = [third[:, among] for third in rows]
        yy = y[:, among] @ y[:, among].swapaxes(1, 2)
        found += [given(xy, rows, columns), given(yy, few, few)]
    return found


def tables(made: Prepared, draws: Draws) -> Tables:
    """Observed and true correlations of every method; luck scaled as its share in a draw says."""
    sample, found = made.sample, []
    among = list(sample.among)
    ratio = draws.share / np.maximum(made.luck[PEARSON].share, 1e-12)
    for method, (y, x) in zip(METHODS, _normal(made, draws), strict=True):
        own, ranks = made.luck[method], method == SPEARMAN
        share = own.share * ratio
        root = np.sqrt(ratio)
        shared = own.shared * root[:, :, None] * root[:, None, among]
        xy = y @ x.swapaxes(1, 2)
        yy = y[:, among] @ y[:, among].swapaxes(1, 2)
        row, column = _sides(sample, (y, x, xy), share, shared)
        third = [np.zeros(len(share))] * (sample.macs >= 0)
        if sample.clean >= 0:
            third.append(share[:, among[sample.clean]])
        few = Side(
            share[:, among],
            [v[:, among] for v in row.third],
            [v[:, among] for v in row.third_shared],
        )
        found.append(hold(xy, np.zeros(1), (row, column), third, ranks))
        found.append(hold(yy, shared[:, among], (few, few), third, ranks))
    return found


Normal = tuple[Floats, Floats]
"""(B, O, n) measures and (B, F, n) factors, rows of unit length."""


def _normal(made: Prepared, draws: Draws) -> list[Normal]:
    """Per method the measures and factors of unit length under weights."""
    shape = (len(draws.weights), *made.sample.factors.shape)
    factors = np.broadcast_to(made.sample.factors, shape)
    order = np.broadcast_to(made.factor_order, shape)
    weights = draws.weights
    return [
        (normalised(draws.value, weights), normalised(factors, weights)),
        (
            normalised(weighted_ranks(draws.value, draws.order, weights), weights),
            normalised(weighted_ranks(factors, order, weights), weights),
        ),
    ]


def _thirds(sample: Sample, y: Floats, x: Floats, xy: Floats) -> tuple[list[Floats], list[Floats]]:
    """Correlations of measures, and of factors, with what is held: MACs, clean accuracy."""
    rows, columns = [], []
    if sample.macs >= 0:
        rows.append(xy[:, :, sample.macs])
        columns.append(np.einsum("bfn,bn->bf", x, x[:, sample.macs]))
    if sample.clean >= 0:
        clean = sample.among[sample.clean]
        rows.append(np.einsum("bon,bn->bo", y, y[:, clean]))
        columns.append(xy[:, clean])
    return rows, columns


def _sides(
    sample: Sample, normal: tuple[Floats, Floats, Floats], share: Floats, shared: Floats
) -> tuple[Side, Side]:
    """What measures, and what factors, bring with them."""
    y, x, xy = normal
    rows, columns = _thirds(sample, y, x, xy)
    added = [np.zeros(share.shape)] * (sample.macs >= 0)
    if sample.clean >= 0:
        added.append(shared[:, :, sample.clean])
    nothing = np.zeros(x.shape[:2])
    return Side(share, rows, added), Side(nothing, columns, [nothing] * len(rows))


def flat(found: Tables, scales: Sequence[Floats]) -> Floats:
    """(B, S) all observed correlations, table after table, then all true ones times their scale."""
    b = len(found[0].observed)
    plain = [held.observed.reshape(b, -1) for held in found]
    true = [(held.true * s).reshape(b, -1) for held, s in zip(found, scales, strict=True)]
    return np.concatenate([*plain, *true], axis=1)


def fisher(values: Floats, networks: int) -> Floats:
    """Fisher's z; correlations beyond 1 - 1/n^2 count as that.

    A draw of few networks may be perfectly correlated by chance, and its infinite z would make the
    variance meaningless.
    """
    edge = 1 - networks**-2.0
    r = np.clip(values, -edge, edge)
    z: Floats = 1 + r  # in place, and not by arctanh, which takes five times as long
    z /= np.subtract(1, r, out=r)
    np.log(z, out=z)
    z /= 2
    return z
