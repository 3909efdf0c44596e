"""Selecting from large results files: ours, which checks what it reads, against plain h5py.

`python -m benchmarks.store` takes about two minutes and 0.4 GB in a temporary folder, with
`--quick` a tenth of it. Files are made here of random bits. Each side runs in a process of its own,
so that its peak memory is known; imports are not timed, but their memory counts. Plain h5py reads
the datasets whole and checks nothing.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np

from benchmarks.table import Row, publish
from sampling.store import (
    Campaign,
    Condition,
    CountedNetwork,
    Network,
    Outcome,
    write_counts,
    write_results,
)
from sampling.store import Row as ResultRow

CONDITIONS, IMAGES = 130, 10_000
BITS_NETWORKS, COUNTS_NETWORKS, QUICK = 1200, 100_000, 10
CHOSEN = 100  # networks whose bits are read
FACTORS = tuple(f"factor_{k}" for k in range(30))

OURS = {
    "select_bits": """
with robustscope.open_results(path) as results:
    tried, right = results.counts()
    bits = results.correct(["noise_65"], rows=range(0, results.size, results.size // chosen))
    done = results.network_column("status") == "done"
    accuracy = wilson(right[done].astype(float), tried[done].astype(float))
answer = [int(bits.sum()), float(accuracy.value.sum())]
""",
    "select_counts": """
with robustscope.open_results(path) as results:
    tried, right = results.counts()
    ids, depth = results.network_column("id"), results.factor("factor_7")
    chosen = depth > 0.5
    share = right[:, 65] / tried[:, 65]
answer = [len(ids), float(share[chosen].sum())]
""",
}
PLAIN = {
    "select_bits": """
with h5py.File(path) as file:
    tried, right = file["sets/test/n_evaluated"][...], file["sets/test/n_correct"][...]
    packed = file["sets/test/correct"][...]
    bits = np.unpackbits(packed, axis=-1, bitorder="little")[:: len(packed) // chosen, 65]
    accuracy = wilson(right.astype(float), tried.astype(float))
answer = [int(bits.sum()), float(accuracy.value.sum())]
""",
    "select_counts": """
with h5py.File(path) as file:
    tried, right = file["sets/test/n_evaluated"][...], file["sets/test/n_correct"][...]
    ids, depth = file["networks/id"][...], file["networks/factors/factor_7"][...]
    share = right[:, 65] / tried[:, 65]
answer = [len(ids), float(share[depth > 0.5].sum())]
""",
}
"""Case to what is run; both sides give the same answer."""

_FRAME = """
import json, resource, sys, time
import h5py, numpy as np, robustscope
from metrics import wilson
from sampling.store import open_results
path, chosen = sys.argv[1], int(sys.argv[2])
start = time.perf_counter()
{work}
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
print(json.dumps([seconds, peak, answer]))
"""


def make_campaign(images: int) -> Campaign:
    """130 conditions; the first is clean."""
    names = ["clean", *(f"noise_{m}" for m in range(1, CONDITIONS))]
    kinds = ["clean", *["natural"] * (CONDITIONS - 1)]
    return Campaign(
        protocol="{}",
        protocol_hash="",
        dataset="random",
        dataset_sha256="",
        device="cpu",
        conditions=tuple(
            Condition(n, k, 0, "{}", "clean") for n, k in zip(names, kinds, strict=True)
        ),
        image_set="test",
        image_ids=tuple(map(str, range(images))),
        labels=np.zeros(images, np.int64),
        classes=("one",),
        spaces={},
        supernets={},
        factor_units=dict.fromkeys(FACTORS, "1"),
    )


def make_network(index: int) -> Network:
    """A network with random factors."""
    values = np.random.default_rng(index).random(len(FACTORS)).tolist()
    text = json.dumps({"family": "random", "genes": {f"stage{k}.kernel": 3 for k in range(12)}})
    identity = (f"{index:012x}", text, "random", "supernet", "random", "standard", 0)
    return Network(*identity, "genes", "", dict(zip(FACTORS, values, strict=True)))


class RandomRows(Sequence[ResultRow]):
    """Rows of random bits, made when they are asked for."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    @overload
    def __getitem__(self, index: int) -> ResultRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ResultRow]: ...
    def __getitem__(self, index: int | slice) -> ResultRow | Sequence[ResultRow]:
        """One row; they are not asked for in slices."""
        if isinstance(index, slice) or index >= self.n:
            raise IndexError(index)
        rng = np.random.default_rng([index, 1])
        packed = rng.integers(0, 256, (CONDITIONS, IMAGES // 8), np.uint8)
        correct = np.unpackbits(packed, axis=-1).view(np.bool_)
        outcome = Outcome(f"{index:064x}", np.ones_like(correct), correct)
        return ResultRow(make_network(index), outcome, "done", "")


def make_bits(path: Path, n: int) -> None:
    """A results file of n networks with random bits."""
    write_results(path, make_campaign(IMAGES), RandomRows(n), {}, compression=1)


def make_counts(path: Path, n: int) -> None:
    """A results file of n networks with random counts."""
    rng = np.random.default_rng(0)
    tried = np.full((n, CONDITIONS), IMAGES)
    right = rng.integers(0, IMAGES + 1, tried.shape)
    networks = [CountedNetwork(make_network(index)) for index in range(n)]
    write_counts(path, make_campaign(0), networks, (tried, right), {})


def measure(work: str, path: Path) -> tuple[float, float, list[float]]:
    """(seconds, peak MiB, answer) of some work in a process of its own."""
    command = [sys.executable, "-c", _FRAME.format(work=work), str(path), str(CHOSEN)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, peak, answer = json.loads(done.stdout)
    return seconds, peak, answer


def compare(case: str, path: Path, n: int) -> Row:
    """Row of one case: the best of three runs of each side, in turns."""
    runs = [(measure(OURS[case], path), measure(PLAIN[case], path)) for _ in range(3)]
    ours, plain = (min(run[side] for run in runs) for side in (0, 1))
    note = (
        f"wall s, {n:,} networks x {CONDITIONS} conditions, file of {path.stat().st_size >> 20} "
        f"MiB; peak memory {ours[1]:.0f} MiB, peer {plain[1]:.0f} MiB"
    )
    agreement = float(np.allclose(ours[2], plain[2], rtol=1e-12))
    return Row(case, ours[0], "h5py, whole datasets", plain[0], agreement, note)


def main() -> None:
    """Run both cases and publish the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the networks")
    part = QUICK if parser.parse_args().quick else 1
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for case, make, n in (
            ("select_bits", make_bits, BITS_NETWORKS // part),
            ("select_counts", make_counts, COUNTS_NETWORKS // part),
        ):
            path = Path(folder) / f"{case}.h5"
            make(path, n)
            rows.append(compare(case, path, n))
            path.unlink()
    publish("store", rows)


if __name__ == "__main__":
    main()
