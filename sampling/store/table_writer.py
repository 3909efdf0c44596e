"""What every results file holds beside its image sets: tables, attributes, provenance."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks import StoreError, check_link, check_text
from .entries import Entry
from .records import Campaign
from .schema import (
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
from .sink import Sink

Provenance = Mapping[str, str | float | NDArray[Any]]

SECONDS = "seconds"  # /provenance/seconds: wall time per network


def check_provenance(provenance: Provenance) -> None:
    """Refuses provenance that HDF5 cannot hold, or that bears the name of what goes in anyway."""
    for name, value in provenance.items():
        check_link("write_results.provenance", name)
        if isinstance(value, str):
            check_text(f"write_results.provenance[{name!r}]", value)
        if name == SECONDS or np.asarray(value).dtype.kind not in "biufU":
            raise StoreError(
                f"write_results.provenance must hold text, numbers and arrays of them under names "
                f"other than {SECONDS!r}; got {name} = {value!r}. Rename or convert it."
            )


def write_campaign(sink: Sink, campaign: Campaign) -> None:
    """Attributes, spaces, supernets and conditions."""
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


def write_networks(sink: Sink, rows: Sequence[Entry], units: Mapping[str, str]) -> None:
    """Columns and factors of the networks, in the order of the file."""
    for name in (*NETWORK_TEXT, "design", "pair"):
        sink.text(f"networks/{name}", [getattr(row.network, name) for row in rows])
    for name in ("weights", "status", "failure"):
        sink.text(f"networks/{name}", [getattr(row, name) for row in rows])
    sink.array("networks/seed", np.array([row.network.seed for row in rows], dtype=np.int64))
    sink.file.create_group("networks/factors")
    for name, unit in units.items():
        values = np.array([row.network.factors.get(name, np.nan) for row in rows], np.float64)
        set_text(sink.array(f"networks/factors/{name}", values), UNIT_ATTRIBUTE, unit)


def write_alarms(sink: Sink, rows: Sequence[Entry], n_conditions: int) -> None:
    """One table per alarm that some network has."""
    sink.file.create_group("alarms")
    names = sorted({name for row in rows for name in row.alarms})
    missing = np.full(n_conditions, np.nan)
    for name in names:
        values = np.stack([row.alarms.get(name, missing) for row in rows])
        sink.array(f"alarms/{name}", values)


def write_provenance(sink: Sink, rows: Sequence[Entry], provenance: Provenance) -> None:
    """Volatile facts, and the seconds of every network."""
    group = sink.file.create_group(PROVENANCE)
    group[SECONDS] = np.array([row.seconds for row in rows], dtype=np.float64)
    for name, value in provenance.items():
        array = np.asarray(value)
        if array.dtype.kind == "U":
            array = text_array(array.ravel().tolist()).reshape(array.shape)
        group.create_dataset(name, data=array, track_times=False)
