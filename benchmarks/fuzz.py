"""Damaged and hostile files: every reader against files with random damage, counted, not timed.

`python -m benchmarks.fuzz` reads 10,000 mutated files, in minutes; with `--quick` 500. Each is read
in a process of its own, forked from one that has imported the readers, with limits on time and
memory. A reader may find the file whole only when all it hands over equals the original.
"""

import argparse
import json
import os
import resource
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.table import RESULTS
from nas_space.architecture import Architecture
from nas_space.presets import find_space
from noises.presets import quick
from noises.protocol_file import read_protocol
from sampling.design.entries import read_draws
from sampling.store import Campaign, Condition, Journal, Network, Outcome, verify, write_results
from training.checkpoint import read_checkpoint, save_checkpoint, tensors_hash

SEED = 0
SECONDS = 20
MEMORY = 8 << 30
"""Limits of one reading."""

FILES = {"results": 4000, "journal": 2500, "checkpoint": 1500, "protocol": 1000, "networks": 1000}
"""Reader to number of mutated files."""

Mutation = Callable[[bytearray, np.random.Generator], bytearray]


def flip(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Some bytes, 1 to 50, have other values."""
    for place in rng.integers(len(data), size=int(rng.integers(1, 51))):
        data[place] ^= int(rng.integers(1, 256))
    return data


def cut(data: bytearray, rng: np.random.Generator) -> bytearray:
    """The end is missing."""
    return data[: int(rng.integers(len(data)))]


def erase(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A range is zero."""
    first, last = sorted(rng.integers(len(data) + 1, size=2))
    data[first:last] = bytes(int(last - first))
    return data


def insert(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Random bytes stand somewhere between."""
    place, count = int(rng.integers(len(data))), int(rng.integers(1, 200))
    data[place:place] = rng.bytes(count)
    return data


def double(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A range stands there twice."""
    first, last = sorted(int(i) for i in rng.integers(len(data) + 1, size=2))
    data[last:last] = data[first:last]
    return data


MUTATIONS: tuple[Mutation, ...] = (flip, flip, flip, cut, erase, insert, double)
"""Small damage is the likeliest to be overlooked: it is drawn three times as often."""


@dataclass(frozen=True)
class Subject:
    """A file and its reader.

    Attributes:
        write: Writes a whole file to a path.
        read: What the reader hands over, as something that can be compared; it raises ValueError,
            one clear line, for a file that it refuses.
        suffix: Of the path.
    """

    write: Callable[[Path], None]
    read: Callable[[Path], object]
    suffix: str


@dataclass(frozen=True)
class Tally:
    """What came of the mutated files of one reader.

    Attributes:
        case: The reader.
        trials: Files.
        whole: Read, with everything equal to the original.
        clear_errors: Refused in one line.
        reader_died: The process that read died or ran out of time or memory; the commands, which
            read a stranger's results in such a process first, make that a clear error.
        silent_differences: Read, with something else in it.
        defects: Ended in another exception, or a message of several lines.
    """

    case: str
    trials: int
    whole: int
    clear_errors: int
    reader_died: int
    silent_differences: int
    defects: int


def example() -> tuple[Campaign, list[Network]]:
    """A campaign of 4 conditions and 40 images, and 6 networks."""
    conditions = tuple(
        Condition(f"c{i}", "natural" if i else "clean", i, "{}", "c0") for i in range(4)
    )
    campaign = Campaign(
        protocol='{"name": "fuzz"}',
        protocol_hash="ab" * 32,
        dataset="digits",
        dataset_sha256="cd" * 32,
        device="cpu",
        conditions=conditions,
        image_set="test",
        image_ids=tuple(f"test/{i}" for i in range(40)),
        labels=np.arange(40) % 10,
        classes=tuple("0123456789"),
        spaces={"mobilenet": "{}"},
        supernets={"mobilenet": "{}"},
        factor_units={"depth": "blocks"},
    )
    networks = [
        Network(
            f"{i:012x}", "{}", "mobilenet", "supernet", "mobilenet", "standard", i, "genes", "",
            {"depth": float(i)},
        )
        for i in range(6)
    ]  # fmt: skip
    return campaign, networks


def outcome(i: int) -> Outcome:
    """What the i-th network did."""
    rng = np.random.default_rng(i)
    evaluated = rng.random((4, 40)) < 0.9
    return Outcome(f"{i:064x}", evaluated, evaluated & (rng.random((4, 40)) < 0.7))


def write_results_file(path: Path) -> None:
    """A results file."""
    campaign, networks = example()
    rows = [(n, outcome(i), "done", "") for i, n in enumerate(networks)]
    write_results(path, campaign, rows, {"command": "fuzz"})


def read_results_file(path: Path) -> object:
    """Its content hash, when `verify` finds it whole."""
    found = verify(path)
    if not found.ok:
        raise ValueError(found.problems[0])
    return found.stored_hash


def write_journal(path: Path) -> None:
    """A journal, closed in order."""
    with Journal.open(path, '{"fuzz": 1}') as journal:
        networks = example()[1]
        journal.add(networks)
        for i, network in enumerate(networks[:4]):
            journal.record(network.key, outcome(i))
        journal.fail(networks[4].key, "diverged")


def read_journal(path: Path) -> object:
    """Everything in it."""
    with Journal.view(path) as journal:
        rows = [
            (
                row.network,
                row.status,
                row.failure,
                row.outcome and row.outcome.weights,
                row.outcome and row.outcome.evaluated.tobytes() + row.outcome.correct.tobytes(),
            )
            for row in journal.outcomes()
        ]
        return repr((journal.settings, rows))


def write_weights(path: Path) -> None:
    """A checkpoint."""
    torch.manual_seed(0)
    model = torch.nn.Linear(20, 3)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    model(torch.ones(1, 20)).sum().backward()
    optimizer.step()
    save_checkpoint(path, '{"space": "x"}', (model, optimizer, None), (3, 0.5))


def read_weights(path: Path) -> object:
    """Tensors and header."""
    tensors, header = read_checkpoint(path)
    return tensors_hash(tensors), tuple(sorted(header.items()))


def write_protocol(path: Path) -> None:
    """A protocol with everything in it."""
    path.write_text(quick(32).to_json())


def write_networks(path: Path) -> None:
    """A list of architectures."""
    space, rng = find_space("mobilenet-digits"), np.random.default_rng(0)
    drawn: list[Architecture] = [space.sample(rng) for _ in range(5)]
    path.write_text(json.dumps([json.loads(a.to_json()) for a in drawn]))


def settled(_: object) -> str:
    """Stands for a file of plain text, in which another text may be as valid as the original."""
    return "valid"


SUBJECTS = {
    "results": Subject(write_results_file, read_results_file, ".h5"),
    "journal": Subject(write_journal, read_journal, ".sqlite"),
    "checkpoint": Subject(write_weights, read_weights, ".safetensors"),
    "protocol": Subject(write_protocol, lambda p: settled(read_protocol(p, quick(32))), ".json"),
    "networks": Subject(write_networks, lambda p: settled(read_draws(p)), ".json"),
}
"""A file without checksum, written by hand, is whole when it can be read."""


def read_apart(subject: Subject, path: Path, wanted: object) -> str:
    """Field of `Tally` that the reading of a file in a forked process belongs to."""
    child = os.fork()
    if child == 0:
        os._exit(_read(subject, path, wanted))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return ENDS.get(status, "reader_died")


ENDS = {0: "whole", 1: "clear_errors", 2: "silent_differences", 3: "defects"}
"""Exit status of the child to the field."""


def _read(subject: Subject, path: Path, wanted: object) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS)
    try:
        return 0 if subject.read(path) == wanted else 2
    except ValueError as error:
        return 1 if len(str(error).strip().splitlines()) == 1 else 3
    except MemoryError:
        return 4
    except BaseException:
        return 3


def mutated(data: bytes, count: int, rng: np.random.Generator) -> Iterator[bytes]:
    """Damaged forms of a file."""
    while count:
        mutation = MUTATIONS[rng.integers(len(MUTATIONS))]
        damaged = bytes(mutation(bytearray(data), rng))
        if damaged != data:
            count -= 1
            yield damaged


def fuzz(name: str, count: int, folder: Path) -> Tally:
    """One reader against `count` mutated files in a folder; those that end badly stay there."""
    subject = SUBJECTS[name]
    whole = folder / f"whole{subject.suffix}"
    subject.write(whole)
    wanted, counted = subject.read(whole), Counter[str]()
    rng = np.random.default_rng([SEED, *name.encode()])
    for number, data in enumerate(mutated(whole.read_bytes(), count, rng)):
        path = folder / f"{name}_{number}{subject.suffix}"
        path.write_bytes(data)
        end = read_apart(subject, path, wanted)
        counted[end] += 1
        if end not in ("silent_differences", "defects"):
            for left in folder.glob(f"{path.name}*"):
                left.unlink()
    return Tally(
        name, count, **{field: counted[field] for field in (*ENDS.values(), "reader_died")}
    )


def main() -> None:
    """Prints the table and writes its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the files")
    parser.add_argument("--keep", type=Path, help="folder for the files that ended badly")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = options.keep or Path(folder)
        rows = [asdict(fuzz(n, c // (20 if options.quick else 1), place)) for n, c in FILES.items()]
    print("  ".join(rows[0]))
    for row in rows:
        print("  ".join(str(value).ljust(len(key)) for key, value in row.items()))
    name = "fuzz_quick" if options.quick else "fuzz"
    (RESULTS / f"{name}.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
