"""The program that `benchmarks.faults` kills: a campaign of networks that answer at random.

    python -m benchmarks.fault_driver FOLDER [FAULT]

Journal, worker processes and results are those of `robustscope run`; a network's outcome is drawn
from its number, so that every undisturbed campaign has the same results. Lines on standard output
say what was recorded. Exit codes are those of the command line: 0, 2 with one line, 130.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from robustscope.job import JOURNAL, RESULTS, hold, identity_of
from sampling.executors import Execution, Handler
from sampling.recording import record_pending
from sampling.store import Campaign, Condition, Journal, Network, Outcome, write_results
from sampling.store.campaign_text import NAME, campaign_to_text

NETWORKS, CONDITIONS, IMAGES = 48, 6, 200
SECONDS = 0.02
"""That a network takes."""

FAULTS = ("hang", "nan", "clock")
"""What the driver does to itself: a worker that hangs once, a network that fails, a clock set back
again and again."""

HOW = Execution(2, patience=10.0)
"""Patient enough for a worker that starts on a busy machine."""

SETTINGS = {"preset": "faults"}


def campaign() -> Campaign:
    """What all networks share."""
    noises = (Condition(f"noise_s{i}", "natural", i, "{}", "clean") for i in range(1, CONDITIONS))
    conditions = (Condition("clean", "clean", 0, "{}", "clean"), *noises)
    return Campaign(
        protocol='{"name": "faults"}',
        protocol_hash="ab" * 32,
        dataset="none",
        dataset_sha256="cd" * 32,
        device="cpu",
        conditions=conditions,
        image_set="test",
        image_ids=tuple(f"test/{i}" for i in range(IMAGES)),
        labels=np.arange(IMAGES) % 10,
        classes=tuple("0123456789"),
        spaces={},
        supernets={},
        factor_units={"depth": "blocks"},
    )


def networks() -> list[Network]:
    """The queue."""
    return [
        Network(
            f"{i:012x}", json.dumps({"number": i}), "mobilenet", "supernet", "", "standard", 0,
            "genes", "", {"depth": float(i)},
        )
        for i in range(NETWORKS)
    ]  # fmt: skip


def outcome(number: int) -> Outcome:
    """What the network of this number did."""
    rng = np.random.default_rng(number)
    evaluated = rng.random((CONDITIONS, IMAGES)) < 0.9
    correct = evaluated & (rng.random((CONDITIONS, IMAGES)) < 0.7)
    return Outcome(f"{number:064x}", evaluated, correct, {"flat_loss": rng.random(CONDITIONS)})


def handler(folder: Path, fault: str) -> Handler:
    """What a worker does with a network."""

    def evaluate(network: Network, _: Callable[[Any], None]) -> Outcome:
        number = int(network.id, 16)
        time.sleep(SECONDS)
        if fault == "hang" and number % 16 == 5:
            mark = folder / f"hung-{number}"
            if not mark.exists():
                mark.touch()
                time.sleep(3600)
        if fault == "nan" and number % 16 == 5:
            raise ValueError("Network.outputs must be finite; got NaN or infinity.")
        return outcome(number)

    return evaluate


def set_clock_back() -> None:
    """Make `time.time` run backwards."""
    honest = time.time
    time.time = lambda: 2e9 - 10 * honest()


def drive(folder: Path, fault: str) -> str:
    """Evaluate what is pending and write the results; their content hash."""
    if fault == "clock":
        set_clock_back()
    shared = campaign()
    with hold(folder), Journal.open(folder / JOURNAL, identity_of(SETTINGS, shared)) as journal:
        (folder / "settings.json").write_text(json.dumps(SETTINGS))
        if journal.read(NAME) is None:
            journal.note(NAME, campaign_to_text(shared))
        journal.add(networks())
        before = journal.counts().done
        for kind in record_pending(journal, handler, (folder, fault), HOW):
            print(kind, journal.counts().done - before, flush=True)
        return write_results(folder / RESULTS, shared, journal.outcomes(), {})


def main() -> int:
    """Drive, with the exit codes of the command line."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder, fault = Path(sys.argv[1]), (sys.argv[2:] or [""])[0]
    print("ready", os.getpid(), flush=True)
    try:
        print("content", drive(folder, fault), flush=True)
    except (ValueError, OSError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
