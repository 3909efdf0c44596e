"""What an expression says of N networks: arrays in, one bool per network out."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from analysis.expression import COMPARISONS, Among, Chain, Constant, Logic, Name, Node
from analysis.tokens import QueryError

Values: TypeAlias = NDArray[Any]
"""(N,) or (): float64 with NaN where there is no number, texts as objects, or bool."""

Resolve: TypeAlias = Callable[[str], Values]
"""Name to (N,) values; raises QueryError for a name that is not known."""

_OPERATIONS: dict[str, Callable[[Values, Values], Values]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
}


def choose(node: Node, resolve: Resolve, n: int) -> NDArray[np.bool_]:
    """(N,) whether each network is chosen.

    Args:
        node: A parsed expression.
        resolve: Gives the values of names.
        n: N.

    Raises:
        QueryError: A name is not known, texts meet numbers, or the expression is no condition.
    """
    with np.errstate(all="ignore"):
        values = evaluate(node, resolve)
    if _type(values) != "condition":
        raise QueryError(
            f"query.expression must be a condition; got a {_type(values)}. "
            "Compare it: kernel >= 5, for instance."
        )
    return np.broadcast_to(values, (n,)).astype(np.bool_)


def evaluate(node: Node, resolve: Resolve) -> Values:
    """The values of a tree; the rules are those of `choose`."""
    if isinstance(node, Constant):
        return np.array(node.value, object if isinstance(node.value, str) else np.float64)
    if isinstance(node, Name):
        return resolve(node.text)
    if isinstance(node, Among):
        return _among(evaluate(node.value, resolve), node)
    if isinstance(node, Logic):
        return _logic(node, [evaluate(part, resolve) for part in node.parts])
    return _chain(node, evaluate(node.first, resolve), resolve)


def _chain(node: Chain, left: Values, resolve: Resolve) -> Values:
    """A sum or product from left to right, or comparisons that must all hold."""
    holds: Values | None = None
    for sign, part in node.rest:
        right = evaluate(part, resolve)
        value = _apply(sign, left, right)
        if sign in COMPARISONS:
            holds = value if holds is None else holds & value
            left = right
        else:
            left = value
    return left if holds is None else holds


def _apply(sign: str, left: Values, right: Values) -> Values:
    kinds = {_type(left), _type(right)}
    ordered = sign not in ("==", "!=")
    if len(kinds) > 1 or "condition" in kinds or (ordered and "text" in kinds):
        raise QueryError(
            f"query.expression must have numbers on both sides of {sign}, or texts around == and "
            f"!=; got a {_type(left)} and a {_type(right)}. Put texts in quotes."
        )
    value = np.asarray(_OPERATIONS[sign](left, right))
    if sign == "!=" and kinds == {"number"}:
        return value & ~np.isnan(left) & ~np.isnan(right)
    return value.astype(np.bool_) if sign in COMPARISONS else value


def _among(values: Values, node: Among) -> Values:
    kind = _type(values)
    wanted = {"text" if isinstance(c, str) else "number" for c in node.constants}
    if wanted != {kind}:
        raise QueryError(
            f"query.expression must look for a {kind} among {kind}s; got "
            f"{' and '.join(f'{w}s' for w in sorted(wanted))}. Put texts in quotes."
        )
    return np.isin(values, np.array(node.constants, values.dtype))


def _logic(node: Logic, parts: list[Values]) -> Values:
    other = next((p for p in parts if _type(p) != "condition"), None)
    if other is not None:
        raise QueryError(
            f"query.expression must have conditions around {node.sign}; got a {_type(other)}. "
            "Compare it: kernel >= 5, for instance."
        )
    if node.sign == "not":
        return ~parts[0]
    join = np.logical_and if node.sign == "and" else np.logical_or
    held = parts[0]
    for part in parts[1:]:
        held = join(held, part)
    return held


def _type(values: Values) -> str:
    return {"b": "condition", "O": "text"}.get(values.dtype.kind, "number")
