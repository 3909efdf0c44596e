"""Predicted accuracies of networks that were not evaluated, and which of them no other beats."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.bootstrap import MIN_UNITS
from analysis.prediction.features import features
from analysis.prediction.held_out import calibrate, needed
from analysis.prediction.table import SEED, Known
from metrics import Floats
from nas_space.architecture import Architecture
from nas_space.costs import costs
from nas_space.space import Space


@dataclass(frozen=True)
class Forecast:
    """What n networks are predicted to be measured to do.

    Attributes:
        architectures: n networks.
        macs: (n,) multiply-adds per image.
        outcomes: (K,) names of outcomes.
        value: (n, K) percentage points.
        half_width: (K,) percentage points, infinite where too few units are left to calibrate on.
        models: (K,) names of the models.
        units: Calibration units.
        reason: Why there are no intervals, "" if there are.
    """

    architectures: tuple[Architecture, ...]
    macs: Floats
    outcomes: tuple[str, ...]
    value: Floats
    half_width: Floats
    models: tuple[str, ...]
    units: int
    reason: str

    @property
    def low(self) -> Floats:
        """(n, K) lower limits, at least 0; NaN without intervals."""
        return self._limit(-1)

    @property
    def high(self) -> Floats:
        """(n, K) upper limits, at most 100; NaN without intervals."""
        return self._limit(1)

    def _limit(self, sign: int) -> Floats:
        reach = np.where(np.isfinite(self.half_width), self.half_width, np.nan)
        limit: Floats = np.clip(self.value + sign * reach, 0.0, 100.0)
        return limit

    @property
    def front(self) -> NDArray[np.bool_]:
        """(n,) whether no other has all predictions as high and as few MACs, and one better."""
        points = np.column_stack([self.value, -self.macs])
        beaten = [((points >= p).all(1) & (points > p).any(1)).any() for p in points]
        return ~np.array(beaten, np.bool_)


def forecast(
    examples: Known, space: Space, architectures: Sequence[Architecture], classes: int
) -> Forecast:
    """Predictions for networks drawn as the drawn ones among the examples were.

    Args:
        examples: Evaluated networks of one supernet.
        space: Of that supernet.
        architectures: n networks of the space.
        classes: Outputs of the linear layer, which costs depend on.

    Raises:
        ValueError: There are too few examples, or no outcome differs between them.
    """
    if not examples.scores:
        raise ValueError(
            "predict.results must hold an outcome that differs between networks; got none. "
            "Evaluate under a protocol with noise."
        )
    if examples.units < MIN_UNITS:
        raise ValueError(
            f"predict.results must hold {MIN_UNITS} independent design units of the supernet; got "
            f"{examples.units}. Evaluate more networks."
        )
    made = calibrate(examples.sample, examples.drawn, np.random.default_rng(SEED))
    names = [str(name) for name in examples.features.columns]
    x = features(space, architectures, classes, names).to_numpy(dtype=np.float64)
    few = f"intervals need {needed(folds=False)} independent design units; there are"
    return Forecast(
        architectures=tuple(architectures),
        macs=costs(space, architectures, classes)["macs"],
        outcomes=tuple(score.outcome.name for score in examples.scores),
        value=made.model.predict(x),
        half_width=made.half_width,
        models=made.model.names,
        units=made.units,
        reason="" if made.units else f"{few} {examples.units}",
    )
