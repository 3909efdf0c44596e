"""What was found, in plain sentences."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.correlations import NOT_A_FACTOR
from analysis.decided import decided_sentences
from analysis.regressions import Regression, RegressionTables
from analysis.study import Group, Study
from analysis.trust import alarm_sentence, left_out_sentence, number_sentences
from metrics import Floats

HEADLINES = ("clean", "adversarial", "natural", "system")
NOISE = {
    "clean": "no noise (clean accuracy)",
    "adversarial": "adversarial noise",
    "natural": "natural noise",
    "system": "system noise",
}
ALPHA = 0.05
ENTANGLED = 5.0  # variance inflation above which factors cannot be told apart well


def sentences(study: Study, regressions: RegressionTables) -> tuple[str, ...]:
    """The findings in plain words, each with its uncertainty and what it is conditional on."""
    said = opening(study)
    if not study.groups:
        said.append("No network comes from a supernet, so no factor was related to robustness.")
    for group in study.groups:
        said += [_levels(study, group), *_failed(study, group)]
        for name in HEADLINES:
            if study.score(name) is not None:
                said.append(_strongest(study, regressions, group, name))
    return (*said, *closing(study))


def opening(study: Study) -> list[str]:
    """How much was evaluated, and what could not be scored."""
    return [_counts(study), *_absent(study)]


def closing(study: Study) -> list[str]:
    """What was decided early, and what makes numbers doubtful."""
    told = (alarm_sentence(study), left_out_sentence(study))
    return [*decided_sentences(study), *(t for t in told if t), *number_sentences(study)]


def _images(study: Study) -> str:
    known = study.counts[0][:, ~study.uncounted]
    return f"{known.max():,} images" if known.size else "an unknown number of images"


def _counts(study: Study) -> str:
    images = 0 if study.counted else study.evaluated.any(axis=1).any(axis=0).sum()
    n = len(study.networks)
    text = (
        f"{n:,} {'network was' if n == 1 else 'networks were'} evaluated under "
        f"{len(study.conditions)} conditions on "
        f"{_images(study) if study.counted else f'{images:,} images'}"
    )
    attacked = next((s for s in study.scores if s.outcome.family == "adversarial"), None)
    if attacked is not None and not study.counted and len(attacked.images) != images:
        text += f" ({len(attacked.images):,} of them attacked)"
    left = sum(study.left_out.values())
    if not left:
        return text + "."
    why = "; ".join(f"{count} {reason}" for reason, count in study.left_out.items())
    return f"{text}; {left:,} more are left out ({why})."


def _absent(study: Study) -> list[str]:
    if not study.absent:
        return []
    why = "; ".join(f"{name} ({reason})" for name, reason in study.absent.items())
    return [f"Outcomes that could not be scored: {why}."]


def _levels(study: Study, group: Group) -> str:
    """Median and range of the headline outcomes over the networks of a supernet."""
    parts = []
    for name in HEADLINES:
        score = study.score(name)
        if score is not None:
            value = 100 * score.estimate.value[group.rows]
            parts.append(
                f"{name} {np.median(value):.1f} % ({value.min():.1f} to {value.max():.1f})"
            )
    return (
        f"{group.label}: median accuracy over {len(group.rows):,} subnets (least to greatest): "
        f"{', '.join(parts)}."
    )


def _failed(study: Study, group: Group) -> list[str]:
    """A warning where the networks have learned nothing."""
    clean = study.score("clean")
    if clean is None or np.median(clean.estimate.value[group.rows]) > study.commonest:
        return []
    return [
        f"{group.label}: at least half of its networks are right no more often than the answer "
        f"that is always the commonest class ({100 * study.commonest:.1f} %). The training failed; "
        "what follows says nothing of robustness."
    ]


def _strongest(study: Study, regressions: RegressionTables, group: Group, name: str) -> str:
    """Which factor matters most for one outcome of one supernet."""
    table = regressions.table
    rows = table[(table["supernet"] == group.label) & (table["outcome"] == name)]
    start = f"{group.label}, {NOISE[name]}: "
    fit = next(
        (f for f in regressions.fits if (f.supernet, f.outcome) == (group.label, name)), None
    )
    if fit is None:
        reasons = sorted({str(reason) for reason in rows["reason"]} - {"", NOT_A_FACTOR})
        # what hinders all factors says more than why one of them was dropped
        all_factors = [r for r in reasons if not r.startswith(("constant", "determined"))]
        why = "; ".join(all_factors or reasons) or "no design factor is known"
        return f"{start}no regression ({why})."
    known = rows[rows["reason"] == ""]
    strength = known["coefficient"].abs().to_numpy(dtype=float)
    known = known.iloc[np.argsort(-strength, kind="stable")]
    clear = known[is_clear(known)]
    dim = [str(factor) for factor in known["factor"] if factor not in set(clear["factor"])]
    said = _leaders(clear, fit) if len(clear) else "no factor has a distinguishable effect"
    text = f"{start}{said}."
    if dim and len(clear):
        text += f" Not distinguishable from no effect: {', '.join(dim)}."
    entangled = [str(f) for f in known.loc[known["vif"] > ENTANGLED, "factor"]]
    if entangled:
        text += f" Hard to separate from the other factors (VIF > 5): {', '.join(entangled)}."
    return (
        f"{text} Together the factors explain {100 * fit.fit.r2:.0f} % of the variance between "
        f"{known['n'].iloc[0]:,} networks. Conditional on the {group.conditional_on}."
    )


def is_clear(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Which effects are distinguishable: q below 0.05 and an interval that excludes 0."""
    return (rows["q"] < ALPHA) & (rows["effect_low"] * rows["effect_high"] > 0)


