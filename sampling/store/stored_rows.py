"""A results file as what it was written from: the campaign, and a row for every network."""

from collections.abc import Mapping, Sequence

import numpy as np

from .layers import LAYERS, SEQUENCE_LAYERS
from .records import (
    DONE,
    Campaign,
    Condition,
    Network,
    Outcome,
    Row,
    SequenceOutcome,
    SetOutcome,
)
from .results import Results


def stored_campaign(results: Results) -> Campaign:
    """What all networks of an open results file share."""
    shared = dict(results.attributes)
    main = shared["image_set"]
    own = results.sets[main]
    conditions = results.conditions.to_dict("records")
    return Campaign(
        **{name: shared[name] for name in ("protocol", "protocol_hash", "dataset", "device")},
        dataset_sha256=shared["dataset_sha256"],
        conditions=tuple(Condition(**{str(k): v for k, v in row.items()}) for row in conditions),
        image_set=main,
        image_ids=own.image_ids,
        labels=own.labels,
        classes=shared["classes"],
        spaces=results.spaces,
        supernets=results.supernets,
        factor_units=results.factor_units,
        notes=shared["notes"],
        sets=tuple(record for name, record in results.sets.items() if name != main),
        sequence_sets=tuple(results.sequence_sets.values()),
    )


class StoredRows(Sequence[Row]):
    """Rows of an open results file by their number, read when asked for and not kept."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._networks = results.networks.to_dict("list")
        self._factors = {name: values.to_numpy() for name, values in results.factors.items()}
        self._seconds = np.asarray(results.provenance.get("seconds", ()), dtype=np.float64)

    def __len__(self) -> int:
        return len(self._networks["id"])

    def __getitem__(self, index: int) -> Row:  # type: ignore[override]
        if not 0 <= index < len(self):
            raise IndexError(index)
        status, failure = (str(self._networks[name][index]) for name in ("status", "failure"))
        outcome = self._outcome(index) if status == DONE else None
        return Row(self.network(index), outcome, status, failure)

    def network(self, index: int) -> Network:
        """The network of a row, without its outcome."""
        texts = ("id", "architecture", "family", "origin", "supernet", "technique")
        return Network(
            **{name: self._networks[name][index] for name in (*texts, "design", "pair")},
            seed=int(self._networks["seed"][index]),
            factors={str(name): float(values[index]) for name, values in self._factors.items()},
        )

    def _outcome(self, index: int) -> Outcome:
        results, main = self._results, self._results.attributes["image_set"]
        known = len(self._seconds) == len(self)
        own = self._set(main, index)
        return Outcome(
            weights=self._networks["weights"][index],
            evaluated=own.evaluated,
            correct=own.correct,
            alarms={name: values[index] for name, values in results.alarms.items()},
            seconds=float(self._seconds[index]) if known else np.nan,
            prediction=own.prediction,
            confidence=own.confidence,
            distance=own.distance,
            others=self._others(main, index),
            sequences=self._sequences(index),
        )

    def _set(self, name: str, index: int) -> SetOutcome:
        reader = self._results.image_set(name)
        bits = {bit: reader.bits(bit, [index], None)[0] for bit in ("evaluated", "correct")}
        layers = {layer: reader.layer(layer, [index])[0] for layer in reader.layers}
        return SetOutcome(**bits, **layers)

    def _others(self, main: str, index: int) -> Mapping[str, SetOutcome]:
        """Sets on which the network was not tried are left out."""
        found = {name: self._set(name, index) for name in self._results.sets if name != main}
        return {name: outcome for name, outcome in found.items() if outcome.evaluated.any()}

    def _sequences(self, index: int) -> Mapping[str, SequenceOutcome]:
        found = {}
        for name in self._results.sequence_sets:
            reader = self._results.sequence_set(name)
            layers = {layer: reader.layer(layer, [index])[0] for layer in reader.layers}
            if SEQUENCE_LAYERS["prediction"].made(layers["prediction"]).any():
                found[name] = SequenceOutcome(**layers)
        return found


def same_outcome(one: Outcome, other: Outcome) -> bool:
    """Whether two outcomes say the same; seconds may differ, and NaN equals NaN."""
    if one.weights != other.weights or set(one.others) != set(other.others):
        return False
    pairs = [(one.main, other.main), *((one.others[n], other.others[n]) for n in one.others)]
    fields = ("evaluated", "correct", *LAYERS)
    same = all(_equal(getattr(a, f), getattr(b, f)) for a, b in pairs for f in fields)
    return same and _same_alarms(one, other) and _same_sequences(one, other)


def _same_alarms(one: Outcome, other: Outcome) -> bool:
    nothing = np.full(len(one.evaluated), np.nan)
    names = set(one.alarms) | set(other.alarms)
    return all(_equal(one.alarms.get(n, nothing), other.alarms.get(n, nothing)) for n in names)


def _same_sequences(one: Outcome, other: Outcome) -> bool:
    if set(one.sequences) != set(other.sequences):
        return False
    return all(
        _equal(getattr(one.sequences[n], layer), getattr(other.sequences[n], layer))
        for n in one.sequences
        for layer in SEQUENCE_LAYERS
    )


def _equal(one: object, other: object) -> bool:
    if one is None or other is None:
        return one is other
    a, b = np.asarray(one), np.asarray(other)
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
