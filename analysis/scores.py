"""The scores of every network: value, interval, and what each image contributes.

A score is the mean over images of a per-image contribution; for the standard deviation over system
variants, which is no mean, the contribution is its value plus the image's influence on it (the
linearisation behind the delta method). Whatever resamples images works on the contributions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.outcomes import Outcome
from metrics import (
    Bits,
    Estimate,
    Floats,
    deviation_influence,
    image_scores,
    mean_over_images,
    system_noise_deviation,
    worst_case,
)


@dataclass(frozen=True)
class Score:
    """One outcome of N networks.

    Attributes:
        outcome: What was scored.
        estimate: (N,) value with 95 % interval over images; shares in [0, 1], or percentage points
            for a deviation.
        images: (J,) positions of the images that count: evaluated for every network under every
            condition of the outcome.
        per_image: (N, J) contributions, whose mean over images is the value.
    """

    outcome: Outcome
    estimate: Estimate
    images: NDArray[np.intp]
    per_image: Floats

    @property
    def in_points(self) -> Floats:
        """(N, J) contributions in percentage points."""
        return self.per_image if self.outcome.kind == "deviation" else 100 * self.per_image


def common_images(outcome: Outcome, evaluated: Bits) -> NDArray[np.intp]:
    """Positions of the images evaluated for every network under every condition of the outcome.

    Args:
        outcome: The outcome.
        evaluated: (N, M, I) which images were tried.
    """
    columns = list(outcome.columns)
    return np.flatnonzero(evaluated[:, columns].all(axis=(0, 1)))


def score(outcome: Outcome, evaluated: Bits, correct: Bits) -> Score | str:
    """Score N networks, or say in words why that is impossible.

    Args:
        outcome: The outcome.
        evaluated: (N, M, I) which images were tried.
        correct: (N, M, I) which of them were right.
    """
    images = common_images(outcome, evaluated)
    if len(images) < 2:
        return "fewer than two images were evaluated for every network under all its conditions"
    if outcome.kind == "deviation":
        variants = correct[:, list(outcome.columns)][:, :, images]
        estimate = system_noise_deviation(variants)
        influence = -100 * deviation_influence(variants)
        return Score(outcome, estimate, images, estimate.value[:, None] + influence)
    per_image = np.mean([_cell(outcome, cell, correct, images) for cell in outcome.cells], axis=0)
    weights = outcome.weights
    estimate = mean_over_images(per_image, float(1 / (weights**2).sum()))
    return Score(outcome, estimate, images, per_image)


def _cell(
    outcome: Outcome, cell: tuple[int, ...], correct: Bits, images: NDArray[np.intp]
) -> Floats:
    """(N, J) contributions of one cell of conditions."""
    right = correct[:, list(cell)][:, :, images]
    tried = np.ones_like(right)
    if outcome.kind == "worst":
        _, worst, _ = worst_case(tried, right, np.zeros(len(cell), int))
        return worst[:, 0].astype(float)
    return image_scores(tried, right)
