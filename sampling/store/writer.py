"""Outcomes in, results.h5 out: sorted, packed, compressed, hashed, and in place all at once."""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .atomic import replacing
from .checks import (
    StoreError,
    check_campaign,
    check_link,
    check_network,
    check_outcome,
    check_text,
    hdf5_seam,
)
from .content_hash import content_hash
from .packing import n_bytes, pack, popcount
from .records import DONE, FAILED, PENDING, Campaign, Network, Outcome
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

SECONDS = "seconds"  # /provenance/seconds: wall time per network
FAILURE_LIMIT = 2000  # characters of a failure that the file keeps; the journal keeps all
_LIBVER = ("v110", "v110")  # metadata with checksums, readable since HDF5 1.10 (2016)
_ROWS_PER_CHUNK = 1024
_ADVICE = "Check the folder, its permissions and the space left."


@dataclass(frozen=True)
class _PackedRow:
    """One network ready to be written; bits are (M, ceil(I / 8)) uint8, None when not evaluated."""

    network: Network
    weights: str
    status: str
    failure: str
    evaluated: NDArray[np.uint8] | None = None
    correct: NDArray[np.uint8] | None = None
    alarms: Mapping[str, NDArray[np.float64]] | None = None
    seconds: float = np.nan

    @property
    def sort_key(self) -> tuple[str, str, str, str, int, str]:
        n = self.network
        return (n.id, n.origin, n.supernet, n.technique, n.seed, self.weights)


def write_results(
    path: Path,
    campaign: Campaign,
    rows: Iterable[tuple[Network, Outcome | None, str, str]],
    provenance: Mapping[str, str | float | NDArray[Any]],
    *,
    compression: int = 4,
) -> str:
    """The content hash of the results file (schema 1) that it puts at `path`, atomically.

    Args:
        path: Where the file goes; an older one is replaced only once the new one is on disk.
        campaign: Conditions, images and everything else the rows share.
        rows: (network, outcome, status, failure) in any order, each network once. The outcome is
            there exactly when the status is "done". One row at a time is held unpacked.
        provenance: Volatile facts, not hashed. Arrays are stored as they are given, while networks
            are sorted, so leave out what is ordered by network; seconds per network go in anyway.
        compression: gzip level 0 to 9.

    Raises:
        StoreError: Rows and campaign do not fit each other, or the file cannot be written.
    """
    check_campaign(campaign)
    _check_provenance(provenance)
    packed = _sorted_rows(campaign, rows)
    with (
        hdf5_seam(path, "a writable file in an existing folder", _ADVICE),
        replacing(path) as temporary,
        h5py.File(temporary, "x", libver=_LIBVER) as file,
    ):
        sink = _Sink(file, compression)
        _write_campaign(sink, campaign)
        _write_networks(sink, packed, campaign.factor_units)
        _write_bits(sink, packed, campaign)
        _write_alarms(sink, packed, len(campaign.conditions))
        _write_provenance(sink, packed, provenance)
        digest = content_hash(file)
        set_text(file, HASH_ATTRIBUTE, digest)
    return digest


@dataclass(frozen=True)
class _Sink:
    """An open file and how its datasets are made: chunked, compressed, with checksums."""

    file: h5py.File
    compression: int

    def create(self, path: str, shape: tuple[int, ...], dtype: Any, chunk_rows: int) -> Any:
        return self.file.create_dataset(
            path,
            shape=shape,
            dtype=dtype,
            chunks=(min(chunk_rows, shape[0]), *shape[1:]),
            compression=self.compression,
            shuffle=True,
            fletcher32=True,
            track_times=False,
        )

    def array(self, path: str, values: NDArray[Any]) -> Any:
        dataset = self.create(path, values.shape, values.dtype, _ROWS_PER_CHUNK)
        dataset[...] = values
        return dataset

    def text(self, path: str, values: Sequence[str]) -> None:
        self.array(path, text_array(values))


def _sorted_rows(
    campaign: Campaign, rows: Iterable[tuple[Network, Outcome | None, str, str]]
) -> list[_PackedRow]:
    packed = sorted((_pack_row(campaign, *row) for row in rows), key=lambda row: row.sort_key)
    if not packed:
        raise StoreError("write_results.rows must not be empty; got none. Evaluate a network.")
    for first, second in itertools.pairwise(packed):
        if first.sort_key == second.sort_key:
            raise StoreError(
                f"write_results.rows must hold every network once; got {first.network.key} "
                "twice. Drop one."
            )
    return packed


