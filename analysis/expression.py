"""Expressions that choose networks: `kernel >= 5 and macs < 20e6 and family == 'resnet'`.

    either  = both {"or" both}              sum     = product {("+" | "-") product}
    both    = denied {"and" denied}         product = signed {("*" | "/") signed}
    denied  = "not" denied | compared       signed  = ("+" | "-") signed | value
    compared = sum {("<" | "<=" | ...) sum} value   = number | 'text' | name | "(" either ")"
             | sum ["not"] "in" "(" constant {"," constant} ")"

Nothing else is known: no attributes, no calls, no access to anything but the names given. Names
that are no plain words stand between backticks. A comparison with a missing value is false.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from analysis.tokens import QueryError, Token, tokenize

DEPTH = 50
"""Parentheses, signs and negations within each other at most."""

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


@dataclass(frozen=True)
class Constant:
    """A number or a text."""

    value: float | str


@dataclass(frozen=True)
class Name:
    """A factor, a column or an outcome."""

    text: str
    place: int


@dataclass(frozen=True)
class Chain:
    """Terms and the signs between them: a sum, a product or comparisons."""

    first: "Node"
    rest: tuple[tuple[str, "Node"], ...]


@dataclass(frozen=True)
class Logic:
    """Parts joined by "and" or "or", or the only part of "not"."""

    sign: str
    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Among:
    """Whether a value is one of the constants."""

    value: "Node"
    constants: tuple[float | str, ...]


Node: TypeAlias = Constant | Name | Chain | Logic | Among


def parse(expression: str) -> Node:
    """The tree of an expression.

    Raises:
        QueryError: It is none, with the place of the first thing wrong.
    """
    parser = _Parser(tokenize(expression))
    node = parser.either()
    if parser.token.kind != "end":
        raise parser.wrong("and, or, or the end")
    return node


class _Parser:
    """Recursive descent, one method per line of the grammar."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens, self.at, self.depth = tokens, 0, 0

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def wrong(self, wanted: str) -> QueryError:
        return QueryError(
            f"query.expression must have {wanted} here; got {self.token.shown}. "
            "Example: kernel >= 5 and family == 'resnet'."
        )

    def take(self, *texts: str) -> str:
        """The sign or word at hand if it is one of these, "" otherwise."""
        token = self.token
        if token.kind in ("sign", "word") and token.text in texts:
            self.at += 1
            return token.text
        return ""

    def need(self, text: str) -> None:
        if not self.take(text):
            raise self.wrong(repr(text))

    def deeper(self, read: Callable[[], Node]) -> Node:
        """What `read` gives, one level further down."""
        self.depth += 1
        if self.depth > DEPTH:
            raise QueryError(
                f"query.expression must be at most {DEPTH} levels deep; got more at character "
                f"{self.token.place}. Simplify it."
            )
        node = read()
        self.depth -= 1
        return node

    def either(self) -> Node:
        return self.joined("or", self.both)

    def both(self) -> Node:
        return self.joined("and", self.denied)

    def joined(self, word: str, part: Callable[[], Node]) -> Node:
        parts = [part()]
        while self.take(word):
            parts.append(part())
        return Logic(word, tuple(parts)) if len(parts) > 1 else parts[0]

    def denied(self) -> Node:
        if self.take("not"):
            return Logic("not", (self.deeper(self.denied),))
        return self.compared()

    def compared(self) -> Node:
        first = self.sum()
        if self.take("not"):
            self.need("in")
            return Logic("not", (self.among(first),))
        if self.take("in"):
            return self.among(first)
        return self.chain(first, COMPARISONS, self.sum)

    def among(self, value: Node) -> Node:
        self.need("(")
        constants = [self.constant()]
        while self.take(","):
            if self.token.text == ")":
                break
            constants.append(self.constant())
        self.need(")")
        return Among(value, tuple(constants))

    def constant(self) -> float | str:
        sign = self.take("-", "+")
        token = self.token
        if token.kind not in ("number", "text") or (sign and token.kind == "text"):
            raise self.wrong("a number or a text")
        self.at += 1
        if token.kind == "text":
            return token.text
        return -float(token.text) if sign == "-" else float(token.text)

    def sum(self) -> Node:
        return self.chain(self.product(), ("+", "-"), self.product)

    def product(self) -> Node:
        return self.chain(self.signed(), ("*", "/"), self.signed)

    def chain(self, first: Node, signs: tuple[str, ...], part: Callable[[], Node]) -> Node:
        rest = []
        while sign := self.take(*signs):
            rest.append((sign, part()))
        return Chain(first, tuple(rest)) if rest else first

    def signed(self) -> Node:
        sign = self.take("-", "+")
        if not sign:
            return self.value()
        node = self.deeper(self.signed)
        return Chain(Constant(0.0), ((sign, node),))

    def value(self) -> Node:
        token = self.token
        if self.take("("):
            node = self.deeper(self.either)
            self.need(")")
            return node
        if token.kind not in ("number", "text", "name", "quoted"):
            raise self.wrong("a name, a number or a 'text'")
        self.at += 1
        if token.kind == "number":
            return Constant(float(token.text))
        return Constant(token.text) if token.kind == "text" else Name(token.text, token.place)
