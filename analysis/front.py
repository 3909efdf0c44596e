"""The networks that no other beats in every kind of robustness at no more MACs, and how surely."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.scores import Score
from analysis.study import Study
from metrics import Bits, Comparison, Floats, front_shares, pareto_front, surely_dominated

NEAR_POINTS, NEAR_MACS = 0.01, 0.05
"""Near ties on the front: a point of accuracy in each outcome and 5 % of the MACs (ours)."""


@dataclass(frozen=True)
class Front:
    """The networks that none beats in every outcome at no more MACs.

    Attributes:
        outcomes: Names of those compared.
        rows: (n,) positions of the networks whose MACs are known.
        on_front: (n,) on the front of the scores as they are.
        near: (n,) on it, or beaten by less than a near tie in some objective.
        share: (n,) share of the draws of images in which a network is on the front.
        dominated: (n,) surely beaten; with 95 % no network of the true front is among them.
        draws: Number of draws.
    """

    outcomes: tuple[str, ...]
    rows: NDArray[np.intp]
    on_front: Bits
    near: Bits
    share: Floats
    dominated: Bits
    draws: int


def find_front(
    study: Study,
    scores: Sequence[Score],
    comparisons: Sequence[Comparison],
    rng: np.random.Generator,
    draws: int,
) -> Front | str:
    """The front over all networks whose MACs are known, or why there is none.

    Args:
        study: The networks.
        scores: Of the outcomes to compare.
        comparisons: Of all pairs of networks by each of them.
        rng: Source of the draws of images.
        draws: Number of them.
    """
    if not scores:
        return "no outcome was scored"
    if "macs" not in study.factors or not (study.factors["macs"] > 0).any():
        return "the MACs of no network are known"
    macs = study.factors["macs"].to_numpy(dtype=float)
    thrift = -np.log(np.where(macs > 0, macs, np.nan))
    rows = np.flatnonzero(np.isfinite(thrift))
    values = np.column_stack([*(score.estimate.value[rows] for score in scores), thrift[rows]])
    margin = np.array([NEAR_POINTS] * len(scores) + [math.log1p(NEAR_MACS)])
    return Front(
        tuple(score.outcome.name for score in scores),
        rows,
        pareto_front(values),
        pareto_front(values, margin),
        front_shares(_resampled(scores, rows, rng, draws), thrift[rows]),
        surely_dominated(comparisons, thrift)[rows],
        draws,
    )


def _resampled(
    scores: Sequence[Score], rows: NDArray[np.intp], rng: np.random.Generator, draws: int
) -> list[Floats]:
    """Per outcome (n, B) scores over resampled images, the same images for every outcome.

    An outcome judged on a part of the images counts those of them that were drawn.
    """
    count = max(int(score.images.max()) for score in scores) + 1
    images = rng.multinomial(count, np.full(count, 1 / count), size=draws)
    drawn = []
    for score in scores:
        own = images[:, score.images].T.astype(float)
        drawn.append(score.per_image[rows] @ (own / np.maximum(own.sum(0), 1)))
    return drawn


def pareto_table(study: Study, front: Front | str) -> pd.DataFrame:
    """One row per network with known MACs, those most often on the front first; none without front.

    Columns: id, weights, macs, an accuracy per outcome in [0, 1], on_front, near_front, share (of
    draws of images with the network on the front), surely_dominated.
    """
    if isinstance(front, str):
        return pd.DataFrame(columns=_COLUMNS)
    scores = {name: study.score(name) for name in front.outcomes}
    table = pd.DataFrame(
        {
            "id": study.networks["id"].to_numpy()[front.rows],
            "weights": np.array(study.weights, dtype=object)[front.rows],
            "macs": study.factors["macs"].to_numpy(dtype=float)[front.rows],
            **{n: score.estimate.value[front.rows] for n, score in scores.items() if score},
            "on_front": front.on_front,
            "near_front": front.near,
            "share": front.share,
            "surely_dominated": front.dominated,
        }
    )
    return table.sort_values(["share", "id"], ascending=[False, True], ignore_index=True)


_COLUMNS = ["id", "weights", "macs", "on_front", "near_front", "share", "surely_dominated"]


def front_sentences(front: Front | str) -> list[str]:
    """How many networks are on the front, in words; none for a single network."""
    if isinstance(front, str) or len(front.rows) == 1:
        return []
    often = int((front.on_front & (front.share >= 0.5)).sum())
    return [
        f"{int(front.on_front.sum()):,} of {len(front.rows):,} networks are on the Pareto front of "
        f"{', '.join(front.outcomes)} accuracy and MACs, {often:,} of them in half of the "
        f"{front.draws:,} draws of images or more; surely beaten, in every outcome by a network "
        f"of no more MACs: {int(front.dominated.sum()):,}."
    ]
