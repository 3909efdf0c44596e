"""A number with its interval: what every metric gives back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]

LEVEL = 0.95  # confidence of every interval unless a caller asks for another


@dataclass(frozen=True)
class Estimate:
    """A value and its confidence interval, elementwise over any leading axes.

    Attributes:
        value: Point estimate; NaN where nothing was evaluated.
        low: Lower limit, never above `value`.
        high: Upper limit, never below `value`.
    """

    value: Floats
    low: Floats
    high: Floats


def check_bits(evaluated: Bits, correct: Bits, owner: str) -> None:
    """Raise ValueError unless both are bool, equal in shape and correct implies evaluated."""
    for name, bits in (("evaluated", evaluated), ("correct", correct)):
        if bits.dtype != np.bool_:
            raise ValueError(
                f"{owner}.{name} must be bool; got {bits.dtype}. Unpack the bits first."
            )
    if evaluated.shape != correct.shape:
        raise ValueError(
            f"{owner}.correct must have the shape of evaluated, {evaluated.shape}; "
            f"got {correct.shape}. Select the same rows and conditions from both."
        )
    if np.any(correct & ~evaluated):
        raise ValueError(
            f"{owner}.correct must be False where an image was not evaluated; got "
            f"{int(np.sum(correct & ~evaluated))} such images. Check the results file."
        )
