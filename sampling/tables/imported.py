"""What every importer hands over, and how accuracies are put together into it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metrics import Floats
from sampling.store import Campaign, Condition, CountedNetwork, Network
from sampling.tables.known import Column, with_clean
from sampling.tables.shares import rounding_note, to_counts
from sampling.tables.streams import TableError

Counts = tuple[NDArray[np.int64], NDArray[np.int64]]

UNKNOWN = "unknown"
"""Device of imported results."""


@dataclass(frozen=True)
class Request:
    """What the user says about a table; what is None or empty goes by the format.

    Attributes:
        factors: Factor columns.
        outcomes: Outcome columns, each NAME[:FAMILY][@IMAGES].
        images: Images that accuracies are shares of.
        unit: "percent" or "share".
        name: Column that names the networks.
        dataset: Name of the data set.
        architectures: File that says what the networks are.
        allow_missing: Whether empty cells stand for what was not evaluated or does not apply.
        uncounted: Whether it is not known of how many images accuracies are shares.
    """

    factors: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    images: int | None = None
    unit: str | None = None
    name: str = ""
    dataset: str = ""
    architectures: Path | None = None
    allow_missing: bool = False
    uncounted: bool = False


@dataclass(frozen=True)
class Imported:
    """A table as a results file holds it.

    Attributes:
        campaign: Conditions, units and notes.
        networks: N networks.
        counts: (n_evaluated, n_correct), each (N, M).
    """

    campaign: Campaign
    networks: Sequence[CountedNetwork]
    counts: Counts


@dataclass(frozen=True)
class Source:
    """Where a table comes from.

    Attributes:
        kind: Name of the format.
        dataset: Name of the data set.
        notes: What a reader must know of it.
    """

    kind: str
    dataset: str
    notes: tuple[str, ...] = ()


def assemble(
    source: Source,
    networks: Sequence[Network],
    units: Mapping[str, str],
    columns: Sequence[Column],
    accuracies: Mapping[str, Floats],
) -> Imported:
    """Networks, conditions and counts of accuracies that were checked before.

    Args:
        source: Where they come from.
        networks: N networks.
        units: Factor name to unit.
        columns: What every column of accuracies is.
        accuracies: Column to (N,) accuracies, NaN where nothing was evaluated.
    """
    _check_unique(networks)
    conditions, note = with_clean(columns)
    tried = np.zeros((len(networks), len(conditions)), np.int64)
    right = np.zeros_like(tried)
    for column in columns:
        m = conditions.index(column.condition)
        values = accuracies[column.source]
        tried[:, m] = np.where(np.isnan(values), 0, column.images)
        right[:, m] = to_counts(values, column.unit, column.images)
    notes = (*source.notes, *_rounding(columns, accuracies), *([note] if note else []))
    campaign = make_campaign(source, conditions, units, notes)
    return Imported(campaign, [CountedNetwork(network) for network in networks], (tried, right))


def make_campaign(
    source: Source,
    conditions: tuple[Condition, ...],
    units: Mapping[str, str],
    notes: tuple[str, ...],
) -> Campaign:
    """What the networks of a table share; its images and classes are not known."""
    asked = [[c.name, c.family, c.severity, c.parameters] for c in conditions]
    protocol = {"name": "imported", "kind": source.kind, "dataset": source.dataset}
    text = json.dumps(protocol | {"conditions": asked}, sort_keys=True)
    return Campaign(
        protocol=text,
        protocol_hash=hashlib.sha256(text.encode()).hexdigest(),
        dataset=source.dataset,
        dataset_sha256="",
        device=UNKNOWN,
        conditions=conditions,
        image_set="test",
        image_ids=(),
        labels=np.zeros(0, np.int64),
        classes=(),
        spaces={},
        supernets={},
        factor_units=units,
        notes=notes,
    )


def make_network(
    name: str,
    family: str,
    factors: Mapping[str, float],
    architecture: Mapping[str, object] | None = None,
    seed: int = 0,
) -> Network:
    """A network that was trained by itself; its id is the name that the table gives it."""
    text = json.dumps({"name": name, **(architecture or {})}, sort_keys=True)
    return Network(name, text, family, "standalone", "", "", seed, "imported", "", factors)


def _check_unique(networks: Sequence[Network]) -> None:
    first: dict[str, int] = {}
    for row, network in enumerate(networks, start=1):
        if network.key in first:
            raise TableError(
                f"import.table must name every network once; got {network.id!r} in rows "
                f"{first[network.key]} and {row}. Rename one, or choose another --name."
            )
        first[network.key] = row


def _rounding(columns: Sequence[Column], accuracies: Mapping[str, Floats]) -> list[str]:
    """One note for all columns that share unit and images."""
    groups: dict[tuple[str, int], list[Column]] = {}
    for column in columns:
        if column.counted:
            groups.setdefault((column.unit, column.images), []).append(column)
    notes = []
    unknown = [column.condition.name for column in columns if not column.counted]
    if unknown:
        said = ", ".join(unknown) if len(unknown) <= 4 else f"{len(unknown)} conditions"
        notes.append(
            f"It is not known of how many images accuracies of {said} are shares: they are stored "
            "as millionths, and have no intervals."
        )
    for (unit, images), members in groups.items():
        values = np.concatenate([accuracies[column.source] for column in members])
        names = [column.condition.name for column in members]
        said = ", ".join(names) if len(names) <= 4 else f"{len(names)} conditions"
        notes.append(rounding_note(values, unit, images, said))
    return notes
