"""The main-effects model of every group: what was chosen against every outcome, fitted once.

**Estimand.** The best linear prediction of the accuracy measured on these images from what was
chosen for a network, over networks drawn as these were: how many points more or less with a level
instead of its reference, or per unit of a number, all other choices held. Errors are over another
draw of networks (HC3); there is no image part, since counts do not say which images were right.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.bootstrap import MIN_UNITS
from analysis.counted.correlation_tables import spread_reason
from analysis.counted.fits import CountedFit, fit_networks
from analysis.counted.terms import Terms, find_terms
from analysis.study import Group, Study
from metrics import Floats


@dataclass(frozen=True)
class Model:
    """Main effects of one group of networks.

    Attributes:
        group: The networks.
        terms: What was chosen.
        design: (m, P) columns of the terms, of the m networks that take part.
        outcomes: Outcome to (m,) accuracies in points.
        units: (m,) their design units, consecutive integers.
        fits: Outcome to its fit.
        reasons: Outcome to the reason why it has none.
    """

    group: Group
    terms: Terms
    design: Floats
    outcomes: Mapping[str, Floats]
    units: NDArray[np.intp]
    fits: Mapping[str, CountedFit]
    reasons: Mapping[str, str]


def fit_models(study: Study) -> tuple[Model, ...]:
    """The model of every group."""
    return tuple(_model(study, group) for group in study.groups)


def _model(study: Study, group: Group) -> Model:
    factors = study.factors.iloc[group.rows]
    terms = find_terms(factors, study.factor_units)
    design = factors.iloc[terms.rows][terms.columns].to_numpy(dtype=float)
    units = np.unique(group.units[terms.rows], return_inverse=True)[1].astype(np.intp)
    outcomes = {
        s.outcome.name: 100 * s.estimate.value[group.rows][terms.rows] for s in study.scores
    }
    count = len(np.unique(units))
    few = ""
    if group.n_units < MIN_UNITS:
        few = f"needs {MIN_UNITS} independent networks; has {group.n_units}"
    elif not terms.terms:
        few = "nothing that was chosen differs between networks"
    elif count < terms.needed:
        few = f"needs {terms.needed} independent networks; has {count}"
    reasons = {name: few or spread_reason(values) for name, values in outcomes.items()}
    asked = [name for name, why in reasons.items() if not why]
    found: list[CountedFit] | str = []
    if asked:
        found = fit_networks(design, np.stack([outcomes[n] for n in asked], axis=1), units)
    if isinstance(found, str):
        reasons |= dict.fromkeys(asked, found)
        found, asked = [], []
    fits = dict(zip(asked, found, strict=True))
    told = {name: why for name, why in reasons.items() if why}
    return Model(group, terms, design, outcomes, units, fits, told)
