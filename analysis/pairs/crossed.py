"""Means of paired differences whose units and images are both drawn at random.

Each difference is a row over images; rows of one design unit depend on one another, and all rows
share the images. With d = mean + unit + image + rest the variance of the mean has a part of each,
and the rest is counted once among the units and once among the images, so it is taken off once:
two-way clustering of Cameron, Gelbach and Miller (2011) with unit-by-image cells as the
intersection. Units are corrected for their leverage (Bell and McCaffrey 2002), which for units of
equal size is the usual U / (U - 1). Degrees of freedom after Satterthwaite (1946).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from metrics import LEVEL, Floats

FEWEST = 5  # design units without which no interval is given


@dataclass(frozen=True)
class Effect:
    """A mean difference.

    Attributes:
        estimate: Mean over rows and images.
        low: Lower limit of the 95 % interval.
        high: Upper limit.
        p: Two-sided p value of no difference, of Student's t.
        se_units: Standard error from which units were drawn.
        se_images: Standard error from which images were drawn.
        degrees: Degrees of freedom of t.
        units: Design units.
    """

    estimate: float
    low: float
    high: float
    p: float
    se_units: float
    se_images: float
    degrees: float
    units: int


def crossed_mean(differences: Floats, units: NDArray[np.intp]) -> Effect | str:
    """Mean of P paired differences over J images, or in words why it has no interval.

    Args:
        differences: (P, J) per pair and image.
        units: (P,) design unit of each pair.
    """
    found, place = np.unique(units, return_inverse=True)
    u, p = len(found), len(differences)
    if u < FEWEST:
        return f"needs {FEWEST} independent design units; has {u}"
    estimate = float(differences.mean())
    member = np.zeros((u, p))
    member[place, np.arange(p)] = 1.0
    share = member.sum(1, keepdims=True) / p
    cells = member @ (differences - estimate) / p  # (U, J), sums over pairs
    return from_cells(estimate, cells, share)


def crossed_ratio(differences: Floats, moved: Floats, units: NDArray[np.intp]) -> Effect | str:
    """Mean difference over the mean of what was moved: the effect per unit, linearised.

    Args:
        differences: (P, J) per pair and image.
        moved: (P,) by how much each pair moves a factor; known without error, positive on average.
        units: (P,) design unit of each pair.
    """
    if not len(moved):
        return "no pair changes this factor through its own genes"
    whole = float(moved.mean())
    ratio = float(differences.mean()) / whole
    made = crossed_mean((differences - ratio * moved[:, None]) / whole, units)
    if isinstance(made, str):
        return made
    error = made.high  # around 0: the residuals of a ratio have mean 0
    return replace(made, estimate=ratio, low=ratio - error, high=ratio + error)


def from_cells(estimate: float, cells: Floats, share: Floats) -> Effect | str:
    """Effect from what every unit and image contributes to the estimate's error.

    Args:
        estimate: The mean.
        cells: (U, J) contributions: an image's sum over units, averaged over images, is 0.
        share: (U, 1) weights of the units, which sum to 1.
    """
    _, j = cells.shape
    by_unit, by_image = cells.mean(1, keepdims=True), cells.sum(0, keepdims=True)
    rest = cells - by_unit - share * by_image
    # a heavy unit pulls the mean towards itself, so its own error shows too little
    inflation = 1 / (1 - share)
    of_units = float((inflation * by_unit**2).sum())
    of_images = float((by_image**2).sum()) / (j * (j - 1))
    of_cells = float((inflation * rest**2).sum()) / (j * (j - 1))
    variance = max(of_units + of_images - of_cells, of_units, of_images)
    if variance <= 1e-18 * max(1.0, estimate**2):
        return "no image tells the networks of these pairs apart differently in different units"
    free = 1 / float((share**2).sum()) - 1  # units less 1 when they weigh the same (Kish 1965)
    doubt = of_units**2 / free + of_images**2 / (j - 1) + of_cells**2 / (free * (j - 1))
    degrees = float(np.clip(variance**2 / doubt, 1, max(len(cells), j) - 1))
    error = float(np.sqrt(variance))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, degrees)) * error
    return Effect(
        estimate=estimate,
        low=estimate - reach,
        high=estimate + reach,
        p=float(2 * stats.t.sf(abs(estimate) / error, degrees)),
        se_units=float(np.sqrt(of_units)),
        se_images=float(np.sqrt(of_images)),
        degrees=degrees,
        units=len(cells),
    )
