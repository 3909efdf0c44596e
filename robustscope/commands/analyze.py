"""`robustscope analyze`: tables, figures and report of a results file."""

import argparse
from pathlib import Path

from robustscope.commands.command import Command, Parser, add_common


def add_options(parser: Parser) -> None:
    """What is read and where it is written to."""
    parser.add_argument("results", type=Path, help="results.h5")
    parser.add_argument("--out", type=Path, help="folder to write to (default: beside the file)")
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """Tables, figures and report."""
    from analysis.pipeline import analyze
    from robustscope.progress import Progress
    from sampling.store.guard import check_file

    check_file(options.results)
    out = options.out or options.results.parent
    summary = analyze(options.results, out, Progress(options.quiet).steps("Analysing"))
    return "\n".join([*summary.sentences, "", f"Report: {summary.report}"])


COMMAND = Command(
    "analyze",
    help="tables, figures and report from a results file",
    description="Write tables/, figures/ and report.html from a results file alone.",
    add=add_options,
    do=do,
)
