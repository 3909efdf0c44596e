"""Bootstrap of moments over networks: shares of variance with intervals, for any number of them.

All that a share of variance needs are second moments, and these are sums over networks. Design
units are put into at most 1,000 blocks at random, and whole blocks are drawn again: their sums vary
as those of single units do, and 100,000 networks cost no more than 1,000.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.importance.share_intervals import Bounded, bounded
from analysis.importance.shares import Moments, lmg
from metrics import Floats

BLOCKS = 1000
DRAWS = 500
_MANY = 10**9  # stands for the images, which are not drawn again
_AT_A_TIME = 50  # draws whose moments are held at once


@dataclass(frozen=True)
class Blocks:
    """Sums over blocks of networks from which their moments follow.

    Attributes:
        sums: (B, (1 + P + K) ** 2) sums of products of a constant, the columns and the outcomes.
        columns: P.
        units: Number of design units behind them.
    """

    sums: Floats
    columns: int
    units: int

    def moments(self, weights: Floats) -> Moments:
        """Moments of the networks when the blocks count as (b, B) weights say."""
        side = round(self.sums.shape[1] ** 0.5)
        total = (weights @ self.sums).reshape(-1, side, side)
        total = total / total[:, :1, :1]
        mean = total[:, 0, 1:]
        second = total[:, 1:, 1:] - mean[:, :, None] * mean[:, None, :]
        p = self.columns
        variance = np.maximum(np.diagonal(second[:, p:, p:], axis1=1, axis2=2), 0)
        return Moments(second[:, :p, :p], second[:, :p, p:], variance)


def make_blocks(
    columns: Floats, outcomes: Floats, units: NDArray[np.intp], rng: np.random.Generator
) -> Blocks:
    """Blocks of (n, P) columns and (n, K) outcomes, both scaled here; units go whole to blocks."""
    values = np.concatenate([columns, outcomes], axis=1)
    centred = values - values.mean(0)  # so that little cancels where moments are centred again
    scaled = centred / np.maximum(centred.std(0), 1e-300)
    rows = np.concatenate([np.ones((len(values), 1)), scaled], axis=1)
    count = int(units.max()) + 1
    of_unit = rng.permutation(count) % min(BLOCKS, count)
    block = of_unit[units]
    order = np.argsort(block, kind="stable")
    edges = np.flatnonzero(np.r_[True, np.diff(block[order]) > 0, True])
    sums = [
        (part.T @ part).ravel()
        for start, stop in itertools.pairwise(edges)
        for part in (rows[order[start:stop]],)
    ]
    return Blocks(np.array(sums), columns.shape[1], count)


def lmg_shares(
    blocks: Blocks, sizes: Sequence[int], rng: np.random.Generator, draws: int = DRAWS
) -> tuple[Bounded, Bounded, Floats]:
    """(G, K) LMG shares and (K,) R2 with 95 % intervals, and Monte Carlo errors of the shares."""
    whole = lmg(blocks.moments(np.ones((1, len(blocks.sums)))), sizes)
    parts = [lmg(blocks.moments(w), sizes, orders=100) for w in _weights(blocks, draws, rng)]
    share = _limits(blocks, whole.share[0], np.concatenate([part.share for part in parts]))
    r2 = _limits(blocks, whole.r2[0], np.concatenate([part.r2 for part in parts]))
    return share, r2, whole.error[0]


def explained(blocks: Blocks, rng: np.random.Generator, draws: int = DRAWS) -> Bounded:
    """(K,) R2 of all columns with 95 % intervals."""
    whole = _r2(blocks.moments(np.ones((1, len(blocks.sums)))))
    parts = [_r2(blocks.moments(w)) for w in _weights(blocks, draws, rng)]
    return _limits(blocks, whole[0], np.concatenate(parts))


def _r2(moments: Moments) -> Floats:
    """(b, K) share of the outcomes' variance that the columns explain."""
    size = len(moments.cross)
    columns = np.broadcast_to(moments.columns, (size, *moments.columns.shape[1:]))
    effects = np.linalg.pinv(columns, rcond=1e-9, hermitian=True) @ moments.cross
    share = (effects * moments.cross).sum(1)
    result: Floats = np.clip(share / np.maximum(moments.outcomes, 1e-300), 0, 1)
    return result


def _weights(blocks: Blocks, draws: int, rng: np.random.Generator) -> list[Floats]:
    """How often each block is drawn, some draws at a time."""
    count = len(blocks.sums)
    sizes = [min(_AT_A_TIME, draws - start) for start in range(0, draws, _AT_A_TIME)]
    return [rng.multinomial(count, np.full(count, 1 / count), size=b).astype(float) for b in sizes]


def _limits(blocks: Blocks, value: Floats, draws: Floats) -> Bounded:
    fixed = np.repeat(value[None], 2, axis=0)
    return bounded(value, draws, fixed, (len(blocks.sums), _MANY))
