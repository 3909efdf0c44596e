"""What a command is, and the options that several share."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

BAD_INPUT = 2


SIGNED = ("--sort",)
"""Options whose value may begin with a minus: `--sort -clean` is `--sort=-clean`."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """As in the base class, after values with a minus were joined to their options."""
        args = join_signed(sys.argv[1:] if args is None else args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2."""
        self.exit(BAD_INPUT, f"robustscope: error: {message} (see {self.prog} --help)\n")


def join_signed(args: Sequence[str]) -> list[str]:
    """The arguments, with the value of a `SIGNED` option joined to it when it has a minus."""
    joined: list[str] = []
    for text in args:
        if joined and joined[-1] in SIGNED and re.match(r"-[^-]", text):
            joined[-1] += f"={text}"
        else:
            joined.append(text)
    return joined


@dataclass(frozen=True)
class Command:
    """One word after `robustscope`.

    Attributes:
        name: That word.
        help: A line in the list of commands.
        description: What its own help begins with.
        add: Gives its options, with units and defaults, to its parser.
        do: Takes the options and returns what to print.
        epilog: What its own help ends with.
    """

    name: str
    help: str
    description: str
    add: Callable[[Parser], None]
    do: Callable[[argparse.Namespace], str]
    epilog: str = ""


def add_common(parser: Parser) -> None:
    """The options of every command."""
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.add_argument("--traceback", action="store_true", help="show where an error was raised")


def cores() -> int:
    """Processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
