"""Whether a results file is what was written: its content hash and its counts, done again."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .checks import StoreError
from .contradictions import Findings, against, in_sequences, within
from .layers import PREDICTION
from .packing import padding_mask, popcount, unpack
from .records import DONE
from .results import Results, open_results

_BLOCK_BYTES = 16 << 20


@dataclass(frozen=True)
class Verification:
    """What `verify` found.

    Attributes:
        path: The file.
        ok: Whether there is no problem.
        stored_hash: The content hash the file carries, "" when the file cannot be opened.
        recomputed_hash: The one of what is in it, "" when that cannot be read.
        counts_checked: Pairs of network and condition whose counts were compared with the bits.
        problems: Plain sentences, one per finding.
        counted: Sets that hold counts without bits, which nothing can be compared with.
    """

    path: Path
    ok: bool
    stored_hash: str
    recomputed_hash: str
    counts_checked: int
    problems: tuple[str, ...]
    counted: tuple[str, ...] = ()


def verify(path: Path) -> Verification:
    """The file at `path` read in full: content hash recomputed, arrays compared with each other.

    Raises:
        StoreError: There is no such file. Every other finding is a problem in the answer.
    """
    path, stored, recomputed, checked = Path(path), "", "", 0
    counted: list[str] = []
    if not path.is_file():
        raise StoreError(f"verify.path must be an existing file; got {path}. Correct the path.")
    problems: list[str] = []
    try:
        with open_results(path) as results:
            stored = str(results.attributes["content_hash"])
            recomputed = results.recompute_hash()
            if stored != recomputed:
                problems.append(f"content hash: stored {stored}, recomputed {recomputed}")
            for name in results.sets:
                if results.counted(name):
                    counted.append(name)
                    problems += _check_counted(results, name)
                    continue
                found, compared = _check_set(results, name)
                problems += found
                checked += compared
            for name in results.sequence_sets:
                problems += _check_sequences(results, name)
    except StoreError as error:
        problems.append(str(error))
    ok, said = not problems, tuple(problems)
    return Verification(path, ok, stored, recomputed, checked, said, tuple(counted))


def _check_set(results: Results, name: str) -> tuple[list[str], int]:
    """Problems of an image set, some networks at a time, and how many counts were compared."""
    reader, record, classes = results.image_set(name), results.sets[name], len(results.classes)
    tried_counts, right_counts = reader.counts()
    n, m = tried_counts.shape
    images, layers = len(record.labels), reader.layers
    problems, checked = [], 0
    for rows in _blocks(n, m * images if layers else m * (images + 7) // 8):
        tried, right = (reader.blocks(bits, rows) for bits in ("evaluated", "correct"))
        findings = {
            "n_evaluated differs from its bits": popcount(tried) != tried_counts[rows],
            "n_correct differs from its bits": popcount(right) != right_counts[rows],
            "right on images that were not evaluated": np.any(right & ~tried, axis=-1),
            "bits beyond the last image": _stray(tried | right, images),
            "outcomes of a network that is not done": tried.any(-1) & _undone(results, rows),
        }
        if layers:
            values = {layer: reader.layer(layer, rows) for layer in layers}
            unpacked = unpack(tried, images), unpack(right, images)
            findings |= within(*unpacked, values)
            findings |= against(record, classes, unpacked[1], values)
        problems += _sentences(results, name, rows, findings)
        checked += 2 * tried[..., 0].size
    return problems, checked


def _check_counted(results: Results, name: str) -> list[str]:
    """Problems of a set of counts: that they fit each other is checked when it is opened."""
    rows = np.arange(results.size)
    tried = results.image_set(name).counts()[0]
    findings = {"outcomes of a network that is not done": (tried > 0) & _undone(results, rows)}
    return _sentences(results, name, rows, findings)


def _check_sequences(results: Results, name: str) -> list[str]:
    """Problems of a set of perturbation sequences, some networks at a time."""
    reader, record = results.sequence_set(name), results.sequence_sets[name]
    size = len(record.sequences) * max(record.frames) * len(record.labels)
    problems = []
    for rows in _blocks(len(results.networks), size):
        values = {layer: reader.layer(layer, rows) for layer in reader.layers}
        made = PREDICTION.made(values["prediction"]).any((-2, -1))
        findings = in_sequences(record, len(results.classes), values)
        findings["outcomes of a network that is not done"] = made & _undone(results, rows)
        problems += _sentences(results, name, rows, findings)
    return problems


def _blocks(n: int, row_bytes: int) -> Iterator[NDArray[np.int64]]:
    """Row numbers, so many at a time that they fit the memory."""
    step = max(1, _BLOCK_BYTES // max(1, row_bytes))
    for start in range(0, n, step):
        yield np.arange(start, min(n, start + step))


def _undone(results: Results, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n, 1) whether there should be no outcome."""
    undone: NDArray[np.bool_] = np.asarray(results.networks["status"] != DONE)[rows, None]
    return undone


def _sentences(
    results: Results, name: str, rows: NDArray[np.int64], findings: Findings
) -> list[str]:
    keys = results.networks["id"]
    where = "" if name == results.attributes["image_set"] else f"{name}: "
    return [
        f"{where}{what}: network {keys[row]} (row {row}), {count} of {wrong.shape[1]} "
        f"{'sequences' if name in results.sequence_sets else 'conditions'}"
        for what, wrong in findings.items()
        for row, count in zip(rows, wrong.sum(axis=1), strict=True)
        if count
    ]


def _stray(packed: NDArray[np.uint8], n_images: int) -> NDArray[np.bool_]:
    """(n, M) bool: whether a bit is set that belongs to no image."""
    stray: NDArray[np.bool_] = (packed[..., -1] & np.uint8(padding_mask(n_images))) != 0
    return stray