def _leaders(clear: pd.DataFrame, fit: Regression) -> str:
    """The strongest factor, those of about its size, and the weaker ones, in words."""
    first, others = clear.iloc[0], clear.iloc[1:]
    equal = _as_strong(fit, str(first["factor"]), [str(f) for f in others["factor"]])
    text = (
        f"{first['factor']} matters most, {_size(first)} percentage points per standard deviation"
        f"{_per_unit(first)}, other factors held"
    )
    if equal:
        text += f" (its lead over {' and '.join(equal)} is within the error)"
    if len(others):
        rest = ", ".join(f"{row['factor']} {_size(row)}" for _, row in others.iterrows())
        text += f"; then {rest}"
    return text


def _size(row: "pd.Series[float]") -> str:
    """Effect in percentage points per standard deviation, with its interval."""
    return f"{row['effect_pp']:+.2f} [{row['effect_low']:+.2f}, {row['effect_high']:+.2f}]"


def _per_unit(row: "pd.Series[float]") -> str:
    """The effect per natural unit, for instance per px of resolution."""
    unit = str(row["unit"])
    if not unit or unit == "1":
        return ""
    size = f"{row['per_unit']:+.3g} [{row['per_unit_low']:+.3g}, {row['per_unit_high']:+.3g}]"
    return f" ({size} per unit of {row['factor']}, in {unit})"


def _as_strong(fit: Regression, first: str, others: Sequence[str]) -> list[str]:
    """The factors whose absolute effect does not differ from the first one's at the 5 % level."""
    covariance: Floats = fit.fit.covariance
    effects, quantile = fit.fit.effects, fit.fit.quantile
    a = fit.factors.index(first)
    close = []
    for name in others:
        b = fit.factors.index(name)
        sign = np.sign(effects[a] * effects[b])
        variance = covariance[a, a] + covariance[b, b] - 2 * sign * covariance[a, b]
        gap = abs(effects[a]) - abs(effects[b])
        if gap < quantile * np.sqrt(max(variance, 0.0)):
            close.append(name)
    return close
