"""Shares of R2 among groups of factors: the Shapley value of the variance a linear model explains.

LMG (Lindeman, Merenda and Gold 1980), see Grömping (2007), "Estimators of relative importance in
linear regression based on variance decomposition": what a group adds to R2, averaged over all
orders in which the groups can enter. Shares are at least 0 and sum to R2. All subsets of groups are
visited depth first; each costs one elimination of the group that was added from the moments that
its parent left, so nothing is fitted twice and no rounding piles up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numba
import numpy as np
from numpy.typing import NDArray

from metrics import Floats

Ints = NDArray[np.int64]

EXACT = 14  # groups up to which all 2^G subsets are visited
ORDERS = 2000  # orders, and as many reversed ones, drawn beyond that
COLLINEAR = (
    1e-8  # share of a column's variance left by those before it, below which it adds nothing
)


@dataclass(frozen=True)
class Moments:
    """Second central moments of B samples (or one) of P columns and K outcomes.

    Attributes:
        columns: (B or 1, P, P) covariance of the columns, group after group; constant columns and
            copies are allowed and explain what is left for them, nothing.
        cross: (B, P, K) covariance of columns and outcomes.
        outcomes: (B, K) variance of the outcomes.
    """

    columns: Floats
    cross: Floats
    outcomes: Floats


@dataclass(frozen=True)
class Shares:
    """Shares of the variance of K outcomes that G groups explain, for B samples.

    Attributes:
        share: (B, G, K) LMG shares, in [0, 1].
        r2: (B, K) their sum, the R2 of all groups; 0 where the outcome is constant.
        error: (B, G, K) Monte Carlo standard error of `share`, 0 where all subsets were visited.
    """

    share: Floats
    r2: Floats
    error: Floats


def lmg(
    moments: Moments,
    sizes: Sequence[int],
    rng: np.random.Generator | None = None,
    orders: int = ORDERS,
) -> Shares:
    """LMG shares; exact up to `EXACT` groups, over random orders beyond.

    Args:
        moments: Of columns and outcomes.
        sizes: (G,) columns of each group.
        rng: Source of the orders; without it one of seed 0.
        orders: Pairs of an order and its reverse that are drawn beyond `EXACT` groups.

    Raises:
        ValueError: If the groups do not make up the columns.
    """
    if sum(sizes) != moments.columns.shape[1] or min(sizes, default=0) < 1:
        raise ValueError(
            f"lmg.sizes must be positive and sum to {moments.columns.shape[1]} columns; "
            f"got {list(sizes)}. Give every column to one group."
        )
    edges = np.cumsum([0, *sizes])
    parts = (moments.columns, moments.cross, moments.outcomes)
    columns, cross, variance = (np.ascontiguousarray(part, dtype=float) for part in parts)
    scale = np.divide(1, variance, out=np.zeros_like(variance), where=variance > 0)[:, None]
    if len(sizes) <= EXACT:
        share = _exact(columns, cross, edges, subset_weights(len(sizes))) * scale
        return Shares(share, share.sum(1), np.zeros_like(share))
    rng = rng or np.random.default_rng(0)
    drawn = np.array([rng.permutation(len(sizes)) for _ in range(orders)])
    # an order and its reverse err in opposite directions
    gains = sum(_ordered(columns, cross, edges, order) for order in (drawn, drawn[:, ::-1].copy()))
    pairs = gains / 2 * scale[:, None]
    share = pairs.mean(1)
    return Shares(share, share.sum(1), pairs.std(1, ddof=1) / np.sqrt(orders))


def subset_weights(groups: int) -> Floats:
    """(2, G + 1) factor of R2(S) in a group's share, by whether S holds it and the size of S."""
    weights = np.zeros((2, groups + 1))
    for size in range(groups):
        weight = 1 / (groups * comb(groups - 1, size))
        weights[0, size] = -weight
        weights[1, size + 1] = weight
    return weights


