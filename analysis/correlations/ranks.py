"""Ranks and Kendall's tau under weights, compiled: the inner loops of every draw.

A weight says how often a network was drawn. Equal values share a midrank, as in
`scipy.stats.rankdata` of the sample that repeats every value as often as its weight says.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from metrics import Floats

Order = NDArray[np.intp]
Dense = NDArray[np.int64]


@numba.njit(cache=True, nogil=True)
def weighted_ranks(values: Floats, order: Order, weights: Floats) -> Floats:
    """(B, R, n) midranks from 1 of every row, in the sample that its draw's weights make.

    Args:
        values: (B, R, n); equal values are ties.
        order: (B, R, n) positions that sort each row.
        weights: (B, n) non-negative.
    """
    b, r, n = values.shape
    ranks = np.empty((b, r, n))
    for draw in range(b):
        for row in range(r):
            below, start = 0.0, 0
            while start < n:
                stop, tied = start, 0.0
                first = values[draw, row, order[draw, row, start]]
                while stop < n and values[draw, row, order[draw, row, stop]] == first:
                    tied += weights[draw, order[draw, row, stop]]
                    stop += 1
                for place in range(start, stop):
                    ranks[draw, row, order[draw, row, place]] = below + (tied + 1) / 2
                below += tied
                start = stop
    return ranks


@numba.njit(cache=True, nogil=True)
def normalised(values: Floats, weights: Floats) -> Floats:
    """(B, R, n) rows centred and scaled to unit length under weights; NaN where one is constant.

    Each value is multiplied with the root of its weight, so that the product of two rows is their
    weighted correlation.

    Args:
        values: (B, R, n).
        weights: (B, n) non-negative.
    """
    b, r, n = values.shape
    out = np.empty((b, r, n))
    for draw in range(b):
        total, roots = weights[draw].sum(), np.sqrt(weights[draw])
        for row in range(r):
            mean, size, length = 0.0, 0.0, 0.0
            for k in range(n):
                mean += weights[draw, k] * values[draw, row, k]
                size += weights[draw, k] * values[draw, row, k] * values[draw, row, k]
            mean /= total
            for k in range(n):
                away = (values[draw, row, k] - mean) * roots[k]
                length += away * away
                out[draw, row, k] = away
            scale = 1 / np.sqrt(length) if length > 1e-18 * max(size, 1e-300) else np.nan
            for k in range(n):
                out[draw, row, k] *= scale
    return out


@numba.njit(cache=True, nogil=True)
def concordance(x: Dense, y: Dense, order: Order, levels: int) -> Dense:
    """(N,) for every network: others that agree with it about x and y, less those that disagree.

    A binary indexed tree (Fenwick 1994) over the levels of x, filled in the order of y, counts in
    N log N steps. Others tied with a network in x or in y count 0.

    Args:
        x: (N,) dense ranks of x, 0 to levels - 1.
        y: (N,) dense ranks of y.
        order: (N,) positions that sort y.
        levels: Distinct values of x.
    """
    n = len(x)
    net, tree = np.zeros(n, np.int64), np.zeros(levels + 1, np.int64)
    smaller = np.zeros(levels + 1, np.int64)  # networks with x below each level
    for k in range(n):
        smaller[x[k] + 1] += 1
    smaller = np.cumsum(smaller)
    start = 0
    while start < n:
        stop = start
        while stop < n and y[order[stop]] == y[order[start]]:
            stop += 1
        for k in order[start:stop]:  # against smaller y
            net[k] += _count(tree, x[k]) + _count(tree, x[k] + 1) - start
        for k in order[start:stop]:
            level = x[k] + 1
            while level <= levels:
                tree[level] += 1
                level += level & -level
        for k in order[start:stop]:  # against larger y: all less those seen
            above = n - smaller[x[k] + 1] - (stop - _count(tree, x[k] + 1))
            net[k] += above - (smaller[x[k]] - _count(tree, x[k]))
        start = stop
    return net


@numba.njit(cache=True, nogil=True)
def _count(tree: Dense, level: int) -> int:
    """Networks in the tree whose level is below `level`."""
    count = 0
    while level > 0:
        count += tree[level]
        level -= level & -level
    return count
