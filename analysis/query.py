"""Networks that meet a condition, with what is asked of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.choosing import choose
from analysis.expression import parse
from analysis.network_values import NetworkValues
from analysis.tokens import QueryError
from metrics import Estimate
from sampling.store import Results

HEADLINES = ("clean", "adversarial", "natural", "system")
"""Outcomes that are shown when none is asked for, as far as the file has them."""


@dataclass(frozen=True)
class Answer:
    """The networks found.

    Attributes:
        columns: Name to (n,) numbers or texts, or to an estimate with its interval, in order.
        points: Names of estimates in percentage points; the others are shares in [0, 1].
        found: Networks that meet the condition, of which the first n are here.
        size: Networks in the file.
    """

    columns: Mapping[str, "NDArray[np.object_] | NDArray[np.float64] | Estimate"]
    points: frozenset[str]
    found: int
    size: int

    @property
    def shown(self) -> int:
        """How many networks are here, n."""
        ids = self.columns["id"]
        return len(ids.value if isinstance(ids, Estimate) else ids)

    def flat(self) -> dict[str, object]:
        """Plain columns: an estimate NAME becomes NAME, NAME_low and NAME_high."""
        flat: dict[str, object] = {}
        for name, values in self.columns.items():
            if isinstance(values, Estimate):
                flat |= {name: values.value, f"{name}_low": values.low, f"{name}_high": values.high}
            else:
                flat[name] = values.tolist() if values.dtype == object else values
        return flat


def query(
    results: Results,
    expression: str = "",
    show: Sequence[str] = (),
    sort: str = "",
    limit: int | None = None,
) -> Answer:
    """The networks of an open results file that an expression chooses.

    Args:
        results: The open file.
        expression: See `expression.py`; all networks when empty.
        show: Columns, factors, conditions or outcomes; the headline outcomes when empty.
        sort: A name to sort by, ascending; descending with a minus before it. Networks without a
            value come last, equal ones keep the order of the file.
        limit: Networks at most.

    Raises:
        QueryError: The expression, a name or the limit will not do.
    """
    table = NetworkValues(results)
    if limit is not None and limit < 1:
        raise QueryError(f"query.limit must be at least 1; got {limit}. Change --limit.")
    wanted = [table.known(name) for name in show] or _headlines(table)
    key = table.known(sort.removeprefix("-")) if sort else ""
    chosen = np.arange(results.size)
    if expression.strip():
        chosen = np.flatnonzero(choose(parse(expression), table.values, results.size))
    rows = _sorted(table, chosen, key, sort.startswith("-"))[:limit]
    columns: dict[str, NDArray[np.object_] | NDArray[np.float64] | Estimate] = {}
    for name in dict.fromkeys(["id", *wanted]):
        outcome = table.is_outcome(name)
        columns[name] = table.estimate(name, rows) if outcome else table.values(name)[rows]
    points = frozenset(
        name for name in columns if name in table.outcomes and _in_points(table, name)
    )
    return Answer(columns, points, len(chosen), results.size)


def _in_points(table: NetworkValues, name: str) -> bool:
    return table.outcomes[name].kind == "deviation"


def _headlines(table: NetworkValues) -> list[str]:
    """Headline outcomes that can be scored."""
    found = []
    for name in HEADLINES:
        if name in table.outcomes and table.is_outcome(name):
            try:
                table.estimate(name, np.arange(0))
            except QueryError:
                continue
            found.append(name)
    return found


def _sorted(
    table: NetworkValues, rows: NDArray[np.int64], key: str, descending: bool
) -> NDArray[np.int64]:
    if not key:
        return rows
    values = table.values(key)[rows]
    if values.dtype == object:
        order = sorted(range(len(rows)), key=lambda k: str(values[k]), reverse=descending)
        return rows[np.array(order, np.int64)]
    return rows[np.argsort(-values if descending else values, kind="stable")]
