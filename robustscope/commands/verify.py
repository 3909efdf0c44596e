"""`robustscope verify`: the checksums of a results file."""

import argparse
from pathlib import Path

from robustscope.commands.command import Command, Parser, add_common


def add_options(parser: Parser) -> None:
    """The file."""
    parser.add_argument("results", type=Path, help="results.h5")
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """Recompute checksums.

    Raises:
        ValueError: The file is damaged.
    """
    from sampling.store.guard import verify_apart

    result = verify_apart(options.results)
    if not result.ok:
        raise ValueError(f"{result.path} is damaged: {'; '.join(result.problems)}")
    said = f"{result.path} is whole: content hash {result.recomputed_hash}, "
    if result.counted and not result.counts_checked:
        return said + "it holds counts without bits"
    without = f"; without bits: {', '.join(result.counted)}" if result.counted else ""
    return f"{said}{result.counts_checked} counts agree with their bits{without}"


COMMAND = Command(
    "verify",
    help="recompute the checksums of a results file",
    description="Recompute the content hash of a results file and compare its counts with its "
    "bits.",
    add=add_options,
    do=do,
)
