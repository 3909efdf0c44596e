"""Which networks are really better: ranks with intervals per outcome.

**Estimand.** The order that the networks, with the weights they have, would have on endless images
from the same source under this protocol. Nothing here covers another training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.counts import NEEDS_IMAGES
from analysis.front import Front, find_front, front_sentences
from analysis.scores import Score
from analysis.study import Study
from metrics import (
    MOST_PAIRED,
    Comparison,
    Estimate,
    Ranks,
    bootstrap_difference,
    compare,
    rank_intervals,
    rank_intervals_from_counts,
    unknown_ranks,
)

RANKED = ("adversarial", "natural", "system", "clean")  # one outcome per family of noise


@dataclass(frozen=True)
class Standing:
    """The networks in the order of one outcome.

    Attributes:
        score: Of every network.
        ranks: With intervals, all holding at once.
        order: (N,) positions from the best down; equal scores in the order of ids.
        lead: (N,) what a network scores above the first, with its paired interval.
    """

    score: Score
    ranks: Ranks
    order: NDArray[np.intp]
    lead: Estimate


@dataclass(frozen=True)
class Standings:
    """Ranks per outcome, and the front or the reason why there is none."""

    boards: tuple[Standing, ...]
    front: Front | str


def standings(study: Study, draws: int, seed: int) -> Standings:
    """Rank the networks by each headline outcome that was scored, and find the front.

    Args:
        study: The networks.
        draws: Of random signs, and of images.
        seed: Of those draws.
    """
    scores = [score for name in _ranked(study) if (score := study.score(name)) is not None]
    rng = np.random.default_rng([seed, len(RANKED)])
    unpaired = _unpaired(study, scores)
    if unpaired:
        return Standings(tuple(_from_counts(study, score) for score in scores), unpaired)
    comparisons = [compare(score.per_image, rng, draws) for score in scores]
    boards = tuple(
        _from_images(study, score, comparison, rng, draws)
        for score, comparison in zip(scores, comparisons, strict=True)
    )
    return Standings(boards, find_front(study, scores, comparisons, rng, draws))


def _ranked(study: Study) -> list[str]:
    """Outcomes that are ranked: attacks one by one where counts cannot tell the worst of them."""
    if not study.counted or study.score("adversarial") is not None:
        return list(RANKED)
    attacks = [o.name for o in study.outcomes if o.family == "adversarial"]
    return [*attacks, *RANKED[1:]]


def _unpaired(study: Study, scores: Sequence[Score]) -> str:
    """Why networks cannot be compared image by image, "" if they can."""
    if any(not len(score.images) for score in scores):
        return NEEDS_IMAGES
    few = len(study.networks) <= MOST_PAIRED
    return "" if few else f"all pairs are compared among {MOST_PAIRED:,} networks at most"


def _from_images(
    study: Study, score: Score, comparison: Comparison, rng: np.random.Generator, draws: int
) -> Standing:
    ranks = rank_intervals(comparison)
    order = _order(study, ranks)
    lead = bootstrap_difference(score.per_image, score.per_image[order[0]], rng, draws)
    lead.low[order[0]] = lead.high[order[0]] = 0.0  # the first leads itself by nothing, for sure
    return Standing(score, ranks, order, lead)


def _from_counts(study: Study, score: Score) -> Standing:
    """As if every network had images of its own: wider than it need be, never narrower."""
    found = score.estimate
    if np.isfinite(found.low).all():
        tried = study.counts[0][:, list(score.outcome.columns)].min(axis=1)
        ranks = rank_intervals_from_counts(found.value * tried, tried)
    else:
        ranks = unknown_ranks(found.value)
    order = _order(study, ranks)
    first = order[0]
    value = found.value - found.value[first]
    # Newcombe (1998), method 10 for two proportions of independent samples
    low = value - np.hypot(found.value - found.low, found.high[first] - found.value[first])
    high = value + np.hypot(found.high - found.value, found.value[first] - found.low[first])
    low[first] = high[first] = 0.0
    return Standing(score, ranks, order, Estimate(value, low, high))


def _order(study: Study, ranks: Ranks) -> NDArray[np.intp]:
    return np.lexsort((study.networks["id"].to_numpy(dtype=str), ranks.rank))


def ranks_table(study: Study, found: Standings) -> pd.DataFrame:
    """One row per outcome and network, the best first.

    Columns: outcome, id, weights (supernet or origin), value, low, high, rank, rank_low, rank_high,
    may_be_best, tier, lead (what it scores above the first), lead_low, lead_high. Shares in [0, 1].
    """
    columns = ["outcome", "id", "weights", "value", "low", "high", "rank", "rank_low", "rank_high"]
    columns += ["may_be_best", "tier", "lead", "lead_low", "lead_high"]
    parts = [_rows(study, board) for board in found.boards]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _rows(study: Study, board: Standing) -> pd.DataFrame:
    value, ranks, lead = board.score.estimate, board.ranks, board.lead
    table = pd.DataFrame(
        {
            "outcome": board.score.outcome.name,
            "id": study.networks["id"],
            "weights": study.weights,
            "value": value.value,
            "low": value.low,
            "high": value.high,
            "rank": ranks.rank,
            "rank_low": ranks.low,
            "rank_high": ranks.high,
            "may_be_best": ranks.best,
            "tier": ranks.tier,
            "lead": lead.value,
            "lead_low": lead.low,
            "lead_high": lead.high,
        }
    )
    return table.iloc[board.order]


def standing_sentences(found: Standings) -> list[str]:
    """How far the networks can be told apart, in words; none for a single network."""
    if not found.boards or len(found.boards[0].order) == 1:
        return []
    parts = [
        f"{board.score.outcome.name} {int(board.ranks.best.sum()):,} of {len(board.order):,} "
        f"({_tiers(int(board.ranks.tier.max()))})"
        for board in found.boards
    ]
    return [
        "Networks that may be the best (the set holds the best with 95 %; in brackets the tiers "
        f"that can be told apart): {', '.join(parts)}.",
        *front_sentences(found.front),
    ]


def _tiers(count: int) -> str:
    return f"{count} tier" + ("" if count == 1 else "s")
