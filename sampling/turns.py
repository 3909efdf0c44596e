"""Sequential evaluation: networks are attacked in rounds until what is asked is decided.

Which networks go on is a function of what the journal holds at the end of a round, and is noted in
it before the next begins. So a campaign that was stopped, in the middle of a round or between two,
goes on as if it had not been, and results do not depend on who does the work. Imports no torch.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrics import decide
from metrics.until import Until
from sampling.executors import Execution, Setup, run_jobs
from sampling.store import Condition, Journal, Network
from sampling.store.growth import ASKED

MOST = 5_000
"""Networks that can be ranked against each other: all pairs are judged."""


@dataclass(frozen=True)
class Turn:
    """One network and the images, by their place in the order of attack, that it sees next.

    Attributes:
        network: Of the journal.
        begin: First image; at 0 the network is asked everything else, too.
        end: One past the last.
    """

    network: Network
    begin: int
    end: int


@dataclass(frozen=True)
class Sequel:
    """How a campaign goes on.

    Attributes:
        until: What is to be decided.
        columns: Conditions under all of which an image must be right to count.
        order: (A,) positions of the images that may be attacked, in the order of attack.
    """

    until: Until
    columns: tuple[int, ...]
    order: NDArray[np.intp]

    def turns(self, journal: Journal) -> list[Turn]:
        """What is to be done next, noted in the journal; empty when nothing is left to decide.

        Raises:
            ValueError: The goal does not fit the networks.
        """
        rounds = self.until.rounds(len(self.order))
        if pending := journal.pending():
            return [Turn(network, 0, rounds.ends[0]) for network in pending]
        networks, right, tried = self._state(journal)
        stuck = journal.given_up()
        asked = json.loads(journal.read(ASKED) or "{}")
        going = [n.key in asked and n.key not in stuck for n in networks]
        ends = np.array([asked.get(n.key, 0) for n in networks])
        if not (left := np.array(going, np.bool_) & (tried < ends)).any():
            left = decide(tried, right, rounds, self.until.goal)
            left &= np.array([n.key not in stuck for n in networks], np.bool_)
            known = np.array((0, *rounds.ends))
            ends = known[np.minimum(rounds.index(tried) + 1, len(rounds.ends))]
            chosen = np.flatnonzero(left)
            if len(chosen):
                journal.note(ASKED, json.dumps({networks[n].key: int(ends[n]) for n in chosen}))
        return [Turn(networks[n], int(tried[n]), int(ends[n])) for n in np.flatnonzero(left)]

    def _state(
        self, journal: Journal
    ) -> tuple[list[Network], NDArray[np.bool_], NDArray[np.int64]]:
        """Evaluated networks, (N, A) right answers in the order of attack, (N,) images tried."""
        networks, right, tried = [], [], []
        columns = list(self.columns)
        for network, outcome, _, _ in journal.outcomes():
            if outcome is not None:
                seen: NDArray[np.bool_] = np.all(outcome.evaluated[columns], 0)[self.order]
                networks.append(network)
                right.append(np.all(outcome.correct[columns], 0)[self.order] & seen)
                tried.append(int(seen.sum()))
        return networks, np.array(right), np.array(tried, np.int64)


def sequel(
    until: Until,
    conditions: Sequence[Condition],
    attacked: NDArray[np.int64],
    order: NDArray[np.intp],
) -> Sequel:
    """How a campaign goes on under its conditions, with a goal that was checked."""
    columns = [
        c
        for c, condition in enumerate(conditions)
        if condition.family == "adversarial" and until.on in ("", condition.name)
    ]
    return Sequel(until, tuple(columns), attacked[order])


def check_goal(until: Until, attacks: Sequence[Condition], networks: int) -> None:
    """Refuse a goal that does not fit a campaign.

    Raises:
        ValueError: The condition to be judged is no attack, or there is none; the networks are too
            many to be compared with each other, or no more than are to be found.
    """
    names = [attack.name for attack in attacks]
    if not names or (until.on and until.on not in names):
        raise ValueError(
            f"until-decided.on must be an attack of the protocol, of {', '.join(names) or 'none'}"
            f"; got {until.on!r}. Leave it out for right answers under all of them."
        )
    goal = until.goal
    if networks > MOST and (goal.best is not None or goal.margin is not None):
        raise ValueError(
            f"until-decided must rank at most {MOST:,} networks; got {networks:,}. "
            "Ask for half_width."
        )
    if goal.best is not None and goal.best >= networks:
        raise ValueError(
            f"until-decided.best must be below the {networks} networks; got {goal.best}. "
            "Ask for fewer."
        )


def record_turns(
    journal: Journal,
    turns: Sequence[Turn],
    setup: Setup,
    arguments: tuple[Any, ...],
    how: Execution,
) -> Iterator[str]:
    """Give every turn to a handler, and record what comes.

    Yields:
        "done" or "failed" for each turn, after it was recorded. A network that fails after its
        first turn keeps what it has and gets no further one.

    Raises:
        ValueError: No worker could be set up; what was recorded stays.
    """
    for event in run_jobs(setup, arguments, turns, how):
        if event.kind == "message":
            continue
        turn = turns[event.job]
        done, first, key = event.kind == "done", turn.begin == 0, turn.network.key
        if done:
            (journal.record if first else journal.grow)(key, event.value)
        else:
            (journal.fail if first else journal.give_up)(key, event.value)
        yield event.kind
