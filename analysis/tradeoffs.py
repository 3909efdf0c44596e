"""Does robustness to one noise buy robustness to another? In words, for every supernet."""

from itertools import combinations

import pandas as pd

from analysis.study import Study

KINDS = ("adversarial", "natural", "system")
ALPHA = 0.05


def tradeoff_sentences(between: pd.DataFrame, study: Study) -> list[str]:
    """A sentence per supernet: rank correlations between kinds of robustness, given clean accuracy.

    Args:
        between: As in tradeoffs.csv, with q values of the whole table.
        study: The networks.
    """
    usable = between[(between["method"] == "spearman") & (between["reason"] == "")]
    told = []
    for group in study.groups:
        own = usable[usable["supernet"] == group.label]
        parts = [text for a, b in combinations(KINDS, 2) if (text := _pair(own, a, b))]
        if parts:
            told.append(
                f"Trade-offs, {group.label}: {'; '.join(parts)}. Spearman correlations over "
                f"{len(group.rows):,} networks with 95 % intervals. Conditional on the "
                f"{group.conditional_on}."
            )
    return told


def _pair(rows: pd.DataFrame, first: str, second: str) -> str:
    """What two kinds of robustness have to do with each other, "" where nothing is known."""
    one_way = (rows["outcome"] == first) & (rows["other"] == second)
    other_way = (rows["outcome"] == second) & (rows["other"] == first)
    both = {str(row["given"]): row for _, row in rows[one_way | other_way].iterrows()}
    if "" not in both:
        return ""
    plain, held = both[""], both.get("clean")
    text = f"{first} and {second} robustness {_verdict(plain)} ({_number(plain)}"
    if held is not None:
        text += f"; at equal clean accuracy they {_verdict(held)}: {_number(held)}"
    return text + ")"


def _verdict(row: "pd.Series[float]") -> str:
    """Whether they go together, against each other, or neither is clear."""
    if row["q"] >= ALPHA or row["low"] <= 0 <= row["high"]:
        return "show no clear relation"
    return "go together" if row["estimate"] > 0 else "are traded for each other"


def _number(row: "pd.Series[float]") -> str:
    return f"{row['estimate']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]"
