"""Permutation importance on networks that the model has not seen.

Breiman (2001), on held-out data and for groups of columns: how much of R2 a forest loses when the
columns of a group are shuffled among the held-out networks. Folds never split a design unit.
Shuffling doubles what it disturbs: for independent factors the loss is twice the share of variance
that the group has alone or through interactions (Gregorutti, Michel and Saint-Pierre 2017).

**Estimand.** The loss of R2 on further networks of this design, judged by as many images of the
same source, of these forests: that other networks would have grown other forests is not covered.
The variance is that over design units plus that over images, as for LMG shares.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import GroupKFold

from analysis.bootstrap import Data
from analysis.importance.share_intervals import Bounded
from metrics import LEVEL, Floats

FOLDS = 5
REPEATS = 5  # shuffles of each group in each fold
TREES = 64
LEAF = 3


@dataclass(frozen=True)
class Predictions:
    """What forests predict of networks they have not seen.

    Attributes:
        plain: (n, K) of the networks as they are.
        moved: (G, n, K) mean, over the shuffles of a group, of the predictions.
        squared: (G, n, K) mean of their squares.
    """

    plain: Floats
    moved: Floats
    squared: Floats


@dataclass(frozen=True)
class Importance:
    """Held-out importance of G groups for K outcomes.

    Attributes:
        share: (G, K) half of the R2 lost when a group is shuffled; may be below 0.
        r2: (K,) R2 on the held-out networks; below 0 where the mean predicts better.
    """

    share: Bounded
    r2: Bounded


def importance(data: Data, sizes: Sequence[int], seed: int) -> Importance:
    """Permutation importance with 95 % intervals.

    Args:
        data: Networks with their columns as `factors`, group after group, and K outcomes that
            differ between networks; at least `FOLDS` design units.
        sizes: (G,) columns of each group.
        seed: Of folds, forests and shuffles.
    """
    y = np.stack([scores.mean(-1) for scores in data.scores], axis=1)
    centre, scale = y.mean(0), y.std(0)
    said = predict_unseen(data.factors.T, (y - centre) / scale, sizes, data.units, seed)
    parts = [
        _outcome((scores - centre[k]) / scale[k], said, k, data.units)
        for k, scores in enumerate(data.scores)
    ]
    value, low, high = (np.stack(side, axis=-1) for side in zip(*parts, strict=True))
    share = Bounded(value[:-1] / 2, low[:-1] / 2, high[:-1] / 2)
    return Importance(share, Bounded(value[-1], low[-1], high[-1]))


def predict_unseen(
    x: Floats, y: Floats, sizes: Sequence[int], units: NDArray[np.intp], seed: int
) -> Predictions:
    """Held-out predictions of forests, plain and with the columns of each group shuffled.

    Args:
        x: (n, P) columns, group after group.
        y: (n, K) standardised outcomes; one forest predicts all of them.
        sizes: (G,) columns of each group.
        units: (n,) design units.
        seed: Of folds, forests and shuffles.
    """
    rng = np.random.default_rng(seed)
    plain, edges = np.zeros_like(y), np.cumsum([0, *sizes])
    moved, squared = (np.zeros((len(sizes), *y.shape)) for _ in "ab")
    folds = GroupKFold(FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(x, groups=units):
        forest = RandomForestRegressor(
            TREES, min_samples_leaf=LEAF, max_features=0.5, random_state=int(rng.integers(2**31))
        ).fit(x[train], y[train] if y.shape[1] > 1 else y[train, 0])
        plain[test] = forest.predict(x[test]).reshape(len(test), -1)
        stack = np.tile(x[test], (len(sizes), REPEATS, 1, 1))
        for g, r in np.ndindex(len(sizes), REPEATS):
            own = slice(edges[g], edges[g + 1])
            stack[g, r, :, own] = x[test][rng.permutation(len(test)), own]
        told = forest.predict(stack.reshape(-1, x.shape[1]))
        told = told.reshape(len(sizes), REPEATS, len(test), -1)
        moved[:, test], squared[:, test] = told.mean(1), (told**2).mean(1)
    return Predictions(plain, moved, squared)


def _outcome(
    scores: Floats, said: Predictions, k: int, units: NDArray[np.intp]
) -> tuple[Floats, Floats, Floats]:
    """(G + 1,) value, low and high of one outcome: the loss of every group, then R2.

    Each is a ratio of sums over networks; its error is that of numerator - ratio * denominator,
    linear in networks and, but for the denominator, in the outcome.
    """
    j, y = scores.shape[1], scores.mean(-1)
    plain, moved = said.plain[:, k], said.moved[:, :, k]
    spread = y - y.mean()
    # the squared outcome drops out of a difference of squared errors
    gained = said.squared[:, :, k] - plain**2 - 2 * y * (moved - plain)
    explained = spread**2 - (y - plain) ** 2
    above = np.concatenate([gained, explained[None]])  # (G + 1, n)
    below = float((spread**2).sum())
    value = above.sum(1) / below
    by_unit = np.zeros((len(above), int(units.max()) + 1))
    np.add.at(by_unit.T, units, ((above - value[:, None] * spread**2) / below).T)
    clusters = by_unit.shape[1]
    of_units = (by_unit**2).sum(1) * clusters / (clusters - 1)
    slope = np.concatenate([-2 * (moved - plain), 2 * (plain - y.mean())[None]])
    slope = (slope - value[:, None] * 2 * spread) / below
    of_images = (slope @ (scores - y[:, None])).var(1, ddof=1) / j
    reach = stats.t.ppf((1 + LEVEL) / 2, min(clusters, j) - 1) * np.sqrt(of_units + of_images)
    return value, value - reach, value + reach
