"""Outcomes in, results.h5 out: sorted, packed, compressed, hashed, and in place all at once."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .atomic import replacing
from .campaign_checks import check_campaign
from .checks import StoreError, check_link, check_text, hdf5_seam
from .content_hash import content_hash
from .entries import Entry, Rows, sorted_entries
from .records import Campaign
from .schema import (
    HASH_ATTRIBUTE,
    JSON_ATTRIBUTE,
    LIST_ATTRIBUTES,
    NETWORK_TEXT,
    PROVENANCE,
    SCHEMA,
    TEXT_ATTRIBUTES,
    UNIT_ATTRIBUTE,
    set_text,
    text_array,
)
from .set_writer import write_sets
from .sink import Sink

SECONDS = "seconds"  # /provenance/seconds: wall time per network
_LIBVER = ("v110", "v110")  # metadata with checksums, readable since HDF5 1.10 (2016)
_ADVICE = "Check the folder, its permissions and the space left."


def write_results(
    path: Path,
    campaign: Campaign,
    rows: Rows,
    provenance: Mapping[str, str | float | NDArray[Any]],
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
    _check_provenance(provenance)
    entries = sorted_entries(campaign, rows)
    with (
        hdf5_seam(path, "a writable file in an existing folder", _ADVICE),
        replacing(path) as temporary,
        h5py.File(temporary, "x", libver=_LIBVER) as file,
    ):
        sink = Sink(file, compression)
        _write_campaign(sink, campaign)
        _write_networks(sink, entries, campaign.factor_units)
        write_sets(sink, campaign, entries, rows)
        _write_alarms(sink, entries, len(campaign.conditions))
        _write_provenance(sink, entries, provenance)
        digest = content_hash(file)
        set_text(file, HASH_ATTRIBUTE, digest)
    return digest


def _check_provenance(provenance: Mapping[str, str | float | NDArray[Any]]) -> None:
    for name, value in provenance.items():
        check_link("write_results.provenance", name)
        if isinstance(value, str):
            check_text(f"write_results.provenance[{name!r}]", value)
        if name == SECONDS or np.asarray(value).dtype.kind not in "biufU":
            raise StoreError(
                f"write_results.provenance must hold text, numbers and arrays of them under names "
                f"other than {SECONDS!r}; got {name} = {value!r}. Rename or convert it."
            )


def _write_campaign(sink: Sink, campaign: Campaign) -> None:
    sink.file.attrs["schema"] = SCHEMA
    for name in TEXT_ATTRIBUTES:
        set_text(sink.file, name, getattr(campaign, name))
    for name in LIST_ATTRIBUTES:
        set_text(sink.file, name, json.dumps(list(getattr(campaign, name)), ensure_ascii=False))
    for group, texts in (("spaces", campaign.spaces), ("supernets", campaign.supernets)):
        sink.file.create_group(group)
        for name, text in texts.items():
            set_text(sink.file.create_group(f"{group}/{name}"), JSON_ATTRIBUTE, text)
    for name in ("name", "family", "parameters", "reference"):
        sink.text(f"conditions/{name}", [getattr(c, name) for c in campaign.conditions])
    severities = np.array([c.severity for c in campaign.conditions], dtype=np.int64)
    sink.array("conditions/severity", severities)


def _write_networks(sink: Sink, rows: list[Entry], units: Mapping[str, str]) -> None:
    for name in (*NETWORK_TEXT, "design", "pair"):
        sink.text(f"networks/{name}", [getattr(row.network, name) for row in rows])
    for name in ("weights", "status", "failure"):
        sink.text(f"networks/{name}", [getattr(row, name) for row in rows])
    sink.array("networks/seed", np.array([row.network.seed for row in rows], dtype=np.int64))
    sink.file.create_group("networks/factors")
    for name, unit in units.items():
        values = np.array([row.network.factors.get(name, np.nan) for row in rows], np.float64)
        set_text(sink.array(f"networks/factors/{name}", values), UNIT_ATTRIBUTE, unit)


def _write_alarms(sink: Sink, rows: list[Entry], n_conditions: int) -> None:
    sink.file.create_group("alarms")
    names = sorted({name for row in rows for name in row.alarms})
    missing = np.full(n_conditions, np.nan)
    for name in names:
        values = np.stack([row.alarms.get(name, missing) for row in rows])
        sink.array(f"alarms/{name}", values)


def _write_provenance(
    sink: Sink, rows: list[Entry], provenance: Mapping[str, str | float | NDArray[Any]]
) -> None:
    group = sink.file.create_group(PROVENANCE)
    group[SECONDS] = np.array([row.seconds for row in rows], dtype=np.float64)
    for name, value in provenance.items():
        array = np.asarray(value)
        if array.dtype.kind == "U":
            array = text_array(array.ravel().tolist()).reshape(array.shape)
        group.create_dataset(name, data=array, track_times=False)
