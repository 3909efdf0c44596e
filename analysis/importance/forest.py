"""Functional ANOVA of a regression forest, exact over the leaves of its trees.

Hutter, Hoos and Leyton-Brown (2014), "An efficient approach for assessing hyperparameter
importance", algorithm 2: a leaf is a box of choices, so a tree's mean given one or two factors is a
sum over boxes, and the variance of that mean is the factors' share. As there, shares are taken tree
by tree. Ours: the means of all single factors and pairs of a tree are gathered in one walk, by
adding each leaf at the corners of its box and summing up once at the end; and trees are grown on
resamples of whole design units, so that their spread shows how sure a share is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from metrics import Floats

TREES = 64
LEAF = 3  # networks a leaf holds at least, against the noise of single outcomes
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Variances:
    """Variance decomposition of T trees over F factors.

    Attributes:
        mean: (T,) mean of each tree's predictions.
        total: (T,) their variance.
        single: (T, F) variance of the mean given one factor.
        pair: (T, F, F) variance of the interaction of two factors; symmetric, 0 on the diagonal.
        marginal: (T, F, C) mean given one choice of one factor; 0 beyond a factor's choices.
    """

    mean: Floats
    total: Floats
    single: Floats
    pair: Floats
    marginal: Floats

    @property
    def single_share(self) -> Floats:
        """(T, F) shares of the tree's variance, 0 for a tree that does not vary."""
        return self._share(self.single)

    @property
    def pair_share(self) -> Floats:
        """(T, F, F) shares of the tree's variance, 0 for a tree that does not vary."""
        return self._share(self.pair)

    def _share(self, variance: Floats) -> Floats:
        total = self.total.reshape(-1, *[1] * (variance.ndim - 1))
        return np.divide(variance, total, out=np.zeros_like(variance), where=total > 0)


def grow(
    places: Ints, outcome: Floats, units: NDArray[np.intp], rng: np.random.Generator
) -> list[DecisionTreeRegressor]:
    """`TREES` regression trees, each on a resample of whole design units.

    Args:
        places: (n, F) place of each network's choice among a factor's choices, from 0.
        outcome: (n,) what is predicted.
        units: (n,) design unit of each network, consecutive integers.
        rng: Source of the resamples.
    """
    n_units = int(units.max()) + 1
    x = np.asarray(places, np.float32)  # what scikit-learn works on; converted once
    trees = []
    for _ in range(TREES):
        counts = rng.multinomial(n_units, np.full(n_units, 1 / n_units))[units]
        seed = int(rng.integers(2**31))
        drawn = np.repeat(np.arange(len(x)), counts)
        tree = DecisionTreeRegressor(min_samples_leaf=LEAF, random_state=seed)
        trees.append(tree.fit(x[drawn], outcome[drawn]))
    return trees


def decompose(trees: Sequence[DecisionTreeRegressor], weights: Sequence[Floats]) -> Variances:
    """Exact variances of single factors and pairs under independent choices.

    Args:
        trees: Fitted on places of choices, from 0.
        weights: Per factor the probability of each choice: positive, summing to 1.

    Raises:
        ValueError: If a probability is not positive, or their number is not that of the factors.
    """
    factors = int(trees[0].n_features_in_)
    if len(weights) != factors or min(float(w.min()) for w in weights) <= 0:
        raise ValueError(
            f"decompose.weights must be positive probabilities of the choices of {factors} "
            f"factors; got {[w.tolist() for w in weights]}. Drop choices that never occur."
        )
    most = max(map(len, weights))
    choices = np.array([len(w) for w in weights])
    table = np.zeros((factors, most))
    for f, w in enumerate(weights):
        table[f, : len(w)] = w / w.sum()
    parts = [_tree(_nodes(tree), tree.tree_.value[:, 0, 0], choices, table) for tree in trees]
    mean, total, single, pair, marginal = (np.array(part) for part in zip(*parts, strict=True))
    return Variances(mean, total, single, pair, marginal)


def _nodes(tree: DecisionTreeRegressor) -> Ints:
    """(nodes, 4) left child (-1 at a leaf), right child, factor, first place to the right."""
    t = tree.tree_
    first = np.floor(t.threshold).astype(np.int64) + 1
    return np.stack([t.children_left, t.children_right, t.feature, first], axis=1).astype(np.int64)


