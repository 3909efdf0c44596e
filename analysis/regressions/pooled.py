"""All supernets in one regression: levels of their own, slopes in common.

With six supernets or more their levels are random (a mixed model with a random intercept, REML:
Patterson and Thompson 1971) and slopes may differ between them: the errors are those of drawing
other supernets. With fewer, levels are fixed effects and the result holds for these supernets only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from analysis.regressions.crossed import Crossed, Equations, crossed
from analysis.regressions.linear import wanted
from metrics import Floats

FEWEST = 6  # supernets without which no distribution of supernets is estimated


@dataclass(frozen=True)
class Pool:
    """Networks of several supernets.

    Attributes:
        design: (n, F) factors, of mean 0 within each supernet and one common scale.
        scores: (n, J) contributions of the images, in points.
        units: (n,) design units, none in two supernets.
        supernets: (n,) supernet of each, 0 to G - 1.
    """

    design: Floats
    scores: Floats
    units: NDArray[np.intp]
    supernets: NDArray[np.intp]

    @property
    def random(self) -> bool:
        """Whether supernets are enough to be random."""
        return int(self.supernets.max()) + 1 >= FEWEST


def fit_pooled(made: Pool) -> Crossed | str:
    """Common slopes of all supernets.

    **Estimand.** With `Pool.random`, the mean slope over supernets such as these; otherwise the
    slope common to these supernets, whose levels are fixed effects. Points per standard deviation.
    """
    if not made.random:
        level = np.eye(int(made.supernets.max()) + 1)[made.supernets]
        x = np.column_stack([level, made.design])
        return _fit(x, made.scores, made.units, level.shape[1])
    x = np.column_stack([np.ones(len(made.design)), made.design])
    ratio = intercept_variance(x, made.scores.mean(-1), made.supernets)
    return _fit(
        without_part(x, made.supernets, ratio),
        without_part(made.scores, made.supernets, ratio),
        made.supernets,
        1,
    )


def without_part(values: Floats, groups: NDArray[np.intp], ratio: float) -> Floats:
    """Values less the part of their group's mean that makes generalised least squares ordinary.

    The part is 1 - 1 / sqrt(1 + n_g ratio) of the mean of a group of n_g (Fuller and Battese 1973).

    Args:
        values: (n, K) columns.
        groups: (n,) group of each row, 0 to G - 1.
        ratio: Variance of the random intercept over that of the residual.
    """
    sizes = np.bincount(groups)
    means = np.zeros((len(sizes), values.shape[1]))
    np.add.at(means, groups, values)
    part = (1 - 1 / np.sqrt(1 + sizes * ratio)) / sizes
    left: Floats = values - (part[:, None] * means)[groups]
    return left


def intercept_variance(x: Floats, outcome: Floats, groups: NDArray[np.intp]) -> float:
    """Variance of the groups' random intercepts over that of the residuals, by REML.

    Args:
        x: (n, P) regressors, the constant first.
        outcome: (n,) values.
        groups: (n,) group of each, 0 to G - 1.
    """
    sizes = np.bincount(groups)
    free = len(x) - x.shape[1]

    def twice_minus(log_ratio: float) -> float:
        ratio = np.exp(log_ratio)
        moved = without_part(np.column_stack([x, outcome]), groups, ratio)
        cross = moved[:, :-1].T @ moved[:, :-1]
        slopes = np.linalg.solve(cross, moved[:, :-1].T @ moved[:, -1])
        left = float(((moved[:, -1] - moved[:, :-1] @ slopes) ** 2).sum())
        of_groups = float(np.log1p(sizes * ratio).sum())
        return float(free * np.log(max(left, 1e-300)) + of_groups + np.linalg.slogdet(cross)[1])

    found = optimize.minimize_scalar(twice_minus, bounds=(-16, 16), options={"xatol": 1e-9})
    return float(np.exp(float(found.x)))


def _fit(x: Floats, scores: Floats, units: NDArray[np.intp], levels: int) -> Crossed | str:
    """Least squares, asked for all but the first columns of `x`, the levels."""
    outcome = scores.mean(-1)
    slopes = np.linalg.solve(x.T @ x, x.T @ outcome)
    keep = wanted(x.shape[1] - levels, levels)
    made = Equations(
        scores=x * (outcome - x @ slopes)[:, None],
        curvature=x[:, :, None] * x[:, None, :],
        shifts=[(x, scores - outcome[:, None])],
        gradient=keep,
    )
    return crossed(keep @ slopes, made, units)
