"""importance.csv of a counted file, and how much is explained of every single condition."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.bootstrap import MIN_UNITS
from analysis.correlations.table import TOO_FEW
from analysis.counted.correlation_tables import spread_reason
from analysis.counted.correlations import Variable, correlate
from analysis.counted.models import Model
from analysis.counted.resampling import DRAWS, Blocks, explained, lmg_shares, make_blocks
from analysis.counted.terms import Terms
from analysis.importance.groups import FactorGroups, entanglement
from analysis.importance.table import COLUMNS, LMG, SEED
from analysis.study import Study
from metrics import Floats

EXPLAINED = [
    *("supernet", "condition", "family", "severity", "median", "r2", "r2_low", "r2_high"),
    *("rank_clean", "rank_clean_low", "rank_clean_high", "n", "reason"),
]


def counted_importance(
    models: Sequence[Model], draws: int = DRAWS, seed: int = SEED
) -> pd.DataFrame:
    """LMG shares per factor; the dummies of a categorical factor enter and leave together."""
    rows: list[dict[str, object]] = []
    for position, model in enumerate(models):
        rng = np.random.default_rng([seed, position])
        rows += _shares(model, draws, rng)
    return pd.DataFrame(rows, columns=COLUMNS)


def _shares(model: Model, draws: int, rng: np.random.Generator) -> list[dict[str, object]]:
    """Rows of one group of networks."""
    names = list(model.fits)
    rows: list[dict[str, object]] = []
    for name in model.outcomes:
        common = _common(model, name)
        why = model.reasons.get(name, "")
        reasons = {**{t.name: why for t in model.terms.terms if why}, **model.terms.dropped}
        rows += [{**common, "group": g, "factors": "", "reason": r} for g, r in reasons.items()]
    if not names:
        return rows
    blocks = _blocks(model, np.stack([model.outcomes[n] for n in names], axis=1), rng)
    share, r2, error = lmg_shares(blocks, model.terms.sizes, rng, draws)
    inflation, words = entanglement(model.design, as_groups(model.terms))
    for k, name in enumerate(names):
        limits = {"r2": r2.value[k], "r2_low": r2.low[k], "r2_high": r2.high[k]}
        for g, term in enumerate(model.terms.terms):
            numbers = {"share": share.value[g, k], "low": share.low[g, k]}
            rows.append(
                {
                    **_common(model, name),
                    **limits,
                    **numbers,
                    "high": share.high[g, k],
                    "group": term.name,
                    "factors": " ".join(term.columns),
                    "monte_carlo_error": error[g, k],
                    "vif": inflation[g],
                    "warning": words[g],
                    "reason": "",
                }
            )
    return rows


def as_groups(terms: Terms) -> FactorGroups:
    """The terms in the form in which importance knows groups of columns."""
    return FactorGroups({t.name: list(t.columns) for t in terms.terms}, dict(terms.dropped))


def _blocks(model: Model, outcomes: Floats, rng: np.random.Generator) -> Blocks:
    return make_blocks(model.design, outcomes, model.units, rng)


def _common(model: Model, name: str) -> dict[str, object]:
    return {
        "supernet": model.group.label,
        "outcome": name,
        "method": LMG,
        "n": len(model.design),
        "units": len(np.unique(model.units)),
        "conditional_on": model.group.conditional_on,
    }


def explained_table(
    study: Study, models: Sequence[Model], draws: int = DRAWS, seed: int = SEED
) -> pd.DataFrame:
    """One row per group and condition: what choices explain of it, and how it ranks networks.

    `r2` is the share of the variance between networks that main effects of all choices explain;
    `rank_clean` the Spearman correlation with clean accuracy. Both with 95 % intervals over draws
    of networks. `median` is the accuracy in [0, 1].
    """
    tried, right = study.counts
    shares = np.where(tried > 0, right / np.maximum(tried, 1), np.nan)
    rows: list[dict[str, object]] = []
    for position, model in enumerate(models):
        rng = np.random.default_rng([seed, position, 1])
        rows += _conditions(study, model, shares[model.group.rows], (draws, rng))
    return pd.DataFrame(rows, columns=EXPLAINED)


def _conditions(
    study: Study, model: Model, shares: Floats, random: tuple[int, np.random.Generator]
) -> list[dict[str, object]]:
    """Rows of one group, of whose n networks (n, M) accuracies are given."""
    reasons = [_why_not(column) for column in shares.T]
    known = [m for m, why in enumerate(reasons) if not why]
    cells: dict[int, dict[str, object]] = {m: {} for m in range(len(reasons))}
    fitted = bool(model.terms.terms) and len(np.unique(model.units)) >= model.terms.needed
    varied = [m for m in known if not spread_reason(shares[model.terms.rows, m])] if fitted else []
    if varied:
        draws, rng = random
        r2 = explained(_blocks(model, shares[model.terms.rows][:, varied], rng), rng, draws)
        for k, m in enumerate(varied):
            cells[m] |= {"r2": r2.value[k], "r2_low": r2.low[k], "r2_high": r2.high[k]}
    families = [str(f) for f in study.conditions["family"]]
    clean = [m for m in known if families[m] == "clean"]
    if clean and model.group.n_units >= MIN_UNITS:
        base = Variable(shares[:, clean[0]])
        for m in known:
            found = correlate(base, Variable(shares[:, m]), model.group.units)["spearman"]
            limits = (found.estimate, found.low, found.high)
            names = ("rank_clean", "rank_clean_low", "rank_clean_high")
            cells[m] |= dict(zip(names, limits, strict=True)) if m != clean[0] else {}
    few = TOO_FEW if model.group.n_units < MIN_UNITS else ""
    return [
        {
            "supernet": model.group.label,
            "condition": str(condition["name"]),
            "family": families[m],
            "severity": condition["severity"],
            "median": _median(shares[:, m]),
            "n": int(np.isfinite(shares[:, m]).sum()),
            "reason": reasons[m] or few or ("" if m in varied else _unfitted(model)),
            **cells[m],
        }
        for m, condition in enumerate(study.conditions.to_dict("records"))
    ]


def _unfitted(model: Model) -> str:
    """Why nothing was explained, where the condition itself is not to blame."""
    return next(iter(model.reasons.values()), "no choice to explain it by")


def _why_not(shares: Floats) -> str:
    known = int(np.isfinite(shares).sum())
    if known < len(shares):
        return f"evaluated for {known} of {len(shares)} networks"
    return spread_reason(shares)


def _median(shares: Floats) -> float:
    known = shares[np.isfinite(shares)]
    return float(np.median(known)) if len(known) else float("nan")
