"""`robustscope repair`: a damaged run folder made whole."""

import argparse
from pathlib import Path

from robustscope.commands.command import Command, Parser, add_common


def add_options(parser: Parser) -> None:
    """The folder."""
    parser.add_argument("run", type=Path, help="folder of a run")
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """What was found and done."""
    from robustscope.repair import repair

    return "\n".join(repair(options.run))


COMMAND = Command(
    "repair",
    help="results from the journal, and what is intact of a damaged journal",
    description="Check the journal and the results of a run. Results that are missing or damaged "
    "are made anew from the journal; of a damaged journal every outcome that is intact is kept, "
    "from the results, too, and robustscope run evaluates what was lost. Damaged files are kept "
    "under other names.",
    add=add_options,
    do=do,
)
