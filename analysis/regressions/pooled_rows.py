"""The rows of regression_models.csv that speak of all supernets together."""

import numpy as np
from numpy.typing import NDArray

from analysis.regressions.design import independent_factors, unusable
from analysis.regressions.pooled import FEWEST, Pool, fit_pooled
from analysis.scores import Score
from analysis.study import Group, Study
from metrics import Floats

ALL = "all supernets"
POOLED = {
    "fixed_supernets": "slope common to these supernets, each with a level of its own (fixed "
    "effects), per SD of the factor within them, other factors held",
    "mixed_supernets": "mean slope over supernets such as these (random levels), per SD of the "
    "factor within them, other factors held",
}
Row = dict[str, object]
Positions = NDArray[np.intp]


def pooled_rows(study: Study, score: Score) -> list[Row]:
    """Rows of one outcome over all supernets; none where there is one supernet only."""
    groups = study.groups
    if len(groups) < 2:
        return []
    rows = np.concatenate([group.rows for group in groups])
    supernets = np.repeat(np.arange(len(groups)), [len(group.rows) for group in groups])
    units = _units(groups)
    name = "mixed_supernets" if len(groups) >= FEWEST else "fixed_supernets"
    common: Row = {
        **{"supernet": ALL, "outcome": score.outcome.name, "question": "all", "model": name},
        **{"n": len(rows), "clusters": len(np.unique(units)), "images": len(score.images)},
        "estimand": POOLED[name],
        "conditional_on": "; ".join(group.conditional_on for group in groups),
    }
    kept = _common_factors(study)
    scores = score.in_points[rows]
    why = _impossible(kept, scores, supernets, len(np.unique(units)))
    if why:
        return [{**common, "factor": factor, "reason": why} for factor in kept or [""]]
    centred = _within(study.factors.iloc[rows][kept].to_numpy(dtype=float), supernets)
    deviations = np.sqrt((centred**2).sum(0) / (len(rows) - len(groups)))
    found = fit_pooled(Pool(centred / deviations, scores, units, supernets))
    if isinstance(found, str):
        return [{**common, "factor": factor, "reason": found} for factor in kept]
    inner = _within(scores.mean(-1, keepdims=True), supernets)
    spread = float(np.sqrt((inner**2).sum() / (len(rows) - len(groups))))
    low, high = found.estimate - found.reach, found.estimate + found.reach
    return [
        {
            **common,
            "factor": factor,
            "effect_pp": found.estimate[i],
            "effect_low": low[i],
            "effect_high": high[i],
            "factor_sd": deviations[i],
            "per_unit": found.estimate[i] / deviations[i],
            "coefficient": found.estimate[i] / spread,
            "p": found.p[i],
            "reason": "",
        }
        for i, factor in enumerate(kept)
    ]


def _units(groups: tuple[Group, ...]) -> Positions:
    """Design units of all networks, none in two supernets."""
    starts = np.cumsum([0, *(group.n_units for group in groups)])
    return np.concatenate([g.units + start for g, start in zip(groups, starts[:-1], strict=True)])


def _common_factors(study: Study) -> list[str]:
    """Factors that vary in every supernet, none a combination of others in any."""
    kept: list[str] | None = None
    for group in study.groups:
        factors = study.factors.iloc[group.rows]
        out = unusable(factors)
        names = [f for f in factors.columns if f not in out and (kept is None or f in kept)]
        kept = independent_factors(factors[names])[0]
    return kept or []


def _impossible(kept: list[str], scores: Floats, supernets: Positions, units: int) -> str:
    """Why the supernets cannot be pooled, "" if they can."""
    if not kept:
        return "no design factor varies in every supernet"
    needed = 3 * (len(kept) + int(supernets.max()) + 1)
    if units < needed:
        return f"needs {needed} independent design units; has {units}"
    if float(np.ptp(_within(scores.mean(-1, keepdims=True), supernets))) <= 1e-8:
        return "the outcome is the same for every network"
    return ""


def _within(values: Floats, supernets: Positions) -> Floats:
    """(n, K) values less their supernet's mean."""
    level = np.eye(int(supernets.max()) + 1)[supernets]
    inner: Floats = values - level @ (level.T @ values / level.sum(0)[:, None])
    return inner
