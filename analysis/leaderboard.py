"""The best networks under each family of noise, and how many cannot be told from the best."""

from dataclasses import dataclass

import pandas as pd

from analysis.standings import Standing, Standings
from analysis.study import Study

TOP = 15
SHOWN = ("macs", "parameters")


@dataclass(frozen=True)
class Board:
    """The best networks by one outcome.

    Attributes:
        outcome: Its name.
        text: What it is, in words.
        rows: At most `TOP` rows: rank with its interval (rank_low, rank_high), id, weights, value,
            low, high, and the costs that are known.
        n: Networks in the race.
        tied: How many may be the best; with 95 % the best is among them.
        tiers: How many tiers of networks can be told apart.
    """

    outcome: str
    text: str
    rows: pd.DataFrame
    n: int
    tied: int
    tiers: int


def leaderboards(study: Study, found: Standings) -> tuple[Board, ...]:
    """One board per family of noise that the protocol has."""
    return tuple(_board(study, standing) for standing in found.boards)


def standings_table(study: Study, found: Standings, name: str) -> pd.DataFrame:
    """Where all N networks stand by one outcome, in the order of the study.

    Columns: rank (1 is best, equal values share one), then for an outcome that was ranked rank_low
    and rank_high, tied (may be the best) and tier; for another, tied says that the lower limit of
    the best one's interval is reached. The report shows whatever columns are here.

    Args:
        study: The study.
        found: Its ranked outcomes.
        name: An outcome that was scored.

    Raises:
        ValueError: If it was not.
    """
    score = study.score(name)
    if score is None:
        raise ValueError(
            f"standings_table.name must be an outcome that was scored; got {name!r}. "
            f"Choose one of {', '.join(o.name for o in study.outcomes)}."
        )
    for board in found.boards:
        if board.score.outcome.name == name:
            r = board.ranks
            columns = {"rank": r.rank, "rank_low": r.low, "rank_high": r.high}
            return pd.DataFrame({**columns, "tied": r.best, "tier": r.tier})
    value, low = score.estimate.value, score.estimate.low
    rank = pd.Series(-value).rank(method="min").astype(int)
    return pd.DataFrame({"rank": rank, "tied": value >= low[value.argmax()]})


def _board(study: Study, standing: Standing) -> Board:
    ranks, value = standing.ranks, standing.score.estimate
    top, origins = standing.order[:TOP], study.weights
    rows = pd.DataFrame(
        {
            "rank": ranks.rank[top],
            "rank_low": ranks.low[top],
            "rank_high": ranks.high[top],
            "id": study.networks["id"].to_numpy()[top],
            "weights": [origins[k] for k in top],
            "value": value.value[top],
            "low": value.low[top],
            "high": value.high[top],
            **{c: study.factors[c].to_numpy()[top] for c in SHOWN if c in study.factors},
        }
    )
    outcome = standing.score.outcome
    tied, tiers = int(ranks.best.sum()), int(ranks.tier.max())
    return Board(outcome.name, outcome.text, rows, len(ranks.rank), tied, tiers)
