"""Functional ANOVA of a full factorial: the variance due to every set of factors, exactly.

Hoeffding (1948): the component of a set of factors is what remains of the mean given these factors
without the components of its subsets. Under a product distribution of the levels components are
orthogonal, so their variances sum to the whole.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from metrics import Floats


def variance_components(
    values: Floats, weights: Sequence[Floats] | None = None
) -> dict[tuple[int, ...], float]:
    """Non-empty set of axes to the variance of its component; the variances sum to that of values.

    Args:
        values: One value per combination of levels, an axis per factor.
        weights: Per factor the probability of its levels, summing to 1; uniform when None.

    Raises:
        ValueError: If the weights do not fit the levels.
    """
    weights = weights or [np.full(levels, 1 / levels) for levels in values.shape]
    if [len(w) for w in weights] != list(values.shape):
        raise ValueError(
            f"variance_components.weights must fit levels {values.shape}; "
            f"got {tuple(map(len, weights))}. Give one probability per level."
        )
    axes = range(values.ndim)
    found = {}
    for size in range(1, values.ndim + 1):
        for chosen in itertools.combinations(axes, size):
            part = values
            for axis in axes:
                mean = np.expand_dims(np.tensordot(part, weights[axis], (axis, 0)), axis)
                part = part - mean if axis in chosen else mean
            for axis in reversed(axes):
                part = part**2 if axis == axes[-1] else part
                part = part @ (weights[axis] if part.shape[axis] > 1 else np.ones(1))
            found[chosen] = float(part)
    return found
