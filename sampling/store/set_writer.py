"""The groups of image sets and sequence sets: one network in memory at a time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .entries import Entry, Rows
from .layers import LAYERS, SEQUENCE_LAYERS, Layer
from .outcome_checks import layers_of
from .packing import n_bytes, pack, popcount
from .records import DONE, Campaign, Outcome, SequenceRecord, SetOutcome, SetRecord
from .sink import Sink

_CHUNK_BYTES = 1 << 19  # of optional arrays: one condition can be read without all the others
_BITS = ("evaluated", "correct")


def write_sets(sink: Sink, campaign: Campaign, entries: Sequence[Entry], rows: Rows) -> None:
    """Records and outcomes of every set.

    Args:
        sink: Where they go.
        campaign: Names the sets.
        entries: In the order of the file.
        rows: The rows that the entries were made of.
    """
    present = {pair for entry in entries for pair in entry.layers}
    n, m = len(entries), len(campaign.conditions)
    images = (campaign.main, *campaign.sets)
    targets = {r.name: _create_set(sink, r, (n, m), present) for r in images}
    counts = {(r.name, bits): np.zeros((n, m), np.uint32) for r in images for bits in _BITS}
    targets |= {r.name: _create_sequences(sink, r, n, present) for r in campaign.sequence_sets}
    for index, entry in enumerate(entries):
        outcome = rows[entry.number][1] if entry.status == DONE else None
        if outcome is None:
            continue
        for name, values in _arrays(campaign.image_set, outcome).items():
            for array, value in values.items():
                targets[name][array][index] = value
                if array in _BITS:
                    counts[name, array][index] = popcount(value)
    for (name, bits), count in counts.items():
        sink.array(f"sets/{name}/n_{bits}", count)


def _arrays(image_set: str, outcome: Outcome) -> dict[str, dict[str, NDArray[Any]]]:
    """Set to array name to what is stored of one network."""
    found = {image_set: _stored(outcome.main)}
    found |= {name: _stored(other) for name, other in outcome.others.items()}
    found |= {name: layers_of(said, SEQUENCE_LAYERS) for name, said in outcome.sequences.items()}
    return found


def _stored(found: SetOutcome) -> dict[str, NDArray[Any]]:
    bits = {name: pack(getattr(found, name)) for name in _BITS}
    return bits | layers_of(found, LAYERS)


def _create_set(
    sink: Sink, record: SetRecord, rows: tuple[int, int], present: set[tuple[str, str]]
) -> dict[str, Any]:
    """Array name to dataset of one image set, whose record is written."""
    folder, i = f"sets/{record.name}", len(record.image_ids)
    _write_images(sink, record)
    if record.covered:
        sink.array(f"{folder}/covered", np.array(record.covered, np.int64))
    made = {}
    for name in _BITS:
        shape = (*rows, n_bytes(i))
        made[name] = sink.create(f"{folder}/{name}", shape, np.uint8, (1, *shape[1:]))
    shapes = dict.fromkeys(LAYERS, (*rows, i))
    return made | _create_layers(sink, record.name, LAYERS, shapes, present)


def _create_sequences(
    sink: Sink, record: SequenceRecord, n: int, present: set[tuple[str, str]]
) -> dict[str, Any]:
    """Array name to dataset of one sequence set, whose record is written."""
    folder, q, i = f"sets/{record.name}", len(record.sequences), len(record.image_ids)
    _write_images(sink, record)
    sink.text(f"{folder}/sequence", record.sequences)
    sink.text(f"{folder}/reference", record.references)
    sink.array(f"{folder}/frames", np.array(record.frames, np.int64))
    shapes = {"prediction": (n, q, max(record.frames), i), "rank_distance": (n, q, i)}
    # predictions are there even when no network has any: a reader finds the set complete
    present = present | {(record.name, "prediction")}
    return _create_layers(sink, record.name, SEQUENCE_LAYERS, shapes, present)


def _create_layers(
    sink: Sink,
    name: str,
    table: Mapping[str, Layer],
    shapes: Mapping[str, tuple[int, ...]],
    present: set[tuple[str, str]],
) -> dict[str, Any]:
    made = {}
    for layer, (kind, missing, _) in table.items():
        if (name, layer) in present:
            _, rows, *rest = shapes[layer]
            fit = _CHUNK_BYTES // (np.dtype(kind).itemsize * int(np.prod(rest)))
            chunk = (1, min(rows, max(1, fit)), *rest)
            path = f"sets/{name}/{layer}"
            made[layer] = sink.create(path, shapes[layer], kind, chunk, missing)
    return made


def _write_images(sink: Sink, record: SetRecord | SequenceRecord) -> None:
    sink.array(f"sets/{record.name}/label", record.labels.astype(np.int64))
    sink.text(f"sets/{record.name}/id", record.image_ids)
