"""Tokens of the expressions that choose networks: names, numbers, texts and signs."""

import re
from dataclasses import dataclass
from typing import Literal

LENGTH = 2000
"""Characters of an expression at most."""

Kind = Literal["number", "text", "name", "quoted", "word", "sign", "end"]
WORDS = ("and", "or", "not", "in")
_PATTERN = re.compile(
    r"\s*(?:"
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))"
    r"|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|`(?P<quoted>[^`]+)`"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign><=|>=|==|!=|<|>|[-+*/(),])"
    r")"
)


class QueryError(ValueError):
    """What is wrong with a query, in one line."""


@dataclass(frozen=True)
class Token:
    """A piece of an expression.

    Attributes:
        kind: What it is; "quoted" is a name between backticks, "word" one of `WORDS`.
        text: Without quotes.
        place: Of its first character, from 1.
    """

    kind: Kind
    text: str
    place: int

    @property
    def shown(self) -> str:
        """What it is, in words."""
        return "the end" if self.kind == "end" else f"{self.text!r} at character {self.place}"


def tokenize(expression: str) -> list[Token]:
    """Tokens of an expression, the last of them "end".

    Raises:
        QueryError: The expression is too long or holds a character that means nothing.
    """
    if len(expression) > LENGTH:
        raise QueryError(
            f"query.expression must have at most {LENGTH:,} characters; got {len(expression):,}. "
            "Shorten it."
        )
    tokens, place = [], 0
    end = len(expression.rstrip())
    while place < end:
        found = _PATTERN.match(expression, place)
        if found is None:
            rest = expression[place:].lstrip()
            raise QueryError(
                f"query.expression must hold names, numbers, 'texts', comparisons, and, or, not, "
                f"in; got {rest[:12]!r} at character {len(expression) - len(rest) + 1}. "
                "Put unusual names between backticks."
            )
        tokens.append(_token(found))
        place = found.end()
    return [*tokens, Token("end", "", len(expression) + 1)]


def _token(found: "re.Match[str]") -> Token:
    group = str(found.lastgroup)
    place, text = found.start(group) + 1, found[group]
    if group in ("single", "double"):
        return Token("text", text, place)
    if group == "name" and text in WORDS:
        return Token("word", text, place)
    kinds: dict[str, Kind] = {"number": "number", "quoted": "quoted", "name": "name"}
    return Token(kinds.get(group, "sign"), text, place)
