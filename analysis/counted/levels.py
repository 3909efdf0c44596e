"""What a level does, mean over the factors that offer it: an operation over all edges."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.correlations import false_discovery
from analysis.counted.models import Model
from analysis.counted.terms import Term

COLUMNS = [
    *("supernet", "outcome", "level", "reference", "factors", "effect_pp", "low", "high", "p"),
    *("n", "conditional_on"),
]


def levels_table(models: Sequence[Model]) -> pd.DataFrame:
    """One row per group, outcome and level of factors that share levels and reference.

    `effect_pp` is the mean over these factors of the points that the level has over the reference,
    all other choices held, with its interval over networks; q is over the whole table.
    """
    rows: list[dict[str, object]] = []
    for model in models:
        for alike in families(model.terms.terms):
            for name, fit in model.fits.items():
                for level in alike[0].levels:
                    weights = _weights(model.terms.terms, alike, level)
                    value, low, high = fit.contrast(weights)
                    numbers = {"effect_pp": value, "low": low, "high": high}
                    rows.append(
                        {
                            "supernet": model.group.label,
                            "outcome": name,
                            "level": level,
                            "reference": alike[0].reference,
                            "factors": " ".join(term.name for term in alike),
                            **numbers,
                            "p": fit.contrast_p(weights),
                            "n": len(model.design),
                            "conditional_on": model.group.conditional_on,
                        }
                    )
    table = pd.DataFrame(rows, columns=COLUMNS)
    table.insert(COLUMNS.index("p") + 1, "q", false_discovery(table["p"].astype(float)))
    return table


def families(terms: Sequence[Term]) -> list[list[Term]]:
    """Categorical factors, one or more, that share levels and reference."""
    found: dict[tuple[str, ...], list[Term]] = {}
    for term in terms:
        if term.reference:
            found.setdefault((term.reference, *sorted(term.levels)), []).append(term)
    return list(found.values())


def _weights(
    terms: Sequence[Term], alike: Sequence[Term], level: str
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(P,) weights of the mean of a level's effects."""
    names = {term.name for term in alike}
    cells = [
        1 / len(alike) if term.name in names and own == level else 0.0
        for term in terms
        for own in (term.levels or ("",))
    ]
    return np.array(cells)
