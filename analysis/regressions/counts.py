"""Logistic regression of counts: k of n images right, binomial and quasi-binomial.

An outcome that is a mean of shares (over attacks or severities) gives k that is no whole number;
the same equations hold for shares (Papke and Wooldridge 1996). Binomial and quasi-binomial have the
same coefficients. The binomial standard error takes every answer for independent, the quasi-
binomial one (Wedderburn 1974) scales it by a dispersion common to all; as networks share their
images, the intervals in the tables come from `crossed` instead, which assumes neither.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from analysis.regressions.crossed import Crossed, Equations, crossed
from analysis.regressions.linear import with_constant
from metrics import Floats

NO_FINITE_FIT = "no finite logistic fit: a combination of factors tells all-right networks apart"
STEPS, STEEP = 60, 30.0  # steps of Newton's method; logits that no count of images can tell from 1


@dataclass(frozen=True)
class Logistic:
    """A logistic fit with P coefficients, the constant first.

    Attributes:
        coefficients: (P,) logits.
        share: (n,) fitted shares.
        binomial: (P, P) covariance if all answers were independent.
        dispersion: Pearson's chi-squared over its degrees of freedom: 1 if they were, below 1 where
            networks are right on the same images.
    """

    coefficients: Floats
    share: Floats
    binomial: Floats
    dispersion: float

    @property
    def quasi_binomial(self) -> Floats:
        """(P, P) covariance if answers depended on one another equally in all networks."""
        return self.dispersion * self.binomial


def fit_logistic(x: Floats, share: Floats, tried: int) -> Logistic | str:
    """Logistic regression of shares by Newton's method.

    Args:
        x: (n, P) regressors, the constant first.
        share: (n,) right among `tried`, in [0, 1].
        tried: Images per network.
    """
    start = logit(np.clip(share.mean(), 0.5 / tried, 1 - 0.5 / tried))
    coefficients = np.append(start, np.zeros(x.shape[1] - 1))
    for _ in range(STEPS):
        p = expit(x @ coefficients)
        weights = p * (1 - p)
        step = np.linalg.lstsq((x * weights[:, None]).T @ x, x.T @ (share - p), rcond=None)[0]
        coefficients = coefficients + step * min(1.0, 5 / max(float(np.abs(x @ step).max()), 1e-9))
        if float(np.abs(x @ coefficients).max()) > STEEP:
            return NO_FINITE_FIT
        if float(np.abs(step).max()) < 1e-11:
            break
    else:
        return NO_FINITE_FIT
    p = expit(x @ coefficients)
    weights = p * (1 - p)
    pearson = tried * float(((share - p) ** 2 / weights).sum())
    covariance = np.linalg.inv((x * weights[:, None]).T @ x) / tried
    return Logistic(coefficients, p, covariance, pearson / max(len(x) - x.shape[1], 1))


def fit_counts(
    design: Floats, scores: Floats, units: NDArray[np.intp]
) -> tuple[Crossed, float] | str:
    """Average marginal effects of a logistic regression, and its dispersion.

    **Estimand.** The mean over networks of this design of the slope of accuracy along the factor,
    in points per standard deviation, where the logit of accuracy is linear in the factors.

    Args:
        design: (n, F) standardised factors of full column rank.
        scores: (n, J) contributions of the images in percentage points, between 0 and 100.
        units: (n,) design unit of each network.
    """
    x, shares = with_constant(design), scores / 100
    fit = fit_logistic(x, shares.mean(-1), shares.shape[1])
    if isinstance(fit, str):
        return fit
    weights = fit.share * (1 - fit.share)
    made = Equations(
        scores=x * (shares.mean(-1) - fit.share)[:, None],
        curvature=x[:, :, None] * x[:, None, :] * weights[:, None, None],
        shifts=[(x, shares - shares.mean(-1, keepdims=True))],
        gradient=np.eye(x.shape[1]),
    )
    found = crossed(*averaged(fit.coefficients, fit.share, x, made), units)
    return found if isinstance(found, str) else (found, fit.dispersion)


def averaged(
    coefficients: Floats, share: Floats, x: Floats, made: Equations
) -> tuple[Floats, Equations]:
    """Average marginal effects in points, and the equations asked for them.

    The effect of a factor is 100 times its logit times the mean of p (1 - p) over the networks;
    that mean moves with the coefficients and with the networks drawn.

    Args:
        coefficients: (P + more,) logits, the constant first; what follows is no regressor.
        share: (n,) fitted shares p.
        x: (n, P) regressors.
        made: Equations of all coefficients.
    """
    p = x.shape[1]
    weights = share * (1 - share)
    bend = (weights * (1 - 2 * share)) @ x / len(x)  # derivative of the mean of p (1 - p)
    slopes = coefficients[1:p]
    gradient = np.zeros((p - 1, made.scores.shape[1]))
    gradient[:, 1:p] = weights.mean() * np.eye(p - 1)
    gradient[:, :p] += slopes[:, None] * bend
    own = (weights - weights.mean())[:, None] * slopes
    wanted = Equations(made.scores, made.curvature, made.shifts, 100 * gradient, 100 * own)
    return 100 * slopes * weights.mean(), wanted
