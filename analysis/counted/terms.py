"""What was chosen for every network, as columns of a regression: numbers, and levels as dummies.

A categorical factor becomes one column per level but one, its reference: the level that most
networks have over all factors with the same levels, so that edges or stages share theirs. Effects
of levels are then differences to the reference.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.correlations import NOT_A_FACTOR, unusable_factors
from metrics import Bits, Floats
from nas_space.costs import COSTS
from sampling.store.categories import follows, level_of

COLLINEAR = 1e-8
"""Share of a column's variance that the terms before it must leave."""

RARE = "only one network has it: left out"
ALONE = "differs in one network only, which alone would decide its effect"


@dataclass(frozen=True)
class Term:
    """A factor as k columns.

    Attributes:
        name: Of the factor.
        columns: Names of its columns in the file: the factor itself, or indicators of levels.
        levels: Their levels; empty for a number.
        reference: The level that has no column; "" for a number.
    """

    name: str
    columns: tuple[str, ...]
    levels: tuple[str, ...] = ()
    reference: str = ""


@dataclass(frozen=True)
class Terms:
    """What a regression over the networks of a group can tell apart.

    Attributes:
        terms: In the order of the model.
        dropped: Factor, or indicator of a level, to the reason why there is no effect of it.
        rows: (m,) positions within the group of the networks that take part.
    """

    terms: tuple[Term, ...]
    dropped: Mapping[str, str]
    rows: NDArray[np.intp]

    @property
    def columns(self) -> list[str]:
        """All columns, term after term."""
        return [name for term in self.terms for name in term.columns]

    @property
    def sizes(self) -> list[int]:
        """Columns per term."""
        return [len(term.columns) for term in self.terms]

    @property
    def needed(self) -> int:
        """Independent networks that the model needs: three per coefficient."""
        return 3 * (len(self.columns) + 1)


def unusable(factors: pd.DataFrame) -> dict[str, str]:
    """Factor to the reason why nothing can be related to it: as for supernets, or not finite."""
    finite = factors.where(~np.isinf(factors.to_numpy(dtype=float)))
    reasons = unusable_factors(finite)
    for name in map(str, factors.columns):
        values = factors[name].to_numpy(dtype=float)
        wrong = int(np.isinf(values).sum())
        if reasons.get(name) == NOT_A_FACTOR:
            reasons[name] = "unknown for every network"
        if wrong:
            reasons[name] = f"infinite for {wrong} of {len(values)} networks"
        elif name not in reasons and float(np.abs(values).max()) > 1e150:
            reasons[name] = "too large to compute with: beyond 1e150"
    return reasons


def find_terms(factors: pd.DataFrame, units: Mapping[str, str]) -> Terms:
    """The terms of the networks of one group.

    Args:
        factors: (n, F) factors as stored.
        units: Factor to unit.
    """
    levels = categorical(list(map(str, factors.columns)), units)
    of_level = {column for columns in levels.values() for column in columns.values()}
    numbers = _chosen([str(f) for f in factors.columns if f not in of_level], units, bool(levels))
    dropped = unusable(factors[numbers])
    dropped |= {
        name: why for name, c in levels.items() if (why := _no_category(factors[[*c.values()]]))
    }
    terms = [name for name in levels if name not in dropped]
    keep, rare = _without_rare(factors[[c for name in terms for c in levels[name].values()]])
    dropped |= dict.fromkeys(rare, RARE)
    rows = np.flatnonzero(keep)
    found = [_category(name, levels, factors.iloc[rows]) for name in terms]
    dropped |= {n: "one level is left" for n, t in zip(terms, found, strict=True) if t is None}
    made = [term for term in found if term is not None]
    made += [Term(name, (name,)) for name in numbers if name not in dropped]
    kept, aliased = _independent(made, factors.iloc[rows])
    return Terms(tuple(kept), dropped | aliased, rows)


