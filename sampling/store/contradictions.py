"""Where the arrays of an outcome contradict each other, or the record of their set.

The same rules hold for one network before it is written and for many read from a file: arrays have
the axes of `records` and any axes before them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .layers import LAYERS, PREDICTION, SEQUENCE_LAYERS, Layer
from .records import SequenceRecord, SetRecord

Arrays = Mapping[str, NDArray[Any]]
Findings = dict[str, NDArray[np.bool_]]
"""What is wrong to (..., M) or (..., Q), whether it is under each condition or in each sequence."""


def within(tried: NDArray[np.bool_], right: NDArray[np.bool_], layers: Arrays) -> Findings:
    """What is wrong whatever the images are.

    Args:
        tried: (..., M, I) evaluated.
        right: (..., M, I) correct.
        layers: Name in `LAYERS` to (..., M, I).
    """
    findings = {"right on images that were not evaluated": np.any(right & ~tried, axis=-1)}
    for name, values in layers.items():
        made = LAYERS[name].made(values)
        findings[f"{name} on other images than were evaluated"] = made.any(-1) & np.any(
            made != tried, axis=-1
        )
        findings |= _range(name, LAYERS[name], values)
    return findings


def against(record: SetRecord, classes: int, right: NDArray[np.bool_], layers: Arrays) -> Findings:
    """What is wrong given the images: predictions of other classes, or at odds with `right`.

    Args:
        record: The image set.
        classes: K.
        right: (..., M, I) correct.
        layers: Name in `LAYERS` to (..., M, I).
    """
    predicted = layers.get("prediction")
    if predicted is None:
        return {}
    made = PREDICTION.made(predicted)
    judged = np.isin(predicted, record.covered or range(classes))
    return {
        "prediction of a class that is not judged": np.any(made & ~judged, axis=-1),
        "right where the prediction is not the label, or wrong where it is": np.any(
            made & (right != (predicted == record.labels)), axis=-1
        ),
    }


def in_sequences(record: SequenceRecord | None, classes: int, layers: Arrays) -> Findings:
    """What is wrong in the answers to perturbation sequences.

    Args:
        record: The sequence set; None when only the arrays are known.
        classes: K, not looked at without a record.
        layers: Name in `SEQUENCE_LAYERS` to (..., Q, F, I) and (..., Q, I).
    """
    predicted = layers["prediction"]
    made = PREDICTION.made(predicted)
    tried = np.any(made, axis=-2)
    findings: Findings = {}
    if record is not None:
        frames = np.arange(predicted.shape[-2])[:, None]  # a column, as is the last frame of each
        real = frames < np.array(record.frames)[:, None, None]
        wrong = made != (tried[..., None, :] & real)
        findings["prediction in other frames than the sequence has"] = np.any(wrong, axis=(-2, -1))
        findings["prediction of a class that is not judged"] = np.any(
            made & (predicted >= classes), axis=(-2, -1)
        )
    if "rank_distance" in layers:
        layer, values = SEQUENCE_LAYERS["rank_distance"], layers["rank_distance"]
        findings["rank_distance on other images than were predicted"] = np.any(
            layer.made(values) != tried, axis=-1
        )
        findings |= _range("rank_distance", layer, values)
    return findings


def _range(name: str, layer: Layer, values: NDArray[Any]) -> Findings:
    if layer.kind == PREDICTION.kind:  # no 16 bits are outside; classes are compared with the set's
        return {}
    outside = (values < 0) | (values > layer.top)
    return {f"{name} outside 0 to {layer.top}": np.any(outside, axis=-1)}
