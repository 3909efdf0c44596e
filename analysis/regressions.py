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
import pandas as pd
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy import stats

from analysis.correlations import false_discovery, unusable_factors
from analysis.study import Group, Study
from metrics import LEVEL, Floats
from nas_space.costs import COSTS, UNITS

DESIGN_FACTORS = tuple(name for name in UNITS if name not in COSTS)
"""What an architect chooses, for whole networks; costs follow from it."""

COLLINEAR = 1e-8  # share of a factor's variance that must be left by the factors before it
COLUMNS = [
    *("supernet", "outcome", "factor", "unit", "coefficient", "low", "high"),
    *("effect_pp", "effect_low", "effect_high", "factor_sd", "per_unit", "per_unit_low"),
    *("per_unit_high", "se_networks", "se_images", "p", "vif", "r2", "reliability", "n"),
    *("clusters", "images", "condition_number", "conditional_on", "reason"),
]


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


@dataclass(frozen=True)
class Regression:
    """The fit of one outcome over the networks of one supernet."""

    supernet: str
    outcome: str
    factors: tuple[str, ...]
    fit: Fit


@dataclass(frozen=True)
class RegressionTables:
    """All regressions, as a table and as fits.

    Attributes:
        table: One row per supernet, outcome and factor: `coefficient` is standardised on both
            sides, `effect_pp` is in percentage points per standard deviation of the factor,
            `per_unit` per unit of it. Without numbers, `reason` says why. `reliability` is empty
            for a deviation, which is no mean over images.
        fits: The fits that could be made.
    """

    table: pd.DataFrame
    fits: tuple[Regression, ...]


def standardise(values: Floats) -> Floats:
    """(n, F) columns of mean 0 and sample standard deviation 1."""
    scaled: Floats = (values - values.mean(0)) / values.std(0, ddof=1)
    return scaled


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


def variance_inflation(design: Floats) -> tuple[Floats, float]:
    """(F,) variance inflation factors and the condition number of a standardised design."""
    correlation = np.atleast_2d(np.corrcoef(design, rowvar=False))
    return np.diag(np.linalg.inv(correlation)), float(np.linalg.cond(design))


def independent_factors(factors: pd.DataFrame) -> tuple[list[str], dict[str, str]]:
    """Design factors to regress on, and the others with the reason why not.

    Args:
        factors: (n, F) factors of one supernet's networks.
    """
    present = [name for name in DESIGN_FACTORS if name in factors.columns]
    dropped = unusable_factors(factors[present])
    kept: list[str] = []
    for name in present:
        if name in dropped:
            continue
        column = standardise(factors[[name]].to_numpy(dtype=float))
        before = standardise(factors[kept].to_numpy(dtype=float)) if kept else column * 0
        left = column - before @ np.linalg.lstsq(before, column, rcond=None)[0]
        if float((left**2).sum()) < COLLINEAR * float((column**2).sum()):
            dropped[name] = f"determined by {', '.join(kept)}"
        else:
            kept.append(name)
    return kept, dropped


def regression_tables(study: Study) -> RegressionTables:
    """Regressions of every outcome for every supernet, with q values over the whole table."""
    rows: list[dict[str, object]] = []
    fits: list[Regression] = []
    for group in study.groups:
        kept, dropped, few = _chosen(study, group)
        for score in study.scores:
            name = score.outcome.name
            scores = score.in_points[group.rows]
            why = _impossible(scores, kept, few)
            common = {
                "supernet": group.label,
                "outcome": name,
                "n": len(group.rows),
                "clusters": group.n_units,
                "images": len(score.images),
                "conditional_on": group.conditional_on,
            }
            if not why:
                design = standardise(study.factors.iloc[group.rows][kept].to_numpy(dtype=float))
                fit = fit_outcome(design, scores, group.units)
                fits.append(Regression(group.label, name, tuple(kept), fit))
                rows += _fit_rows(study, group, fits[-1], design, common)
            reasons = dropped if not why else {**dict.fromkeys(kept, why), **dropped}
            rows += [{**common, "factor": f, "reason": text} for f, text in reasons.items()]
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["unit"] = table["factor"].map(lambda name: study.factor_units.get(name, ""))
    table.insert(COLUMNS.index("p") + 1, "q", false_discovery(table["p"].astype(float)))
    return RegressionTables(table, tuple(fits))


def _chosen(study: Study, group: Group) -> tuple[list[str], dict[str, str], str]:
    """Factors to regress on, those dropped with the reason, and whether networks are too few."""
    factors = study.factors.iloc[group.rows]
    present = [name for name in DESIGN_FACTORS if name in factors.columns]
    unusable = unusable_factors(factors[present])
    varied = [name for name in present if name not in unusable]
    needed = 3 * (len(varied) + 1)
    if group.n_units < needed:
        # too few networks would also make factors look like combinations of each other
        few = f"needs {needed} independent design units; has {group.n_units}"
        return varied, unusable, few
    return *independent_factors(factors), ""


def _impossible(scores: Floats, kept: list[str], few: str) -> str:
    """Why the regression cannot be made, "" if it can."""
    if few or not kept:
        return few or "no design factor varies"
    if float(np.ptp(scores.mean(-1))) <= 1e-8:
        return "the outcome is the same for every network"
    return ""


def _fit_rows(
    study: Study, group: Group, made: Regression, design: Floats, common: dict[str, object]
) -> list[dict[str, object]]:
    """One table row per factor of a fit."""
    fit = made.fit
    score = study.score(made.outcome)
    assert score is not None  # a fit comes from a score
    spread = float(score.in_points[group.rows].mean(-1).std(ddof=1))
    vif, condition = variance_inflation(design)
    rows: list[dict[str, object]] = []
    share = (
        np.nan if score.outcome.kind == "deviation" else reliability(score.in_points[group.rows])
    )
    for i, name in enumerate(made.factors):
        deviation = float(study.factors.iloc[group.rows][name].std(ddof=1))
        effect, reach = fit.effects[i], fit.reach[i]
        low, high = effect - reach, effect + reach
        row: dict[str, object] = {
            "factor": name,
            "coefficient": effect / spread,
            "low": low / spread,
            "high": high / spread,
            "effect_pp": effect,
            "effect_low": low,
            "effect_high": high,
            "factor_sd": deviation,
            "per_unit": effect / deviation,
            "per_unit_low": low / deviation,
            "per_unit_high": high / deviation,
            "se_networks": float(np.sqrt(fit.networks[i, i])),
            "se_images": float(np.sqrt(fit.images[i, i])),
            "p": fit.p[i],
            "vif": vif[i],
            "r2": fit.r2,
            "reliability": share,
            "condition_number": condition,
            "reason": "",
        }
        rows.append({**common, **row})
    return rows
