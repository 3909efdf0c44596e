"""Outcomes in, results.h5 out: sorted, packed, compressed, hashed, and in place all at once."""

from collections.abc import Callable, Sequence
from pathlib import Path

import h5py

from .atomic import replacing
from .campaign_checks import check_campaign
from .checks import hdf5_seam
from .content_hash import content_hash
from .entries import Entry, Rows, sorted_entries
from .records import Campaign
from .schema import HASH_ATTRIBUTE, set_text
from .set_writer import write_sets
from .sink import Sink
from .table_writer import (
    Provenance,
    check_provenance,
    write_alarms,
    write_campaign,
    write_networks,
    write_provenance,
)

LIBVER = ("v110", "v110")  # metadata with checksums, readable since HDF5 1.10 (2016)
_ADVICE = "Check the folder, its permissions and the space left."


def write_results(
    path: Path,
    campaign: Campaign,
    rows: Rows,
    provenance: Provenance,
    *,
    compression: int = 4,
) -> str:
    """The content hash of the results file (schema 1) that it puts at `path`, atomically.

    Args:
        path: Where the file goes; an older one is replaced only once the new one is on disk.
        campaign: Conditions, images and everything else the rows share.
        rows: (network, outcome, status, failure) in any order, each network once. The outcome is
            there exactly when the status is "done". Every row is asked for twice, to check and to
            write it, and one is held at a time; `Journal.outcomes` reads them from the disk.
        provenance: Volatile facts, not hashed. Arrays are stored as they are given, while networks
            are sorted, so leave out what is ordered by network; seconds per network go in anyway.
        compression: gzip level 0 to 9.

    Raises:
        StoreError: Rows and campaign do not fit each other, or the file cannot be written.
    """
    check_campaign(campaign)
    check_provenance(provenance)
    entries = sorted_entries(campaign, rows)

    def sets(sink: Sink) -> None:
        write_sets(sink, campaign, entries, rows)

    return put_file(path, campaign, entries, provenance, sets, compression)


def put_file(
    path: Path,
    campaign: Campaign,
    entries: Sequence[Entry],
    provenance: Provenance,
    sets: Callable[[Sink], None],
    compression: int = 4,
) -> str:
    """The content hash of the file put at `path`, atomically, from what was checked before.

    Args:
        path: Where the file goes.
        campaign: What the rows share.
        entries: In the order of the file.
        provenance: Volatile facts.
        sets: Writes the groups of the image sets.
        compression: gzip level 0 to 9.

    Raises:
        StoreError: The file cannot be written.
    """
    with (
        hdf5_seam(path, "a writable file in an existing folder", _ADVICE),
        replacing(path) as temporary,
        h5py.File(temporary, "x", libver=LIBVER) as file,
    ):
        sink = Sink(file, compression)
        write_campaign(sink, campaign)
        write_networks(sink, entries, campaign.factor_units)
        sets(sink)
        write_alarms(sink, entries, len(campaign.conditions))
        write_provenance(sink, entries, provenance)
        digest = content_hash(file)
        set_text(file, HASH_ATTRIBUTE, digest)
    return digest
