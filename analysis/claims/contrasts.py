"""Contrasts between networks judged on the same images, numbers only.

Each gives an estimate with its standard error and degrees of freedom. Errors cover other images;
where there are networks enough they cover other networks as well, otherwise the contrast holds for
the networks at hand.
"""

from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy import stats

from analysis.claims.claim import Interval
from analysis.pairs.crossed import FEWEST, crossed_mean
from metrics import LEVEL, Floats

Units = NDArray[np.intp]
TOO_FEW = "the file holds counts only, and fewer than {} networks can be compared"
SAME = "the networks compared do not differ on any image"


@dataclass(frozen=True)
class Contrast:
    """A number with its uncertainty.

    Attributes:
        value: The estimate.
        error: Its standard error, above 0.
        degrees: Degrees of freedom of Student's t.
        over: What another draw of would change it: "networks and images", "images", "networks".
    """

    value: float
    error: float
    degrees: float
    over: str

    def interval(self, bound: float = 0.0) -> Interval:
        """The 95 % interval, and the two-sided p of the number's being at a bound."""
        reach = float(stats.t.ppf((1 + LEVEL) / 2, self.degrees)) * self.error
        p = 2 * float(stats.t.sf(abs(self.value - bound) / self.error, self.degrees))
        return Interval(self.value, self.value - reach, self.value + reach, p)


@dataclass(frozen=True)
class Fitted:
    """A linear regression over n networks.

    Attributes:
        effects: (F,) coefficients of the columns, without the constant.
        covariance: (F, F) over networks and images.
        degrees: Degrees of freedom of Student's t.
        over: As of `Contrast`.
    """

    effects: Floats
    covariance: Floats
    degrees: float
    over: str

    def contrast(self, weights: Floats) -> Contrast:
        """A weighted sum of the coefficients."""
        error = max(float(weights @ self.covariance @ weights), 0.0) ** 0.5
        return Contrast(float(weights @ self.effects), error, self.degrees, self.over)


def paired(differences: Floats, units: Units) -> Contrast | str:
    """Mean of P differences between two networks of a pair, or in words why there is none.

    With at least five design units the error is over units and images both (`crossed_mean`), with
    fewer over images alone: the mean then speaks of these pairs.

    Args:
        differences: (P, J) per image, or (P, 1) of accuracies where only counts are known.
        units: (P,) design unit of each pair.
    """
    found, place = np.unique(units, return_inverse=True)
    if differences.shape[1] == 1:
        if len(found) < FEWEST:
            return TOO_FEW.format(FEWEST)
        sums, sizes = np.bincount(place, differences[:, 0]), np.bincount(place)
        value = float(differences.mean())
        rest = sums - value * sizes  # of clusters, Cameron and Miller (2015), equation 11
        error = float(np.sqrt((rest**2).sum() * len(found) / (len(found) - 1))) / len(place)
        made = Contrast(value, error, len(found) - 1, "networks")
    elif len(found) < FEWEST:
        made = over_images(np.full(len(differences), 1 / len(differences)), differences)
    else:
        effect = crossed_mean(differences, units)
        if isinstance(effect, str):
            return effect
        reach = (effect.high - effect.low) / 2
        error = reach / float(stats.t.ppf((1 + LEVEL) / 2, effect.degrees))
        made = Contrast(effect.estimate, error, effect.degrees, "networks and images")
    return made if made.error > 0 else SAME


def over_images(weights: Floats, points: Floats) -> Contrast:
    """A weighted sum of the scores of these n networks; its error is over J >= 2 images alone.

    Args:
        weights: (n,).
        points: (n, J) contributions of the images.
    """
    per_image = weights @ points
    j = len(per_image)
    return Contrast(
        float(per_image.mean()), float(per_image.std(ddof=1) / np.sqrt(j)), j - 1, "images"
    )


def regress(columns: Floats, points: Floats, units: Units) -> Fitted:
    """Least squares of the scores on F columns and a constant.

    Two errors add up: networks, by a sandwich clustered by design unit, or HC3 (MacKinnon and White
    1985) where every network is its own; and images. What a single network does on a single image
    is in both, so the sum errs on the safe side.

    Args:
        columns: (n, F) of full column rank beside a constant; n > F + 1.
        points: (n, J) contributions of the images; J is 1 where only counts are known.
        units: (n,) design unit of each network.
    """
    x = sm.add_constant(columns, has_constant="add")
    clusters, (n, j) = len(np.unique(units)), points.shape
    single = clusters == n
    how = {"cov_type": "HC3"} if single else {"cov_type": "cluster"}
    options = {} if single else {"cov_kwds": {"groups": units}}
    result = sm.OLS(points.mean(1), x).fit(**how, **options, use_t=True)
    covariance = np.asarray(result.cov_params())[1:, 1:]
    degrees: float = clusters - x.shape[1] if single else clusters - 1
    if j == 1:
        return Fitted(np.asarray(result.params)[1:], covariance, degrees, "networks")
    per_image = (np.linalg.pinv(x) @ points)[1:]
    covariance = covariance + np.atleast_2d(np.cov(per_image)) / j
    degrees = max(min(degrees, j - 1), 1)
    return Fitted(np.asarray(result.params)[1:], covariance, degrees, "networks and images")


def least(fit: Fitted, weights: Floats) -> Interval:
    """The least of K weighted sums, with an interval and the p of its being at 0.

    Its lower end is the least lower end (intersection-union: Berger 1982), its upper end the least
    upper end at a level of 0.975 / K each side (Bonferroni), so that the interval covers the least
    true sum with 95 % whichever it is.

    Args:
        fit: The regression.
        weights: (K, F).
    """
    k = len(weights)
    made = [fit.contrast(row) for row in weights]
    tail = (1 - LEVEL) / 2
    wide = float(stats.t.ppf(1 - tail / k, fit.degrees))
    low = min(one.interval().low for one in made)
    high = min(one.value + wide * one.error for one in made)
    scores = np.array([one.value / one.error for one in made])
    holds = float(stats.t.sf(scores, fit.degrees).max())  # of all being above 0
    fails = k * float(stats.t.cdf(scores, fit.degrees).min())  # of one being below
    return Interval(min(one.value for one in made), low, high, min(1.0, 2 * min(holds, fails)))
