"""Which results rest on numbers that something speaks against, and what it is, in a few words.

Two things speak against a number: an alarm raised for the network under one of the conditions that
its outcome averages, and a weight-sharing study by which supernet weights may rank networks in
another order than training alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.attenuation import DOUBTFUL, Key, Shared
from analysis.outcomes import Outcome
from analysis.sharing import in_words
from analysis.study import Study
from metrics import Bits


@dataclass(frozen=True)
class Marks:
    """What speaks against the numbers of a study.

    Attributes:
        networks: Outcome name to (N,) whether the network's value rests on a flagged number.
        effects: Supernet label and outcome name to why effects on it are marked.
    """

    networks: Mapping[str, Bits]
    effects: Mapping[Key, str]

    def of(self, supernet: str, outcome: str) -> str:
        """Why an effect of a supernet on an outcome is marked, "" if nothing speaks against it."""
        return self.effects.get((supernet, outcome), "")


def find_marks(study: Study, shared: Mapping[Key, Shared]) -> Marks:
    """Everything that speaks against numbers of a study.

    Args:
        study: Networks with their alarms.
        shared: What a weight-sharing study found, empty without one.
    """
    flags = study.flagged
    networks: dict[str, Bits] = {
        o.name: np.asarray(flags[:, list(o.columns)].any(axis=1)) for o in study.outcomes
    }
    effects = {}
    for group in study.groups:
        for outcome in study.outcomes:
            told = [
                _flagged(networks[outcome.name][group.rows]),
                _ranked(shared.get((group.label, outcome.name))),
            ]
            text = "; ".join(part for part in told if part)
            if text:
                effects[group.label, outcome.name] = text
    return Marks(networks, effects)


def _flagged(flags: Bits) -> str:
    count = int(flags.sum())
    return f"alarm raised for {count:,} of {len(flags):,} networks" if count else ""


def _ranked(shared: Shared | None) -> str:
    """Why ranks by supernet weights are in doubt, "" where they are not or nothing is known."""
    if shared is None or not shared.doubtful:
        return ""
    limits = [number if np.isfinite(number) else None for number in shared.tau]
    return f"weight sharing: tau {in_words(limits)} may be below {DOUBTFUL:g}"


def marked(table: pd.DataFrame, marks: Marks) -> pd.DataFrame:
    """The table of effects with a column `mark`: why its row is in doubt, "" where it is not.

    Args:
        table: Rows with columns supernet and outcome, and maybe `other`, a second outcome.
        marks: What speaks against them.
    """
    made = table.copy()
    outcomes = [name for name in ("outcome", "other") if name in made]
    made["mark"] = [
        "; ".join(dict.fromkeys(filter(None, (marks.of(supernet, o) for o in names))))
        for supernet, *names in made[["supernet", *outcomes]].itertuples(index=False, name=None)
    ]
    return made


def alarm_names(study: Study, marks: Marks) -> list[str]:
    """(N,) outcomes of each network that rest on a flagged number, blank separated."""
    names = list(marks.networks)
    if not names or not any(flags.any() for flags in marks.networks.values()):
        return [""] * len(study.networks)
    table = np.stack([marks.networks[name] for name in names], axis=1)
    return [" ".join(np.array(names)[row].tolist()) for row in table]


def mark_sentences(study: Study, marks: Marks) -> list[str]:
    """How much rests on doubtful numbers, in plain words; none when nothing does."""
    said = []
    flags = study.flagged
    if flags.any():
        networks, conditions = int(flags.any(axis=1).sum()), int(flags.any(axis=0).sum())
        said.append(
            f"An alarm is raised for {networks:,} of {len(flags):,} networks, under {conditions:,} "
            "conditions: what rests on them is marked (column mark of the tables). robustscope "
            "analyze --without-flagged networks, or conditions, leaves them out."
        )
    for group in study.groups:
        names = [
            o.name for o in study.outcomes if "weight sharing" in marks.of(group.label, o.name)
        ]
        if names:
            said.append(
                f"{group.label}: effects on {', '.join(names)} are marked, because supernet "
                "weights may rank networks otherwise than training alone does (see Weight-sharing "
                "bias); robustscope analyze --shrink takes effects for what they are worth alone."
            )
    return said


def caption_mark(marks: Marks, supernet: str, outcomes: Sequence[Outcome]) -> str:
    """A sentence for the caption of a figure, "" when nothing speaks against its numbers."""
    why = {o.name: marks.of(supernet, o.name) for o in outcomes}
    reasons: dict[str, list[str]] = {}
    for name, text in why.items():
        if text:
            reasons.setdefault(text, []).append(name)
    told = "; ".join(f"{', '.join(names)} ({text})" for text, names in reasons.items())
    return f" In doubt: {told}." if told else ""
