"""Scores where only counts are known: tables of others say how many images were right, not which.

What needs to know which images (the worst case over several attacks, a deviation between variants)
cannot be scored. A mean over conditions can; its interval is that of one condition with as many
images as the condition with fewest, Wilson (1927). The standard deviation of a mean is at most the
mean of the standard deviations, and p (1 - p) is concave, so the interval is wide enough however
the conditions go together.
"""

import json

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.outcomes import Outcome
from analysis.scores import Score
from metrics import Bits, Estimate, wilson

Counts = NDArray[np.uint32]

NEEDS_IMAGES = "needs to know which images were right; the file holds counts only"


def mean_of_counts(outcome: Outcome, tried: Counts, right: Counts) -> Estimate | str:
    """(N,) shares of an outcome with intervals, NaN where a condition was not evaluated.

    Args:
        outcome: The outcome.
        tried: (N, M) images that were tried.
        right: (N, M) images that were right.

    Returns:
        The estimate, or why there is none in words.
    """
    several = outcome.kind == "worst" and any(len(cell) > 1 for cell in outcome.cells)
    if several or outcome.kind == "deviation":
        return NEEDS_IMAGES
    columns = [column for cell in outcome.cells for column in cell]
    images = tried[:, columns].min(axis=1).astype(float)
    shares = right[:, columns] / np.maximum(tried[:, columns], 1)
    return wilson((shares * outcome.weights).sum(axis=1) * images, images)


def unknown_images(conditions: pd.DataFrame) -> Bits:
    """(M,) conditions of tables that do not say of how many images accuracies are shares."""
    said = (json.loads(str(text) or "{}") for text in conditions["parameters"])
    return np.array([found.get("images") == "unknown" for found in said], np.bool_)


def without_limits(estimate: Estimate, unknown: Bits) -> Estimate:
    """An estimate whose limits are NaN where `unknown` (broadcast over the last axis) holds."""
    low, high = (np.where(unknown, np.nan, side) for side in (estimate.low, estimate.high))
    return Estimate(estimate.value, low, high)


def score_counts(
    outcome: Outcome, tried: Counts, right: Counts, unknown: Bits | None = None
) -> Score | str:
    """The score of N networks without contributions of images, or in words why there is none.

    Args:
        outcome: The outcome.
        tried: (N, M) images that were tried.
        right: (N, M) images that were right.
        unknown: (M,) conditions of an unknown number of images, which have no interval.
    """
    estimate = mean_of_counts(outcome, tried, right)
    if isinstance(estimate, str):
        return estimate
    if not np.isfinite(estimate.value).all():
        return "some networks were not evaluated under all of its conditions"
    if unknown is not None and unknown[list(outcome.columns)].any():
        estimate = without_limits(estimate, np.ones(1, np.bool_))
    return Score(outcome, estimate, np.zeros(0, np.intp), np.zeros((len(tried), 0)))
