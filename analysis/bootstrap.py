"""Networks to resample together with the images they were judged on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics import Floats

BLOCK = 100  # draws at a time: bounds the memory at BLOCK x variables x networks
MIN_UNITS = 10  # fewer independent networks say nothing about how networks differ


@dataclass(frozen=True)
class Data:
    """Networks and what they are related to.

    Attributes:
        factors: (F, N) values known without error.
        scores: Per outcome (N, J) contributions of its images.
        images: Per outcome (J,) positions of those images among all I.
        units: (N,) design unit of each network, consecutive integers.
    """

    factors: Floats
    scores: Sequence[Floats]
    images: Sequence[NDArray[np.intp]]
    units: NDArray[np.intp]


def resampled_mean(scores: Floats, counts: NDArray[np.int64]) -> Floats:
    """(b, N) means of (N, J) contributions under (b, J) image counts."""
    total = np.maximum(counts.sum(-1, keepdims=True), 1)
    mean: Floats = (counts / total) @ scores.T
    return mean
