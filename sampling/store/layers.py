"""The optional arrays of an outcome: their types and what stands where nothing was answered."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .records import NO_PREDICTION


class Layer(NamedTuple):
    """One optional array.

    Attributes:
        kind: Name of its NumPy type.
        missing: Stands where nothing was answered.
        top: Largest value allowed; the least is 0.
    """

    kind: str
    missing: float
    top: float

    def made(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Where there is an answer, in the shape of the values."""
        made: NDArray[np.bool_] = (
            ~np.isnan(values) if values.dtype.kind == "f" else values != self.missing
        )
        return made

    def empty(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """Values of no answer at all."""
        return np.full(shape, self.missing, self.kind)


PREDICTION = Layer("uint16", NO_PREDICTION, NO_PREDICTION)
RANK_DISTANCE = Layer("float32", np.nan, np.inf)

LAYERS = {
    "prediction": PREDICTION,
    "confidence": Layer("float16", np.nan, 1.0),
    "distance": Layer("float32", np.nan, np.inf),
}
"""Of an image set, (M, I) per network."""

SEQUENCE_LAYERS = {"prediction": PREDICTION, "rank_distance": RANK_DISTANCE}
"""Of a sequence set, (Q, F, I) and (Q, I) per network."""
