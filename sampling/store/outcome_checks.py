"""What an outcome must be to be kept: arrays of one shape that do not contradict each other."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks import StoreError, check_link, check_text, check_unique
from .contradictions import Findings, against, in_sequences, within
from .layers import LAYERS, SEQUENCE_LAYERS, Layer
from .records import Campaign, Outcome, SequenceOutcome, SetOutcome


def check_outcome(key: str, outcome: Outcome) -> None:
    """Refuses an outcome whose arrays contradict each other; `key` names its network."""
    check_text("Outcome.weights", outcome.weights)
    _check_set("Outcome", key, outcome.main)
    conditions = outcome.evaluated.shape[:1]
    if not 0 <= outcome.seconds < np.inf:
        raise StoreError(
            f"Outcome.seconds must be finite and not negative; got {outcome.seconds} for {key}. "
            "Pass the wall time."
        )
    for name, values in outcome.alarms.items():
        check_link("Outcome.alarms", name)
        if np.shape(values) != conditions:
            raise StoreError(
                f"Outcome.alarms must be (M,) = {conditions} each; got {name} of shape "
                f"{np.shape(values)} for {key}. Pass NaN where an alarm does not apply."
            )
    for name, other in outcome.others.items():
        check_link("Outcome.others", name)
        owner = f"Outcome.others[{name!r}]"
        _check_set(owner, key, other)
        _check_shape(f"{owner}.evaluated", key, other.evaluated.shape[:1], conditions)
    for name, sequences in outcome.sequences.items():
        check_link("Outcome.sequences", name)
        _check_sequences(f"Outcome.sequences[{name!r}]", key, sequences)
    check_unique("Outcome.others and sequences", (*outcome.others, *outcome.sequences))


def check_fit(campaign: Campaign, key: str, outcome: Outcome) -> None:
    """Refuses a checked outcome that is not of the campaign's conditions, images and labels."""
    sets = {record.name: record for record in (campaign.main, *campaign.sets)}
    sequence_sets = {record.name: record for record in campaign.sequence_sets}
    _check_known("Outcome.others", key, outcome.others, [s.name for s in campaign.sets])
    _check_known("Outcome.sequences", key, outcome.sequences, sequence_sets)
    m, k = len(campaign.conditions), len(campaign.classes)
    for name, found in ({campaign.image_set: outcome.main} | dict(outcome.others)).items():
        owner = f"Outcome.others[{name!r}]" if name in outcome.others else "Outcome"
        shape: tuple[int, ...] = (m, len(sets[name].image_ids))
        _check_shape(f"{owner}.evaluated", key, found.evaluated.shape, shape)
        _refuse(owner, key, against(sets[name], k, found.correct, layers_of(found, LAYERS)))
    for name, said in outcome.sequences.items():
        record, owner = sequence_sets[name], f"Outcome.sequences[{name!r}]"
        shape = (len(record.sequences), max(record.frames), len(record.image_ids))
        _check_shape(f"{owner}.prediction", key, said.prediction.shape, shape)
        _refuse(owner, key, in_sequences(record, k, layers_of(said, SEQUENCE_LAYERS)))


def layers_of(
    found: SetOutcome | SequenceOutcome, table: Mapping[str, Layer]
) -> dict[str, NDArray[Any]]:
    """Name to array of the layers of a table that an outcome has."""
    layers = {name: getattr(found, name) for name in table}
    return {name: values for name, values in layers.items() if values is not None}


def _check_set(owner: str, key: str, found: SetOutcome) -> None:
    evaluated, correct = found.evaluated, found.correct
    for name, bits in (("evaluated", evaluated), ("correct", correct)):
        if bits.dtype != np.bool_ or bits.ndim != 2 or bits.size == 0:
            raise StoreError(
                f"{owner}.{name} must be a non-empty (M, I) bool array; got {bits.dtype} "
                f"{bits.shape} for {key}. Pass one row per condition, one column per image."
            )
    if evaluated.shape != correct.shape:
        raise StoreError(
            f"{owner}.correct must have the shape of {owner}.evaluated {evaluated.shape}; "
            f"got {correct.shape} for {key}. Pass both as (M, I)."
        )
    if np.any(correct & ~evaluated):
        raise StoreError(
            f"{owner}.correct must be False wherever evaluated is False; got "
            f"{int(np.sum(correct & ~evaluated))} contradictions for {key}. Mask it first."
        )
    layers = layers_of(found, LAYERS)
    for name, values in layers.items():
        _check_layer(f"{owner}.{name}", key, values, LAYERS[name].kind, evaluated.shape)
    _refuse(owner, key, within(evaluated, correct, layers))


def _check_sequences(owner: str, key: str, said: SequenceOutcome) -> None:
    shape = said.prediction.shape
    if len(shape) != 3 or 0 in shape:
        raise StoreError(
            f"{owner}.prediction must be a non-empty (Q, F, I) array; got {shape} for {key}. "
            "Pass one class per sequence, frame and image."
        )
    layers = layers_of(said, SEQUENCE_LAYERS)
    for name, values in layers.items():
        wanted = shape if name == "prediction" else (shape[0], shape[2])
        _check_layer(f"{owner}.{name}", key, values, SEQUENCE_LAYERS[name].kind, wanted)
    _refuse(owner, key, in_sequences(None, 0, layers))


def _check_layer(
    owner: str, key: str, values: NDArray[Any], kind: str, shape: tuple[int, ...]
) -> None:
    if values.dtype != kind or values.shape != shape:
        raise StoreError(
            f"{owner} must be {kind} {shape}; got {values.dtype} {values.shape} for {key}. "
            "Convert it, or leave it out."
        )


def _check_shape(owner: str, key: str, got: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if got != wanted:
        raise StoreError(
            f"{owner} must be {wanted} as the campaign says; got {got} for {key}. "
            "Evaluate it under this campaign."
        )


def _check_known(owner: str, key: str, names: Iterable[str], known: Iterable[str]) -> None:
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise StoreError(
            f"{owner} must be sets of the campaign; got {unknown[0]!r} for {key}. "
            "Add its record to the campaign."
        )


def _refuse(owner: str, key: str, findings: Findings) -> None:
    for what, wrong in findings.items():
        if wrong.any():
            raise StoreError(
                f"{owner} must not contradict itself; got {what}, {int(wrong.sum())} times for "
                f"{key}. Correct the arrays."
            )
