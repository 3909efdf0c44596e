"""An outcome that grows: what a network did on images attacked so far, and on further ones."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .checks import StoreError
from .records import SMALLER_BATCH, Outcome

ASKED = "asked"
"""Note in the journal: key to the images that each network is to have seen after this round."""


def joined(key: str, old: Outcome, new: Outcome) -> Outcome:
    """The old outcome and what the new one adds; where both say something, the old one stands.

    Alarms become means weighted by images; that of smaller batches the larger of both.

    Raises:
        StoreError: The outcomes are of other weights or shapes; `key` names the network.
    """
    if old.weights != new.weights or old.evaluated.shape != new.evaluated.shape:
        raise StoreError(
            f"Journal.grow must be given an outcome of the same weights and images; got others "
            f"for {key}. Start again in another folder."
        )
    fresh: NDArray[np.bool_] = new.evaluated & ~old.evaluated
    distance = old.distance
    if distance is not None and new.distance is not None:
        distance = np.where(fresh, new.distance, distance)
    counts = old.evaluated.sum(1), fresh.sum(1)
    nothing = np.full(len(fresh), np.nan)
    alarms = {
        name: _mean(name, old.alarms.get(name, nothing), new.alarms.get(name, nothing), *counts)
        for name in sorted({*old.alarms, *new.alarms})
    }
    return replace(
        old,
        evaluated=old.evaluated | fresh,
        correct=old.correct | (new.correct & fresh),
        alarms=alarms,
        seconds=old.seconds + new.seconds,
        distance=distance,
    )


def _mean(
    name: str,
    old: NDArray[np.float64],
    new: NDArray[np.float64],
    before: NDArray[np.int64],
    added: NDArray[np.int64],
) -> NDArray[np.float64]:
    """(M,) alarm over all images; NaN where it applies to neither."""
    if name == SMALLER_BATCH:
        return np.fmax(old, new)
    weights = np.stack((before * np.isfinite(old), added * np.isfinite(new)))
    total = weights.sum(0)
    mean = (np.nan_to_num(np.stack((old, new))) * weights).sum(0) / np.maximum(total, 1)
    return np.where(total > 0, mean, old)