def categorical(names: list[str], units: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Categorical factor to its levels and the column of each."""
    found: dict[str, dict[str, str]] = {}
    for name in names:
        parts = level_of(units.get(name, ""))
        if parts:
            found.setdefault(parts[0], {})[parts[1]] = name
    return found


def _chosen(names: list[str], units: Mapping[str, str], more: bool) -> list[str]:
    """Numeric factors that somebody chose; costs where there is nothing else."""
    first = [n for n in names if not follows(units.get(n, "")) and "_stage" not in n]
    chosen = [n for n in first if n not in COSTS]
    return chosen if chosen or more else first


def _without_rare(indicators: pd.DataFrame) -> tuple[Bits, list[str]]:
    """(n,) networks without a level of their own, and the columns of such levels."""
    values = indicators.to_numpy(dtype=float)
    keep: Bits = np.ones(len(values), np.bool_)
    while (rare := values[keep].sum(0) == 1).any():
        keep &= ~(values[:, rare] == 1).any(1)
    gone = (values[keep].sum(0) == 0) & (values.sum(0) > 0)
    return keep, [str(name) for name in indicators.columns[gone]]


def _no_category(indicators: pd.DataFrame) -> str:
    """Why the indicators (n, L) of a categorical factor cannot be used, "" if they can."""
    values = indicators.to_numpy(dtype=float)
    unknown = int(np.isnan(values).any(1).sum())
    if unknown:
        return f"undefined for {unknown} of {len(values)} networks"
    if not (np.isin(values, (0, 1)).all() and (values.sum(1) == 1).all()):
        return "its levels are not one per network"
    if (values.sum(0) > 0).sum() < 2:
        return "constant: one level in every network"
    return ""


def _category(
    name: str, levels: Mapping[str, Mapping[str, str]], factors: pd.DataFrame
) -> Term | None:
    """The term of a categorical factor over some networks, None where one level is left."""
    own = {level: c for level, c in levels[name].items() if float(factors[c].sum()) > 0}
    if len(own) < 2:
        return None
    alike = [columns for columns in levels.values() if set(columns) == set(levels[name])]
    total = {level: sum(float(factors[c[level]].sum()) for c in alike) for level in own}
    reference = max(own, key=lambda level: (total[level], level))
    rest = {level: column for level, column in own.items() if level != reference}
    return Term(name, tuple(rest.values()), tuple(rest), reference)


def _independent(terms: list[Term], factors: pd.DataFrame) -> tuple[list[Term], dict[str, str]]:
    """The terms that those before them do not determine, and the others with the reason."""
    kept: list[Term] = []
    dropped: dict[str, str] = {}
    basis = np.zeros((len(factors), 0))
    for term in terms:
        own = scaled(factors[list(term.columns)].to_numpy(dtype=float))
        if not term.reference and _alone(own[:, 0]):
            dropped[term.name] = ALONE
            continue
        left = own - basis @ (basis.T @ own)
        left -= basis @ (basis.T @ left)  # twice, against rounding
        q, r = np.linalg.qr(left)
        if float(np.abs(np.diag(r)).min(initial=1.0)) ** 2 < COLLINEAR:
            others = ", ".join(_needed(kept, factors, own))
            dropped[term.name] = f"determined by {others}" if others else "has no variance"
        else:
            kept.append(term)
            basis = np.concatenate([basis, q], axis=1)
    return kept, dropped


def _needed(kept: list[Term], factors: pd.DataFrame, columns: Floats) -> list[str]:
    """Names of the kept terms that the centred (n, k) columns are combinations of."""
    names = [term.name for term in kept for _ in term.columns]
    if not names:
        return []
    design = scaled(factors[[c for term in kept for c in term.columns]].to_numpy(dtype=float))
    weights = np.abs(np.linalg.lstsq(design, columns, rcond=None)[0]).max(1)
    return list(dict.fromkeys(n for n, w in zip(names, weights, strict=True) if w > 1e-6))


def scaled(values: Floats) -> Floats:
    """(n, P) centred columns of unit length; constant ones are 0."""
    size = np.abs(values).max(0, initial=0.0)
    centred = values / np.where(size > 0, size, 1)
    centred = centred - centred.mean(0)
    length = np.sqrt((centred**2).sum(0))
    result: Floats = centred / np.where(length > 1e-12, length, np.inf)
    return result


def _alone(values: Floats) -> bool:
    """Whether all networks but one are alike."""
    return bool(np.unique(values, return_counts=True)[1].max() >= len(values) - 1)