def _pack_row(
    campaign: Campaign, network: Network, outcome: Outcome | None, status: str, failure: str
) -> _PackedRow:
    check_network(network)
    check_text("write_results.failure", failure)
    unknown = set(network.factors) - set(campaign.factor_units)
    if unknown:
        raise StoreError(
            f"Campaign.factor_units must name the unit of every factor; got none for "
            f"{sorted(unknown)}. Add it, '1' where there is none."
        )
    if status not in (DONE, FAILED, PENDING) or (outcome is None) == (status == DONE):
        raise StoreError(
            f"write_results.rows must hold an outcome exactly when the status is 'done'; got "
            f"{status!r} {'without' if outcome is None else 'with'} one for {network.key}. "
            "Correct the status."
        )
    if outcome is None:
        return _PackedRow(network, "", status, failure[:FAILURE_LIMIT])
    check_outcome(network.key, outcome)
    shape = (len(campaign.conditions), len(campaign.image_ids))
    if outcome.evaluated.shape != shape:
        raise StoreError(
            f"Outcome.evaluated must be (M, I) = {shape} as the campaign says; got "
            f"{outcome.evaluated.shape} for {network.key}. Evaluate it under this campaign."
        )
    bits = (pack(outcome.evaluated), pack(outcome.correct))
    alarms = {name: np.asarray(v, dtype=np.float64) for name, v in outcome.alarms.items()}
    return _PackedRow(network, outcome.weights, status, "", *bits, alarms, outcome.seconds)


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


def _write_campaign(sink: _Sink, campaign: Campaign) -> None:
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
    folder = f"sets/{campaign.image_set}"
    sink.array(f"{folder}/label", campaign.labels.astype(np.int64))
    sink.text(f"{folder}/id", campaign.image_ids)


def _write_networks(sink: _Sink, rows: list[_PackedRow], units: Mapping[str, str]) -> None:
    for name in (*NETWORK_TEXT, "design", "pair"):
        sink.text(f"networks/{name}", [getattr(row.network, name) for row in rows])
    for name in ("weights", "status", "failure"):
        sink.text(f"networks/{name}", [getattr(row, name) for row in rows])
    sink.array("networks/seed", np.array([row.network.seed for row in rows], dtype=np.int64))
    sink.file.create_group("networks/factors")
    for name, unit in units.items():
        values = np.array([row.network.factors.get(name, np.nan) for row in rows], np.float64)
        set_text(sink.array(f"networks/factors/{name}", values), UNIT_ATTRIBUTE, unit)


def _write_bits(sink: _Sink, rows: list[_PackedRow], campaign: Campaign) -> None:
    n, m, width = len(rows), len(campaign.conditions), n_bytes(len(campaign.image_ids))
    for name in ("evaluated", "correct"):
        folder = f"sets/{campaign.image_set}"
        dataset = sink.create(f"{folder}/{name}", (n, m, width), np.uint8, 1)
        counts = np.zeros((n, m), dtype=np.uint32)
        for index, row in enumerate(rows):
            bits = getattr(row, name)
            if bits is not None:  # a chunk never written reads as zeros
                dataset[index] = bits
                counts[index] = popcount(bits)
        sink.array(f"{folder}/n_{name}", counts)


def _write_alarms(sink: _Sink, rows: list[_PackedRow], n_conditions: int) -> None:
    sink.file.create_group("alarms")
    names = sorted({name for row in rows for name in row.alarms or ()})
    missing = np.full(n_conditions, np.nan)
    for name in names:
        values = np.stack([(row.alarms or {}).get(name, missing) for row in rows])
        sink.array(f"alarms/{name}", values)


def _write_provenance(
    sink: _Sink, rows: list[_PackedRow], provenance: Mapping[str, str | float | NDArray[Any]]
) -> None:
    group = sink.file.create_group(PROVENANCE)
    group[SECONDS] = np.array([row.seconds for row in rows], dtype=np.float64)
    for name, value in provenance.items():
        array = np.asarray(value)
        if array.dtype.kind == "U":
            array = text_array(array.ravel().tolist()).reshape(array.shape)
        group.create_dataset(name, data=array, track_times=False)
