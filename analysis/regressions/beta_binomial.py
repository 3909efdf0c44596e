"""Beta-binomial regression: counts whose networks differ by more than the factors say.

k of n is binomial with a share that is itself drawn from a beta distribution of mean p, logit p
linear in the factors, and of intra-class correlation rho (Williams 1982; Prentice 1986). With
gamma = rho / (1 - rho) the beta has parameters p / gamma and (1 - p) / gamma. Maximum likelihood;
where counts vary no more than binomial ones rho is 0 and the fit is the binomial one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import betaln, digamma, expit, gammaln, polygamma

from analysis.regressions.counts import averaged, fit_counts, fit_logistic
from analysis.regressions.crossed import Crossed, Equations, crossed
from analysis.regressions.linear import with_constant
from metrics import Floats

Vector = np.ndarray[tuple[int], np.dtype[np.float64]]
LEAST = np.log(1e-6)  # log gamma below which the counts are as good as binomial


@dataclass(frozen=True)
class BetaBinomial:
    """A fit; gamma is rho / (1 - rho).

    Attributes:
        parameters: (P + 1,) logits, the constant first, and log gamma.
        share: (n,) fitted means p.
        rho: Intra-class correlation, in (0, 1).
        log_likelihood: At the maximum, with the binomial coefficients.
        covariance: (P + 1, P + 1) inverse of the observed information, networks independent.
    """

    parameters: Floats
    share: Floats
    rho: float
    log_likelihood: float
    covariance: Floats


def log_likelihood(right: Floats, tried: int, share: Floats, gamma: float) -> Floats:
    """(n,) log probability of k of n; continued to k that are no whole numbers.

    Args:
        right: (n,) k, in [0, n].
        tried: n.
        share: (n,) means in (0, 1).
        gamma: rho / (1 - rho), positive.
    """
    a, b = share / gamma, (1 - share) / gamma
    ways = gammaln(tried + 1) - gammaln(right + 1) - gammaln(tried - right + 1)
    value: Floats = ways + betaln(right + a, tried - right + b) - betaln(a, b)
    return value


def fit_beta_binomial(x: Floats, right: Floats, tried: int) -> BetaBinomial | str:
    """Maximum likelihood, or in words why there is none.

    Args:
        x: (n, P) regressors, the constant first.
        right: (n,) images right.
        tried: Images per network.
    """
    start = fit_logistic(x, right / tried, tried)
    if isinstance(start, str):
        return start
    if start.dispersion <= 1:
        return "counts vary no more than binomial ones"
    guess = np.log(max((start.dispersion - 1) / max(tried - 1, 1), 1e-5))

    def value(at: Vector) -> float:
        likely = log_likelihood(right, tried, expit(x @ at[:-1]), float(np.exp(at[-1])))
        return -float(likely.sum())

    def slope(at: Vector) -> Floats:
        total: Floats = -derivatives(x, right, tried, at)[0].sum(0)
        return total

    def curvature(at: Vector) -> Floats:
        total: Floats = derivatives(x, right, tried, at)[1].sum(0)
        return total

    found = optimize.minimize(
        value,
        np.append(start.coefficients, guess).astype(np.float64),
        jac=slope,
        hess=curvature,
        method="trust-exact",
        options={"gtol": 1e-7},
    )
    if found.x[-1] < LEAST:
        return "counts vary no more than binomial ones"
    information = curvature(found.x)
    if np.abs(np.linalg.solve(information, slope(found.x))).max() > 1e-5:
        return "the likelihood has no maximum that can be found"
    gamma = float(np.exp(found.x[-1]))
    share = expit(x @ found.x[:-1])
    covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
    return BetaBinomial(found.x, share, gamma / (1 + gamma), -value(found.x), covariance)


def derivatives(
    x: Floats, right: Floats, tried: int, parameters: Floats
) -> tuple[Floats, Floats, Floats]:
    """Of the log likelihood: (n, P + 1) scores, (n, P + 1, P + 1) curvature, scores by k.

    Args:
        x: (n, P) regressors.
        right: (n,) k.
        tried: n.
        parameters: (P + 1,) logits and log gamma.
    """
    p, gamma = expit(x @ parameters[:-1]), np.exp(parameters[-1])
    a, b, t = p / gamma, (1 - p) / gamma, p * (1 - p) / gamma
    both = digamma(tried + 1 / gamma) - digamma(1 / gamma)
    by_a = digamma(right + a) - digamma(a) - both
    by_b = digamma(tried - right + b) - digamma(b) - both
    more_a, more_b = polygamma(1, right + a), polygamma(1, tried - right + b)
    common = polygamma(1, tried + 1 / gamma) - polygamma(1, 1 / gamma)
    aa, bb = more_a - polygamma(1, a) - common, more_b - polygamma(1, b) - common
    # minus second derivatives by the logit (l) and by log gamma (g); da/dl = t, da/dg = -a
    ll = -(t**2 * (aa + bb + 2 * common) + (by_a - by_b) * t * (1 - 2 * p))
    lg = -(t * (-a * aa + b * bb - (a - b) * common) - (by_a - by_b) * t)
    gg = -(a**2 * aa + b**2 * bb - 2 * a * b * common + a * by_a + b * by_b)
    scores = _stacked(x, t * (by_a - by_b), -a * by_a - b * by_b)
    by_count = _stacked(x, t * (more_a + more_b), -a * more_a + b * more_b)
    n, k = x.shape
    curvature = np.empty((n, k + 1, k + 1))
    curvature[:, :k, :k] = x[:, :, None] * x[:, None, :] * ll[:, None, None]
    curvature[:, :k, k] = curvature[:, k, :k] = x * lg[:, None]
    curvature[:, k, k] = gg
    return scores, curvature, by_count


def fit_overdispersed(
    design: Floats, scores: Floats, units: NDArray[np.intp]
) -> tuple[Crossed, float] | str:
    """Average marginal effects of a beta-binomial regression, and rho.

    **Estimand.** As of `counts.fit_counts`, networks counting as a beta-binomial spread of them
    implies. Images that are hard for all networks make counts vary less than binomial ones: rho is
    then 0 and the effects are those of the binomial regression.

    Args:
        design: (n, F) standardised factors of full column rank.
        scores: (n, J) contributions of the images in percentage points, between 0 and 100.
        units: (n,) design unit of each network.
    """
    x, j = with_constant(design), scores.shape[1]
    right = np.clip(scores.sum(-1) / 100, 0, j)
    fit = fit_beta_binomial(x, right, j)
    if isinstance(fit, str):
        found = fit_counts(design, scores, units)
        return found if isinstance(found, str) else (found[0], 0.0)
    psi, curvature, by_count = derivatives(x, right, j, fit.parameters)
    away = scores * j / 100 - right[:, None]  # how far k would be, were all images as this one
    made = Equations(psi, curvature, [(by_count, away)], np.eye(psi.shape[1]))
    crossing = crossed(*averaged(fit.parameters, fit.share, x, made), units)
    return crossing if isinstance(crossing, str) else (crossing, fit.rho)


def _stacked(x: Floats, by_logit: Floats, by_gamma: Floats) -> Floats:
    """(n, P + 1) derivatives by the coefficients and by log gamma."""
    return np.column_stack([x * by_logit[:, None], by_gamma])
