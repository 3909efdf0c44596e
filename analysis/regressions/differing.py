"""Do conclusions depend on the model? In sentences, from regression_models.csv."""

from collections.abc import Iterator, Sequence

import pandas as pd

from analysis.regressions.models import MODELS
from analysis.regressions.terms_table import CURVE, clear

SHOWN = 4
ALPHA = 0.05
QUESTIONS = {
    "all": "of a factor with the other factors held",
    "clean_held": "with clean accuracy held too",
    "clean_alone": "of clean accuracy alone, no factor held",
}


def model_sentences(models: pd.DataFrame, terms: pd.DataFrame) -> tuple[str, ...]:
    """Per supernet and question whether its models agree, and which effects bend or interact.

    An effect is clear when its interval excludes 0 and q < 0.05 within its model. Models differ in
    sign when two are clear on opposite sides, and in significance when some but not all are clear.
    """
    own = models[models["model"].isin(list(MODELS))]
    said = []
    for (supernet, question), part in own.groupby(["supernet", "question"], sort=False):
        known = part[part["reason"] == ""]
        names = list(dict.fromkeys(known["model"]))
        if names:
            agreement = _agreement(f"{supernet}: effects {QUESTIONS[str(question)]}", known, names)
            said.append(f"{agreement}{_without(part)}.")
    for supernet, part in terms[terms["reason"] == ""].groupby("supernet", sort=False):
        said += _terms(str(supernet), part)
    return tuple(said)


def _agreement(start: str, part: pd.DataFrame, names: Sequence[str]) -> str:
    """How far the models of one question of one supernet agree."""
    signs, some, total = [], [], 0
    for what, by_model in _effects(part):
        if len(by_model) < 2:
            continue
        total += 1
        verdict = _verdict(by_model)
        if len(set(verdict.values()) - {0}) > 1:
            signs.append(what)
        elif 0 in verdict.values() and any(verdict.values()):
            some.append(f"{what} ({_voices(verdict)})")
    if not total:
        return f"{start}: only {names[0]} gives numbers"
    same = total - len(signs) - len(some)
    text = (
        f"{start}, by {len(names)} models ({', '.join(names)}): {same} of {total} have the same "
        "sign and significance in all"
    )
    if signs:
        text += f"; the sign depends on the model for {_listed(signs)}"
    if some:
        text += f"; significance depends on it for {_listed(some)}"
    return text


def _without(part: pd.DataFrame) -> str:
    """Which models have no number for some outcome, and why, in words."""
    lacking = part[part["reason"] != ""].drop_duplicates(["model", "outcome"])
    if lacking.empty:
        return ""
    models = ", ".join(dict.fromkeys(lacking["model"]))
    outcomes = ", ".join(dict.fromkeys(lacking["outcome"]))
    return f"; {models} cannot say for {outcomes} (as {lacking['reason'].iloc[0]})"


def _effects(part: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Every outcome and factor with its rows, one per model."""
    for (outcome, factor), rows in part.groupby(["outcome", "factor"], sort=False):
        yield f"{factor} on {outcome}", rows


def _verdict(rows: pd.DataFrame) -> dict[str, int]:
    """Model to -1 or 1 where the effect is clear, 0 where it is not."""
    found = {}
    for row in rows.to_dict("records"):
        sure = float(row["effect_low"]) * float(row["effect_high"]) > 0 and row["q"] < ALPHA
        found[str(row["model"])] = (1 if float(row["effect_pp"]) > 0 else -1) if sure else 0
    return found


def _voices(verdict: dict[str, int]) -> str:
    """Which models are clear, or which are not, whichever are fewer."""
    yes = [name for name, sign in verdict.items() if sign]
    no = [name for name, sign in verdict.items() if not sign]
    return f"only {', '.join(yes)}" if len(yes) <= len(no) else f"not {', '.join(no)}"


def _terms(supernet: str, part: pd.DataFrame) -> list[str]:
    """Which effects bend and which depend on another factor, strongest first."""
    sure = part[clear(part)]
    sure = sure.iloc[sure["p"].astype(float).argsort(kind="stable")]
    if sure.empty:
        return []
    bent, paired = sure[sure["term"] == CURVE], sure[sure["term"] != CURVE]
    pieces = []
    if len(bent):
        curves = [f"{r['factor']} on {r['outcome']}" for r in bent.to_dict("records")]
        pieces.append(f"no straight line: {_listed(curves)}")
    if len(paired):
        pairs = [
            f"{r['factor']} with {r['other']} on {r['outcome']}" for r in paired.to_dict("records")
        ]
        pieces.append(f"effects that depend on another factor: {_listed(pairs)}")
    return [f"{supernet}: beyond the linear model (q < 0.05), {'; '.join(pieces)}."]


def _listed(items: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = len(items) - SHOWN
    text = ", ".join(items[:SHOWN])
    return f"{text} and {more} more" if more > 0 else text
