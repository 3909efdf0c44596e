"""`robustscope status`: how far a run is."""

import argparse
from pathlib import Path

from robustscope.commands.command import Command, Parser, add_common


def add_options(parser: Parser) -> None:
    """The folder."""
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """How far it is, how fast, and what failed."""
    from robustscope.status import as_json, as_text, status

    found = status(options.run)
    return as_json(found) if options.json else as_text(found)


COMMAND = Command(
    "status",
    help="how far a run is, from another terminal",
    description="Say how many networks of a run are evaluated, failed and still to do, how fast it "
    "is and how long it will take. The run is not disturbed.",
    add=add_options,
    do=do,
)
