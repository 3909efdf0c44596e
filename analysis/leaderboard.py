"""The best networks under each family of noise, and how many cannot be told from the best."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.study import Study

BOARDS = ("adversarial", "natural", "system", "clean")  # one outcome per family of noise
TOP = 15
SHOWN = ("macs", "parameters")


@dataclass(frozen=True)
class Board:
    """The best networks by one outcome.

    Attributes:
        outcome: Its name.
        text: What it is, in words.
        rows: At most `TOP` rows: rank, id, name, value, low, high, and the costs that are known.
        n: Networks in the race.
        tied: How many of them, the best included, reach the lower limit of the best one's interval.
    """

    outcome: str
    text: str
    rows: pd.DataFrame
    n: int
    tied: int


def leaderboards(study: Study) -> tuple[Board, ...]:
    """One board per family of noise that the protocol has."""
    boards = []
    for name in BOARDS:
        score = study.score(name)
        if score is None:
            continue
        value, low = score.estimate.value, score.estimate.low
        # equal scores keep the order of ids, so that the board is the same on every machine
        order = np.lexsort((study.networks["id"].to_numpy(dtype=str), -value))
        top = order[:TOP]
        rows = pd.DataFrame(
            {
                "rank": [1 + int((value > value[k]).sum()) for k in top],
                "id": study.networks["id"].to_numpy()[top],
                "weights": [_origin(study, k) for k in top],
                "value": value[top],
                "low": low[top],
                "high": score.estimate.high[top],
                **{c: study.factors[c].to_numpy()[top] for c in SHOWN if c in study.factors},
            }
        )
        tied = int((value >= low[order[0]]).sum())
        boards.append(Board(name, score.outcome.text, rows, len(value), tied))
    return tuple(boards)


def _origin(study: Study, row: int) -> str:
    network = study.networks.iloc[row]
    return str(network["supernet"] or network["origin"])
