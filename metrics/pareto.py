"""Networks that no other beats in everything, and how surely.

All objectives are to be maximised; give a cost as its negative. A network is dominated when another
is as good in every objective and better in one. Near ties are judged by epsilon-dominance
(Laumanns, Thiele, Deb and Zitzler 2002, additive form).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metrics.estimate import LEVEL, Bits, Floats
from metrics.pairs import Comparison, critical_value

DECIMALS = 10  # sums of shares in another order tie


def pareto_front(values: Floats, epsilon: Floats | float = 0.0) -> Bits:
    """Which networks are on the front, or within epsilon of it.

    Args:
        values: (N, K) of N networks in K objectives, finite, larger is better.
        epsilon: (K,) or one for all, non-negative, in the objectives' units. With 0 the front
            itself; otherwise also networks that none beats by epsilon in every objective.

    Returns:
        (N,) True on the front; equal networks are on it together.

    Raises:
        ValueError: A value is not finite, or an epsilon is negative.
    """
    points = _checked(values, "pareto_front.values")
    margin = np.broadcast_to(np.asarray(epsilon, float), points.shape[1:])
    if not (margin >= 0).all():
        raise ValueError(
            f"pareto_front.epsilon must be non-negative numbers; got {margin.tolist()}. Give what "
            "counts as a tie in each objective's unit."
        )
    on_front = np.ones(len(points), bool)
    for i, point in enumerate(points):
        # the epsilon once more against rounding: 0.3 is to beat 0.2 by 0.1
        ahead = (np.round(points - point - margin, DECIMALS) >= 0).all(1)
        on_front[i] = not (ahead & (points != point).any(1)).any()
    return on_front


def thinned_front(values: Floats, epsilon: Floats | float) -> Bits:
    """A few networks that stand for the front: every network is within epsilon of one of them.

    Taken greedily from the front, the network with most others within epsilon first.

    Args:
        values: (N, K) of N networks in K objectives, finite, larger is better.
        epsilon: (K,) or one for all, non-negative, in the objectives' units.

    Returns:
        (N,) True for the chosen: for each network one of them is no worse by more than epsilon in
        any objective.
    """
    points = _checked(values, "thinned_front.values")
    front = np.flatnonzero(pareto_front(points))
    reach = points[front] + np.asarray(epsilon, float)
    covers = np.stack([(np.round(r - points, DECIMALS) >= 0).all(1) for r in reach])
    chosen = np.zeros(len(points), bool)
    open_ = np.ones(len(points), bool)
    while open_.any():
        pick = int((covers & open_).sum(1).argmax())
        chosen[front[pick]] = True
        open_ &= ~covers[pick]
    return chosen


def front_shares(draws: Sequence[Floats], fixed: Floats) -> Floats:
    """Share of draws in which each network is on the front.

    A share tells how far membership hangs on the images drawn; it is no probability that the
    network is on the front of endless images. `surely_dominated` has a stated error rate.

    Args:
        draws: For K objectives (N, B) values of the networks, larger is better, draw b of all
            objectives from the same images.
        fixed: (N,) one more objective without error, larger is better.
    """
    order = np.argsort(-_checked(fixed[:, None], "front_shares.fixed")[:, 0], kind="stable")
    ahead_of = fixed[order]
    # places among the networks compare as the values do, and in a quarter of the time
    places = [_places(values[order]) for values in draws]
    on_front = np.empty(places[0].shape, bool)
    for i in range(len(order)):
        start = int(np.searchsorted(-ahead_of, -ahead_of[i], side="left"))
        stop = int(np.searchsorted(-ahead_of, -ahead_of[i], side="right"))
        as_good = np.logical_and.reduce([p[:stop] >= p[i] for p in places])
        # at the same fixed value, equals do not dominate
        equal = np.logical_and.reduce([p[start:stop] == p[i] for p in places])
        as_good[start:] &= ~equal
        on_front[order[i]] = ~as_good.any(0)
    shares: Floats = on_front.mean(1)
    return shares


def surely_dominated(
    comparisons: Sequence[Comparison], fixed: Floats, level: float = LEVEL
) -> Bits:
    """Networks that are dominated, all such claims holding at once.

    With probability `level` or more no network of the front of endless images is among them: a
    network is called dominated when another is no worse in `fixed` and surely better in every
    other objective, pairs judged at once over networks, and objectives after Bonferroni.

    Args:
        comparisons: Of all pairs of N networks in K objectives.
        fixed: (N,) one more objective without error, larger is better; a network of which it is
            NaN neither dominates nor is dominated.
        level: Confidence level in (0, 1).
    """
    share = 1 - (1 - level) / len(comparisons)
    better = [c.statistic > critical_value(c.greatest, share) for c in comparisons]
    beaten = np.logical_and.reduce([fixed[:, None] >= fixed, *better])
    dominated: Bits = beaten.any(0)
    return dominated


def _places(values: Floats) -> NDArray[np.uint16 | np.uint32]:
    """(N, B) dense places of the networks in each draw, 0 for the lowest."""
    rounded = np.round(values, DECIMALS)
    order = np.argsort(rounded, axis=0)
    ordered = np.take_along_axis(rounded, order, 0)
    rises = np.zeros(values.shape, np.uint16 if len(values) < 2**16 else np.uint32)
    rises[1:] = ordered[1:] != ordered[:-1]
    places = np.empty_like(rises)
    np.put_along_axis(places, order, np.cumsum(rises, axis=0, dtype=rises.dtype), 0)
    return places


def _checked(values: Floats, owner: str) -> Floats:
    points = np.asarray(values, float)
    unknown = ~np.isfinite(points).all(axis=-1)
    if points.ndim != 2 or unknown.any():
        raise ValueError(
            f"{owner} must be finite numbers (networks, objectives); got shape {points.shape} with "
            f"{int(np.sum(unknown))} networks that are not. Leave failed networks out."
        )
    return np.round(points, DECIMALS)