@numba.njit(cache=True)
def _tree(
    nodes: Ints, value: Floats, choices: Ints, weights: Floats
) -> tuple[float, float, Floats, Floats, Floats]:
    """Mean, variance, (F,) and (F, F) variances and (F, C) means of one tree."""
    f, most = weights.shape
    below = np.zeros((f, most + 1))
    for i in range(f):
        for c in range(most):
            below[i, c + 1] = below[i, c] + weights[i, c]
    one, two = np.zeros((f, most + 1)), np.zeros((f, f, most + 1, most + 1))
    mean, square = _walk(nodes, value, choices, below, one, two)
    single, pair = np.zeros(f), np.zeros((f, f))
    for i in range(f):
        _sum_up(one[i])
        for c in range(choices[i]):
            single[i] += weights[i, c] * (one[i, c] - mean) ** 2
    for i in range(f):
        for j in range(i + 1, f):
            both = _pair_variance(two[i, j], choices, weights, i, j, mean)
            pair[i, j] = pair[j, i] = max(0.0, both - single[i] - single[j])
    marginal = np.zeros((f, most))
    for i in range(f):
        for c in range(choices[i]):
            marginal[i, c] = one[i, c]
    return mean, max(0.0, square - mean * mean), single, pair, marginal


@numba.njit(cache=True)
def _walk(
    nodes: Ints, value: Floats, choices: Ints, below: Floats, one: Floats, two: Floats
) -> tuple[float, float]:
    """Add every leaf to the corners of its box in `one` and `two`; mean and mean square."""
    f = len(choices)
    stack = np.zeros((len(nodes), 1 + 2 * f), np.int64)
    stack[0, 1 + f :] = choices
    mean, square, top = 0.0, 0.0, 1
    box, share = np.zeros(1 + 2 * f, np.int64), np.zeros(f)
    while top > 0:
        top -= 1
        for k in range(1 + 2 * f):
            box[k] = stack[top, k]
        left, right, factor, first = nodes[box[0]]
        if left < 0:
            volume = 1.0
            for i in range(f):
                share[i] = below[i, box[1 + f + i]] - below[i, box[1 + i]]
                volume *= share[i]
            mean += volume * value[box[0]]
            square += volume * value[box[0]] ** 2
            _add_leaf(box, share, volume * value[box[0]], one, two)
            continue
        for side in range(2):
            low, high = box[1 + factor], box[1 + f + factor]
            if (side == 0 and low >= first) or (side == 1 and high <= first):
                continue  # empty: a split between choices that this branch lacks
            for k in range(1 + 2 * f):
                stack[top, k] = box[k]
            stack[top, 0] = left if side == 0 else right
            if side == 0:
                stack[top, 1 + f + factor] = min(first, high)
            else:
                stack[top, 1 + factor] = max(first, low)
            top += 1
    return mean, square


@numba.njit(cache=True)
def _add_leaf(box: Ints, share: Floats, mass: float, one: Floats, two: Floats) -> None:
    """Add a leaf's value, averaged over the other factors, to all single factors and pairs."""
    f = len(share)
    for i in range(f):
        low, high = box[1 + i], box[1 + f + i]
        part = mass / share[i]
        one[i, low] += part
        one[i, high] -= part
        for j in range(i + 1, f):
            start, stop = box[1 + j], box[1 + f + j]
            given = part / share[j]
            two[i, j, low, start] += given
            two[i, j, low, stop] -= given
            two[i, j, high, start] -= given
            two[i, j, high, stop] += given


@numba.njit(cache=True)
def _sum_up(steps: Floats) -> None:
    """Turn steps into the values they lead to, in place."""
    for c in range(1, len(steps)):
        steps[c] += steps[c - 1]


@numba.njit(cache=True)
def _pair_variance(
    steps: Floats, choices: Ints, weights: Floats, i: int, j: int, mean: float
) -> float:
    """Variance of the mean given two factors, from the steps at the corners of boxes."""
    variance = 0.0
    for c in range(choices[i]):
        if c > 0:
            for d in range(steps.shape[1]):
                steps[c, d] += steps[c - 1, d]
        value = 0.0
        for d in range(choices[j]):
            value += steps[c, d]
            variance += weights[i, c] * weights[j, d] * (value - mean) ** 2
    return variance
