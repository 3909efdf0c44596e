"""What the engine itself costs per network, from 100 networks to 10,000: it should stay flat.

`python -m benchmarks.scale` takes minutes, with `--quick` (to 1,000 networks) seconds. A campaign
of the size of `robustscope run --preset digits` (45 conditions, 397 images) without the networks:
queueing, recording each outcome on the disk, exporting and opening the results. Wall seconds per
network, as the disk is part of it; the ratio is that of the smallest campaign to this one.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.fault_driver import campaign
from benchmarks.table import Row, publish
from sampling.store import Condition, Journal, Network, Outcome, open_results, write_results

CONDITIONS, IMAGES = 45, 397
SIZES = (100, 1000, 10000)
DRAWN = 64
"""Different outcomes: networks answer alike, so that drawing them is not what is timed."""


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Keeps the wall seconds spent inside under a name."""
    begin = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - begin


def outcomes() -> list[Outcome]:
    """Answers of networks that are right on seven images of ten."""
    found = []
    for number in range(DRAWN):
        rng = np.random.default_rng(number)
        correct = rng.random((CONDITIONS, IMAGES)) < 0.7
        evaluated = np.ones((CONDITIONS, IMAGES), np.bool_)
        alarms = {"flat_loss": rng.random(CONDITIONS)}
        found.append(Outcome(f"{number:064x}", evaluated, correct, alarms))
    return found


def network(number: int) -> Network:
    """One of the queue."""
    return Network(
        f"{number:012x}", "{}", "mobilenet", "supernet", "", "standard", 0, "genes", "",
        {"depth": float(number % 7)},
    )  # fmt: skip


def work(count: int, folder: Path, drawn: list[Outcome]) -> dict[str, float]:
    """Stage to wall seconds of a campaign of `count` networks."""
    conditions = tuple(
        Condition(f"c{i}", "natural" if i else "clean", i, "{}", "c0") for i in range(CONDITIONS)
    )
    ids = tuple(f"test/{i}" for i in range(IMAGES))
    shared = replace(
        campaign(), conditions=conditions, image_ids=ids, labels=np.arange(IMAGES) % 10
    )
    seconds: dict[str, float] = {}
    with Journal.open(folder / "journal.sqlite", "{}") as journal:
        with timed(seconds, "queue"):
            journal.add([network(number) for number in range(count)])
            pending = journal.pending()
        with timed(seconds, "record"):
            for number, queued in enumerate(pending):
                journal.record(queued.key, drawn[number % DRAWN])
        with timed(seconds, "export"):
            write_results(folder / "results.h5", shared, journal.outcomes(), {})
    with timed(seconds, "open"), open_results(folder / "results.h5") as results:
        results.counts()
    return seconds


def main() -> None:
    """Run every size and publish the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="to 1,000 networks")
    sizes = SIZES[:2] if parser.parse_args().quick else SIZES
    rows: list[Row] = []
    drawn = outcomes()
    for count in sizes:
        with tempfile.TemporaryDirectory() as name:
            seconds = work(count, Path(name), drawn)
        parts = ", ".join(f"{n} {1000 * s / count:.2f}" for n, s in seconds.items())
        first = rows[0].ours_s if rows else sum(seconds.values()) / count
        note = f"wall s per network; ms per network: {parts}"
        case = f"networks_{count}"
        rows.append(Row(case, sum(seconds.values()) / count, "100 networks", first, None, note))
    publish("scale", rows)


if __name__ == "__main__":
    main()
