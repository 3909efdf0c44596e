"""claims.csv: every claim with its parts, their effects, and what they amount to.

A part is **supported** when its 95 % interval lies beyond the bound on the side the claim names,
**contradicted** when it lies beyond it on the other side, and in both cases q < 0.05: the p values
of all parts of all claims are adjusted together (Benjamini and Hochberg 1995). Otherwise it is
**undecided**; without a number it has **no data**. A claim holds when all of its parts do: it is
supported when all are supported, contradicted when one is contradicted.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from analysis.claims.claim import Answer, Claim, Evidence, Gap, Part
from analysis.claims.table import CLAIMS
from analysis.summary import ALPHA

VERDICTS = SUPPORTED, CONTRADICTED, UNDECIDED, NO_DATA = (
    *("supported", "contradicted", "undecided", "no data"),
)
WHOLE = "the whole claim"
COLUMNS = [
    *("claim", "name", "part", "verdict", "effect", "low", "high", "unit", "holds_if", "p", "q"),
    *("data", "conditional_on", "in_doubt", "missing", "source"),
]
TESTING = (
    "Claims: a part is supported or contradicted when its 95 % interval lies beyond the bound "
    "(0 unless said) and q < 0.05, adjusted over the {} tested parts of all claims "
    "(Benjamini-Hochberg); a claim is supported when all of its parts are, contradicted when one "
    "is."
)


def judge_claims(
    evidence: Evidence, claims: Sequence[Claim] = tuple(CLAIMS.values())
) -> pd.DataFrame:
    """One row per claim, with the verdict on the whole of it, followed by one per part.

    Columns: claim (what is said), name, part, verdict, effect with low and high in its unit,
    holds_if (the bound), p (two-sided, of the effect's being at the bound), q, data,
    conditional_on, in_doubt (what speaks against the number), missing (what a part without data
    needs), source.
    """
    answers = [(claim, answer) for claim in claims for answer in claim.test(evidence)]
    p = np.array([a.effect.p if isinstance(a, Part) else np.nan for _, a in answers])
    q, known = np.full(len(p), np.nan), np.isfinite(p)
    if known.any():
        q[known] = stats.false_discovery_control(p[known])
    rows: list[dict[str, object]] = []
    for claim in claims:
        own = [(a, float(w)) for (c, a), w in zip(answers, q, strict=True) if c is claim]
        parts = [_row(claim, answer, at) for answer, at in own]
        rows += [_whole(claim, parts), *parts]
    return pd.DataFrame(rows, columns=COLUMNS)


def verdict(part: Part, q: float) -> str:
    """What the numbers say to a part of a claim.

    Args:
        part: The part.
        q: Its adjusted p.
    """
    over, under = part.effect.low > part.bound, part.effect.high < part.bound
    if not (over or under) or not q < ALPHA:
        return UNDECIDED
    return SUPPORTED if over == part.above else CONTRADICTED


def together(verdicts: Sequence[str]) -> str:
    """What the verdicts on all parts of a claim amount to."""
    if set(verdicts) == {NO_DATA}:
        return NO_DATA
    if CONTRADICTED in verdicts:
        return CONTRADICTED
    return SUPPORTED if set(verdicts) == {SUPPORTED} else UNDECIDED


def _row(claim: Claim, answer: Answer, q: float) -> dict[str, object]:
    """One part of a claim; texts that are not there are empty."""
    texts = dict.fromkeys(("unit", "holds_if", "data", "conditional_on", "in_doubt", "missing"), "")
    common = {"claim": claim.text, "name": claim.name, "source": claim.source, **texts}
    if isinstance(answer, Gap):
        told = {"part": answer.label, "verdict": NO_DATA, "missing": answer.missing}
        return {**common, **told}
    effect = answer.effect
    return {
        **common,
        "part": answer.label,
        "verdict": verdict(answer, q),
        "effect": effect.value,
        "low": effect.low,
        "high": effect.high,
        "unit": answer.unit,
        "holds_if": f"{'above' if answer.above else 'below'} {answer.bound:g}",
        "p": effect.p,
        "q": q,
        "data": answer.data,
        "conditional_on": answer.conditional_on,
        "in_doubt": answer.mark,
    }


def _whole(claim: Claim, parts: Sequence[dict[str, object]]) -> dict[str, object]:
    """The row of a claim itself: how many of its parts say what, and what is missing."""
    said = [str(part["verdict"]) for part in parts]
    counts = ", ".join(f"{said.count(v)} {v}" for v in VERDICTS if v in said)
    missing = dict.fromkeys(str(part["missing"]) for part in parts if part["missing"])
    doubts = dict.fromkeys(str(part["in_doubt"]) for part in parts if part["in_doubt"])
    texts = dict.fromkeys(("unit", "holds_if", "conditional_on"), "")
    return {
        "claim": claim.text,
        "name": claim.name,
        "source": claim.source,
        **texts,
        "part": WHOLE,
        "verdict": together(said),
        "data": f"{len(parts)} part{'s' * (len(parts) > 1)}: {counts}",
        "in_doubt": "; ".join(doubts),
        "missing": "; ".join(missing),
    }


def claim_sentences(table: pd.DataFrame) -> list[str]:
    """Every claim with its verdict, a line per part below it, after how verdicts are reached."""
    tested = int((table["q"].notna()).sum())
    said = [TESTING.format(tested)] if tested else []
    for name in dict.fromkeys(table["name"]):
        rows = table[table["name"] == name]
        whole, parts = rows.iloc[0], rows.iloc[1:]
        lines = [f"{str(whole['verdict']).capitalize()}: {whole['claim']} ({whole['source']})"]
        known = parts[parts["verdict"] != NO_DATA].to_dict("records")
        lines += [f"    {_part_words(row)}" for row in known]
        if whole["missing"]:
            lines.append(f"    {'also needed' if known else 'needed'}: {whole['missing']}")
        said.append("\n".join(lines))
    return said


def _part_words(row: dict[str, object]) -> str:
    """A part with its number, for instance "supported: x: +1.20 [+0.50, +1.90] points; data"."""
    value, low, high = (float(str(row[name])) for name in ("effect", "low", "high"))
    doubt = f"; in doubt: {row['in_doubt']}" if row["in_doubt"] else ""
    bound = "" if str(row["holds_if"]).endswith(" 0") else f" (holds if {row['holds_if']})"
    return (
        f"{row['verdict']}: {row['part']}: {value:+.2f} [{low:+.2f}, {high:+.2f}] {row['unit']}"
        f"{bound}; {row['data']}{doubt}"
    )
