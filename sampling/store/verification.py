"""Whether a results file is what was written: its content hash and its counts, done again."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .checks import StoreError
from .packing import padding_mask, popcount
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
    """

    path: Path
    ok: bool
    stored_hash: str
    recomputed_hash: str
    counts_checked: int
    problems: tuple[str, ...]


def verify(path: Path) -> Verification:
    """The file at `path` read in full: content hash recomputed, counts compared with the bits.

    Raises:
        StoreError: There is no such file. Every other finding is a problem in the answer.
    """
    path, stored, recomputed, checked = Path(path), "", "", 0
    if not path.is_file():
        raise StoreError(f"verify.path must be an existing file; got {path}. Correct the path.")
    problems: list[str] = []
    try:
        with open_results(path) as results:
            stored = str(results.attributes["content_hash"])
            recomputed = results.recompute_hash()
            if stored != recomputed:
                problems.append(f"content hash: stored {stored}, recomputed {recomputed}")
            found, checked = _check_bits(results)
            problems += found
    except StoreError as error:
        problems.append(str(error))
    return Verification(path, not problems, stored, recomputed, checked, tuple(problems))


def _check_bits(results: Results) -> tuple[list[str], int]:
    """Problems of the bits, network by network, and how many counts were compared."""
    tried_counts, right_counts = results.counts()
    n, m = tried_counts.shape
    keys = results.networks["id"]
    done = np.asarray(results.networks["status"] == DONE)
    width = max(1, m * (len(results.labels) + 7) // 8)
    step, problems, checked = max(1, _BLOCK_BYTES // width), [], 0
    for start in range(0, n, step):
        rows = np.arange(start, min(n, start + step))
        tried, right = (results.packed(name, rows) for name in ("evaluated", "correct"))
        findings = {
            "n_evaluated differs from its bits": popcount(tried) != tried_counts[rows],
            "n_correct differs from its bits": popcount(right) != right_counts[rows],
            "right on images that were not evaluated": np.any(right & ~tried, axis=-1),
            "bits beyond the last image": _stray(tried | right, len(results.labels)),
            "outcomes of a network that is not done": tried.any(-1) & ~done[rows, None],
        }
        for what, wrong in findings.items():
            problems += [
                f"{what}: network {keys[row]} (row {row}), {count} of {m} conditions"
                for row, count in zip(rows, wrong.sum(axis=1), strict=True)
                if count
            ]
        checked += 2 * tried[..., 0].size
    return problems, checked


def _stray(packed: NDArray[np.uint8], n_images: int) -> NDArray[np.bool_]:
    """(n, M) bool: whether a bit is set that belongs to no image."""
    stray: NDArray[np.bool_] = (packed[..., -1] & np.uint8(padding_mask(n_images))) != 0
    return stray