@numba.njit(cache=True)
def _eliminate(a: Floats, b: Floats, floor: Floats, start: int, stop: int) -> None:
    """Take columns start to stop out of the moments of later columns and of the outcomes.

    Of the (P, P) `a` the upper triangle is used; row P of the (P + 1, K) `b` gathers what is
    explained.
    """
    p, k = a.shape[0], b.shape[1]
    for c in range(start, stop):
        pivot = a[c, c]
        if pivot <= floor[c]:
            continue
        for o in range(k):
            b[p, o] += b[c, o] * b[c, o] / pivot
        for r in range(c + 1, p):
            factor = a[c, r] / pivot
            for s in range(r, p):
                a[r, s] -= factor * a[c, s]
            for o in range(k):
                b[r, o] -= factor * b[c, o]


@numba.njit(cache=True)
def _load(a: Floats, b: Floats, own_a: Floats, own_b: Floats, place: Ints) -> None:
    """Fill `a` and `b` with the moments of the columns in the order `place`; nothing explained."""
    p, k = own_b.shape
    for r in range(p):
        for s in range(p):
            a[r, s] = own_a[place[r], place[s]]
        for o in range(k):
            b[r, o] = own_b[place[r], o]
    for o in range(k):
        b[p, o] = 0.0


@numba.njit(cache=True)
def _descend(a: Floats, b: Floats, depth: int, first: int) -> None:
    """Copy what columns from `first` on have left one level down."""
    p, k = a.shape[1], b.shape[2]
    for r in range(first, p):
        for s in range(r, p):
            a[depth + 1, r, s] = a[depth, r, s]
    for r in range(first, p + 1):
        for o in range(k):
            b[depth + 1, r, o] = b[depth, r, o]


@numba.njit(cache=True)
def _visit(
    a: Floats, b: Floats, edges: Ints, floor: Floats, weights: Floats, share: Floats
) -> None:
    """Add to (G, K) `share` what every subset contributes; level 0 of `a` and `b` is loaded."""
    g, p = len(edges) - 1, a.shape[1]
    path, member = np.zeros(g + 1, np.int64), np.zeros(g, np.int64)
    depth, group = 0, 0
    while group < g or depth > 0:
        if group < g:
            _descend(a, b, depth, edges[group])
            path[depth], member[group] = group, 1
            depth += 1
            _eliminate(a[depth], b[depth], floor, edges[group], edges[group + 1])
            for i in range(g):
                for o in range(share.shape[1]):
                    share[i, o] += weights[member[i], depth] * b[depth, p, o]
        else:
            depth -= 1
            group = path[depth]
            member[group] = 0
        group += 1


@numba.njit(cache=True)
def _exact(columns: Floats, cross: Floats, edges: Ints, weights: Floats) -> Floats:
    """(B, G, K) variance explained, shared out over all subsets."""
    batch, p, k = cross.shape
    g = len(edges) - 1
    share = np.zeros((batch, g, k))
    a, b = np.zeros((g + 1, p, p)), np.zeros((g + 1, p + 1, k))
    place, floor = np.arange(p), np.zeros(p)
    for n in range(batch):
        own = columns[min(n, len(columns) - 1)]
        _load(a[0], b[0], own, cross[n], place)
        for c in range(p):
            floor[c] = COLLINEAR * own[c, c]
        _visit(a, b, edges, floor, weights, share[n])
    return share


@numba.njit(cache=True)
def _ordered(columns: Floats, cross: Floats, edges: Ints, orders: Ints) -> Floats:
    """(B, T, G, K) variance that each group adds in each of T orders."""
    batch, p, k = cross.shape
    gains = np.zeros((batch, len(orders), len(edges) - 1, k))
    place, floor, before = np.zeros(p, np.int64), np.zeros(p), np.zeros(k)
    a, b = np.zeros((p, p)), np.zeros((p + 1, k))
    for n in range(batch):
        own = columns[min(n, len(columns) - 1)]
        for t in range(len(orders)):
            at = 0
            for group in orders[t]:
                for c in range(edges[group], edges[group + 1]):
                    place[at], floor[at] = c, COLLINEAR * own[c, c]
                    at += 1
            _load(a, b, own, cross[n], place)
            at = 0
            for group in orders[t]:
                before[:] = b[p]
                width = edges[group + 1] - edges[group]
                _eliminate(a, b, floor, at, at + width)
                gains[n, t, group] = b[p] - before
                at += width
    return gains
