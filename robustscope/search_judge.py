"""What networks of one supernet do on one half of the images; each is evaluated once and kept."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from analysis.outcomes import plan_outcomes
from analysis.scores import score
from images.datasets import Dataset
from nas_space.architecture import Architecture
from robustscope.progress import Progress
from robustscope.search_report import Finding, Interval
from robustscope.search_source import Trained
from sampling.campaign import enlist, evaluation_handler
from sampling.conditions import Cache, Prepared, prepare
from sampling.design import Draw
from sampling.executors import HERE, run_jobs
from sampling.store import DONE, FAILED, PENDING, Journal, Outcome, Row


class Judge:
    """What networks of one supernet do on one half of the images; each is evaluated once.

    Args:
        trained: The supernet and where it runs.
        objective: Names of the outcomes that are looked at.
        prepared: The half with its noised copies.
        journal: Remembers.
    """

    def __init__(
        self, trained: Trained, objective: tuple[str, ...], prepared: Prepared, journal: Journal
    ) -> None:
        plan, protocol = trained.plan, prepared.protocol
        self.trained, self.journal = trained, journal
        self.known = {r.network.id: r for r in journal.outcomes() if r.status != PENDING}
        self._handler = evaluation_handler(
            {plan.name: plan}, prepared.home, protocol, trained.device
        )
        planned = plan_outcomes(pd.DataFrame([asdict(c) for c in prepared.conditions]))
        self._asked = [o for o in planned.outcomes if o.name in objective]

    def __call__(self, architecture: Architecture) -> Finding:
        """What the network does, from memory if it was evaluated before."""
        if architecture.id not in self.known:
            self.known[architecture.id] = self._evaluated(architecture)
        row = self.known[architecture.id]
        shares = {} if row.outcome is None else self._shares(row.outcome)
        return Finding(architecture, row.network.factors["macs"], shares, row.failure)

    def _evaluated(self, architecture: Architecture) -> Row:
        """What came of it, after it was recorded."""
        draw = Draw(architecture, "searched", architecture.id)
        (network,) = enlist(self.trained.plan, [draw])
        self.journal.add([network])
        events = run_jobs(lambda: self._handler, (), [network], HERE)
        event = next(e for e in events if e.kind != "message")
        if event.kind == "failed":
            self.journal.fail(network.key, event.value)
            return Row(network, None, FAILED, event.value)
        self.journal.record(network.key, event.value)
        return Row(network, event.value, DONE, "")

    def _shares(self, outcome: Outcome) -> dict[str, Interval]:
        """Outcome name to its share with the limits of its interval.

        Raises:
            ValueError: There are too few images for one of them.
        """
        shares = {}
        for asked in self._asked:
            scored = score(asked, outcome.evaluated[None], outcome.correct[None])
            if isinstance(scored, str):
                raise ValueError(
                    f"search.images must allow to score {asked.name}; got images of which {scored}."
                    " Raise --images."
                )
            (value,), (low,), (high,) = (
                getattr(scored.estimate, part).tolist() for part in ("value", "low", "high")
            )
            shares[asked.name] = value, low, high
        return shares


@contextmanager
def judging(
    trained: Trained, objective: tuple[str, ...], half: Dataset, home: Path, progress: Progress
) -> Iterator[Judge]:
    """A judge on one half; its noised copies go when it is done."""
    plan, protocol = trained.plan, trained.protocol
    identity = {
        "protocol": protocol.hash,
        "dataset": half.sha256,
        "supernet": json.loads(plan.describe()),
        "device": trained.device,
    }
    text = json.dumps(identity, sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    total = 1 + len(protocol.natural) * len(protocol.severities) + len(protocol.system)
    with Journal.open(home / f"{name}.sqlite", text) as journal:
        with progress.bar("Noising", total, "conditions") as bar:
            cache, count = Cache(home / f"{name}.cache"), len(half.test)
            prepared = prepare(half, protocol, count, cache, bar.update, [plan.name])
        yield Judge(trained, objective, prepared, journal)
    shutil.rmtree(cache.folder, ignore_errors=True)
