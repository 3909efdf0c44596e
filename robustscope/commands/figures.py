"""`robustscope figures`: every figure of a results file, for paper and screen."""

import argparse
from pathlib import Path

from robustscope.commands.command import Command, Parser, add_common


def add_options(parser: Parser) -> None:
    """What is drawn and where it is written to."""
    parser.add_argument("results", type=Path, help="results.h5")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="these figures alone, F4_factors say"
    )
    parser.add_argument(
        "--data", default="", help="images for F8, as of run (digits come along; others are needed)"
    )
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """PNG, PDF and CSV of every figure; what could not be drawn, and why.

    Raises:
        ValueError: The file or an option will not do.
    """
    from robustscope.figures import make_figures
    from robustscope.progress import Progress
    from sampling.store.guard import check_file

    check_file(options.results)
    track = Progress(options.quiet).steps("Drawing")
    given = (options.results, options.out, options.only, options.data)
    figures, missing = make_figures(*given, track)
    told = [f"{figure.name}: {figure.caption}" for figure in figures]
    return "\n".join([*told, *missing, "", f"Figures: {options.out} (PNG, PDF, CSV)"])


COMMAND = Command(
    "figures",
    help="every figure of a results file as PNG, PDF and CSV",
    description="Draw the figures of the paper (F1 to F8) and of the analysis: PNG for the screen, "
    "PDF for print, CSV with the numbers drawn. The same file gives the same bytes. Figures whose "
    "data are absent are named with the reason.",
    add=add_options,
    do=do,
)
