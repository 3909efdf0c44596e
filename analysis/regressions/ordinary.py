"""Regression of every outcome on the design factors of a supernet, all factors at once.

Ordinary least squares; each coefficient is the change of the outcome per standard deviation of one
factor with the other factors held. Two sources of error add up: which networks were drawn (sandwich
covariance clustered by design unit) and which images judged them (a coefficient is linear in the
outcome, hence a mean over images of per-image coefficients, whose variance is known). The noise of
single network-image pairs is in both, so the sum errs on the safe side.

**Estimand.** The best linear prediction of the accuracy that networks of this design have with
these supernet weights, per standard deviation of the factor in this design; another training of the
supernet is not covered.
"""

from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy import stats

from metrics import LEVEL, Floats


@dataclass(frozen=True)
class Fit:
    """A regression with F standardised factors.

    Attributes:
        effects: (F,) change of the outcome per standard deviation of the factor.
        networks: (F, F) covariance of the effects over draws of networks, clustered.
        images: (F, F) covariance over draws of images.
        degrees: Degrees of freedom of the t quantiles: fewer of clusters and images, minus 1.
        r2: Share of the variance between networks that the factors explain.
    """

    effects: Floats
    networks: Floats
    images: Floats
    degrees: int
    r2: float

    @property
    def covariance(self) -> Floats:
        """(F, F) covariance of the effects, both sources."""
        return self.networks + self.images

    @property
    def reach(self) -> Floats:
        """(F,) half-widths of the 95 % intervals."""
        half: Floats = self.quantile * np.sqrt(np.diag(self.covariance))
        return half

    @property
    def quantile(self) -> float:
        """Quantile of Student's t for the intervals."""
        return float(stats.t.ppf((1 + LEVEL) / 2, self.degrees))

    @property
    def p(self) -> Floats:
        """(F,) two-sided p values of no effect."""
        error = np.sqrt(np.diag(self.covariance))
        value: Floats = 2 * stats.t.sf(
            np.abs(self.effects) / np.maximum(error, 1e-300), self.degrees
        )
        return value


def fit_outcome(design: Floats, scores: Floats, units: NDArray[np.intp]) -> Fit:
    """Regress an outcome on standardised factors.

    Args:
        design: (n, F) standardised factors of full column rank.
        scores: (n, J) contributions of the images, whose mean is the outcome.
        units: (n,) design unit of each network.
    """
    outcome = scores.mean(-1)
    x = sm.add_constant(design, has_constant="add")
    result = sm.OLS(outcome, x).fit(cov_type="cluster", cov_kwds={"groups": units}, use_t=True)
    j = scores.shape[1]
    per_image = (np.linalg.pinv(x) @ scores)[1:]
    images = np.atleast_2d(np.cov(per_image)) / j
    clusters = len(np.unique(units))
    return Fit(
        effects=np.asarray(result.params)[1:],
        networks=np.asarray(result.cov_params())[1:, 1:],
        images=images,
        degrees=max(min(clusters, j) - 1, 1),
        r2=float(result.rsquared),
    )


def reliability(scores: Floats) -> float:
    """Share of the variance between networks' outcomes that another set of images would show too.

    One minus the network-by-image variance divided by J and by the variance of the outcomes, the
    generalisability coefficient of a crossed design (Brennan 2001, section 2.2); 0 at least. What
    the R2 of a regression could be expected to reach at most.

    Args:
        scores: (n, J) contributions of the images.
    """
    n, j = scores.shape
    outcome = scores.mean(-1, keepdims=True)
    residual = scores - outcome - scores.mean(0) + scores.mean()
    noise = float((residual**2).sum()) / ((n - 1) * (j - 1)) / j
    return float(max(0.0, 1 - noise / float(outcome.var(ddof=1))))
