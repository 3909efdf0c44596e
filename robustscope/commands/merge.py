"""`robustscope merge`: results of several machines in one file."""

import argparse
from pathlib import Path

from robustscope.commands.command import Command, Parser, add_common


def add_options(parser: Parser) -> None:
    """The files and the one they become."""
    parser.add_argument("results", type=Path, nargs="+", help="results files of one campaign")
    parser.add_argument("--out", type=Path, required=True, help="the file that is written")
    parser.add_argument(
        "--mixed-devices", action="store_true", help="merge results of CPUs and GPUs all the same"
    )
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """Write the file.

    Raises:
        ValueError: The files do not belong together.
    """
    from robustscope.settings import check_file as check_out
    from sampling.store.guard import check_file
    from sampling.store.merging import merge

    check_out("merge", options.out, lambda _: False)
    for path in options.results:
        check_file(path)
    merged = merge(options.results, options.out, mixed_devices=options.mixed_devices)
    return (
        f"{merged.path}: {merged.networks} networks, {merged.shared} of them in several files with "
        f"equal outcomes; content hash {merged.content_hash}"
    )


COMMAND = Command(
    "merge",
    help="one results file of several machines' ones",
    description="Write the networks of several results files of one campaign to one file. A "
    "network that several have counts once; different outcomes of one network are refused.",
    add=add_options,
    do=do,
)
