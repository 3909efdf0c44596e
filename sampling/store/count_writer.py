"""Counts in, results.h5 out: tables made by others say how many images were right, not which."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .campaign_checks import check_campaign
from .checks import StoreError, check_network, check_text
from .entries import FAILURE_LIMIT, Entry, check_units, sort_entries
from .records import DONE, FAILED, PENDING, Campaign, Network
from .schema import COUNTS
from .sink import Sink
from .table_writer import Provenance, check_provenance
from .writer import put_file

_LARGEST = 2**32 - 1  # counts are stored in 32 bits


@dataclass(frozen=True)
class CountedNetwork:
    """One network of which only counts are known.

    Attributes:
        network: What it is.
        weights: Hash of its weights, "" when it is not known.
        status: "done", "failed" or "pending".
        failure: Why it failed, "" unless it did.
    """

    network: Network
    weights: str = ""
    status: str = DONE
    failure: str = ""


def write_counts(
    path: Path,
    campaign: Campaign,
    networks: Sequence[CountedNetwork],
    counts: tuple[NDArray[np.int64], NDArray[np.int64]],
    provenance: Provenance,
) -> str:
    """The content hash of the results file (schema 1, counts only) that it puts at `path`.

    Args:
        path: Where the file goes, atomically.
        campaign: What the networks share; it names no images.
        networks: N of them in any order, each once.
        counts: (n_evaluated, n_correct), each (N, M) images; all 0 for a network that is not done.
        provenance: Volatile facts, not hashed.

    Raises:
        StoreError: These do not fit each other, or the file cannot be written.
    """
    check_campaign(campaign, counted=True)
    check_provenance(provenance)
    tried, right = (np.asarray(values) for values in counts)
    _check_counts(tried, right, (len(networks), len(campaign.conditions)))
    entries = sort_entries(_entry(campaign, k, one) for k, one in enumerate(networks))
    order = np.array([entry.number for entry in entries])
    undone = np.array([entry.status != DONE for entry in entries])
    if np.any(tried[order][undone]):
        raise StoreError(
            "write_counts.counts must be 0 for networks that are not done; got others for "
            f"{entries[int(np.argmax(undone & tried[order].any(-1)))].network.key}. Correct them."
        )

    def sets(sink: Sink) -> None:
        for name, values in zip(COUNTS, (tried, right), strict=True):
            sink.array(f"sets/{campaign.image_set}/{name}", values[order].astype(np.uint32))

    return put_file(path, campaign, entries, provenance, sets)


def _check_counts(tried: NDArray[np.int64], right: NDArray[np.int64], shape: object) -> None:
    for name, values in zip(COUNTS, (tried, right), strict=True):
        if values.shape != shape or values.dtype.kind not in "iu":
            raise StoreError(
                f"write_counts.{name} must be integers {shape}, one row per network and one column "
                f"per condition; got {values.dtype} {values.shape}. Convert it."
            )
    if np.any((right < 0) | (right > tried) | (tried > _LARGEST)):
        raise StoreError(
            f"write_counts.counts must satisfy 0 <= n_correct <= n_evaluated <= {_LARGEST}; got "
            "others. Correct them."
        )


def _entry(campaign: Campaign, number: int, one: CountedNetwork) -> Entry:
    check_network(one.network)
    check_text("CountedNetwork.weights", one.weights)
    check_text("CountedNetwork.failure", one.failure)
    check_units(campaign, one.network)
    if one.status not in (DONE, FAILED, PENDING):
        raise StoreError(
            f"CountedNetwork.status must be {DONE}, {FAILED} or {PENDING}; got {one.status!r} for "
            f"{one.network.key}. Correct it."
        )
    return Entry(one.network, one.status, one.failure[:FAILURE_LIMIT], number, one.weights)
