"""The models that are put side by side, by name: what each assumes and what its numbers are of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.regressions.beta_binomial import fit_overdispersed
from analysis.regressions.counts import fit_counts
from analysis.regressions.crossed import Crossed
from analysis.regressions.error_prone import (
    Measured,
    fit_corrected,
    fit_split,
    fit_uncorrected,
)
from analysis.regressions.linear import fit_ordinary, fit_weighted, precision_weights
from analysis.regressions.quantiles import Quantiles, fit_quantile
from metrics import Floats

Question = Literal["all", "clean_held", "clean_alone"]
OTHERS = "per SD of the factor, other factors held"


Held = Callable[[Measured, NDArray[np.intp]], tuple[Crossed, float] | str]


@dataclass(frozen=True)
class Material:
    """What a model is fitted to.

    Attributes:
        design: (n, F) standardised factors of full column rank.
        scores: (n, J) contributions of the images in percentage points, between 0 and 100.
        units: (n,) design unit of each network, consecutive integers.
        clean: (n, J) contributions of the same images to clean accuracy, in standard deviations of
            it over the networks; None where the outcome is clean accuracy itself.
        seed: Of whatever a model draws.
    """

    design: Floats
    scores: Floats
    units: NDArray[np.intp]
    clean: Floats | None
    seed: tuple[int, ...]


@dataclass(frozen=True)
class Answer:
    """Effects in percentage points per standard deviation, of clean accuracy first if it is held.

    Attributes:
        effects: Slopes.
        reach: Half-widths of their 95 % intervals.
        p: Two-sided p values of no effect.
        dispersion: Of counts: Pearson's, or rho of a beta-binomial; NaN elsewhere.
        reliability: Of clean accuracy given the factors; NaN where it is not held.
    """

    effects: Floats
    reach: Floats
    p: Floats
    dispersion: float = np.nan
    reliability: float = np.nan


@dataclass(frozen=True)
class Model:
    """A way to relate an outcome to the factors.

    Attributes:
        question: "all" effects of a factor; "clean_held", those at equal clean accuracy;
            "clean_alone", how the outcome goes with clean accuracy when no factor is held. Only
            models of one question can contradict each other.
        estimand: What its effects are of, in words.
        fit: Effects, or the reason why there are none.
    """

    question: Question
    estimand: str
    fit: Callable[[Material], Answer | str]


def _ordinary(m: Material) -> Answer | str:
    return _answer(fit_ordinary(m.design, m.scores, m.units))


def _weighted(m: Material) -> Answer | str:
    weights = precision_weights(m.design, m.scores)
    return _answer(fit_weighted(m.design, m.scores, m.units, weights))


def _counts(m: Material) -> Answer | str:
    return _with_number(fit_counts(m.design, m.scores, m.units), "dispersion")


def _overdispersed(m: Material) -> Answer | str:
    return _with_number(fit_overdispersed(m.design, m.scores, m.units), "dispersion")


def _median(m: Material) -> Answer | str:
    return _answer(fit_quantile(m.design, m.scores, m.units, np.random.default_rng(m.seed)))


def _held(fit: Held, alone: bool) -> Callable[[Material], Answer | str]:
    """A fit on clean accuracy, and on the factors unless it is `alone`."""

    def fitted(m: Material) -> Answer | str:
        if m.clean is None:
            return "clean accuracy is the same for every network or not known"
        design = m.design[:, :0] if alone else m.design
        return _with_number(fit(Measured(design, m.clean, m.scores), m.units), "reliability")

    return fitted


def _answer(made: Crossed | Quantiles | str, **numbers: float) -> Answer | str:
    if isinstance(made, str):
        return made
    return Answer(made.estimate, made.reach, made.p, **numbers)


def _with_number(made: tuple[Crossed, float] | str, name: str) -> Answer | str:
    return made if isinstance(made, str) else _answer(made[0], **{name: made[1]})


def _with_clean(question: Question, what: str) -> dict[str, Model]:
    """The three models of one question about clean accuracy."""
    alone = question == "clean_alone"
    start = f"best linear prediction of accuracy {what}"
    true = f"{start}, which is that on all images of this source, errors in measurement taken off"
    return {
        f"ols_{question}": Model(
            question, f"{start}, as measured on these images", _held(fit_uncorrected, alone)
        ),
        f"corrected_{question}": Model(question, true, _held(fit_corrected, alone)),
        f"split_{question}": Model(
            question, f"{true} by splitting the images", _held(fit_split, alone)
        ),
    }


MODELS = {
    "ols": Model("all", f"best linear prediction of accuracy {OTHERS}", _ordinary),
    "weighted": Model(
        "all",
        f"best linear prediction of accuracy {OTHERS}; networks whose accuracy is better known "
        "count more",
        _weighted,
    ),
    "quasi_binomial": Model(
        "all", f"mean over networks of the slope of a logistic curve {OTHERS}", _counts
    ),
    "beta_binomial": Model(
        "all",
        f"mean over networks of the slope of a logistic curve {OTHERS}; networks spread about it "
        "by a beta distribution",
        _overdispersed,
    ),
    "median": Model("all", f"median of accuracy as measured {OTHERS}", _median),
    **_with_clean("clean_held", f"{OTHERS}, clean accuracy too"),
    **_with_clean("clean_alone", "per SD of clean accuracy, factors free to differ"),
}
"""Name to model, in the order of the table."""
