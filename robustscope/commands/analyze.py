"""`robustscope analyze`: tables, figures and report of a results file, or of a table."""

import argparse
from pathlib import Path

from robustscope.commands.command import Command, Parser, add_common
from robustscope.commands.import_table import KINDS, add_table_options, read_request

TABLE_OPTIONS = ("kind", "factors", "outcomes", "images", "unit", "name", "architectures")


def add_options(parser: Parser) -> None:
    """What is read and where it is written to."""
    parser.add_argument(
        "results", type=Path, help="results.h5, or a table: CSV, Parquet, or what import reads"
    )
    parser.add_argument("--out", type=Path, help="folder to write to (default: beside the file)")
    parser.add_argument("--kind", choices=KINDS, help="of a table (by its name and header)")
    add_table_options(parser)
    parser.add_argument(
        "--without-flagged",
        choices=("networks", "conditions"),
        default="",
        help="leave out networks, or conditions, for which an alarm is raised (all stay in)",
    )
    parser.add_argument(
        "--shrink",
        action="store_true",
        help="multiply effects by what they are worth in networks trained alone, as far as a study "
        "beside the file says",
    )
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """Tables, figures and report.

    Raises:
        ValueError: The file or an option will not do.
    """
    from analysis.findings import Choices
    from analysis.pipeline import analyze
    from robustscope.progress import Progress
    from robustscope.table_analysis import analyze_table, is_results
    from sampling.store.guard import check_file

    out = options.out or options.results.parent
    track = Progress(options.quiet).steps("Analysing")
    choices = Choices(options.without_flagged, options.shrink)
    notes: tuple[str, ...] = ()
    if is_results(options.results):
        _check_options(options)
        check_file(options.results)
        summary = analyze(options.results, out, track, choices)
    else:
        request = read_request(options)
        summary, notes = analyze_table(options.results, out, options.kind or "", request, track)
    claims = ["", *summary.claims] if summary.claims else []
    return "\n".join([*notes, *summary.sentences, *claims, "", f"Report: {summary.report}"])


def _check_options(options: argparse.Namespace) -> None:
    given = [name for name in TABLE_OPTIONS if getattr(options, name)]
    if given or options.dataset or options.allow_missing:
        name = given[0] if given else ("dataset" if options.dataset else "allow-missing")
        raise ValueError(
            f"analyze.{name} must be left out for a results file; got {options.results}. "
            "It goes with tables."
        )


COMMAND = Command(
    "analyze",
    help="tables, figures and report from a results file or a table",
    description="Write tables/, figures/ and report.html from a results file alone, or from a "
    "table of factors and accuracies. Without options, accuracies of a table are the columns with "
    "known names (clean, pgd, gaussian_noise_s3, ...) and factors the others; what was taken for "
    "granted is printed and stands in the report.",
    add=add_options,
    do=do,
    epilog="From a table, or any file that holds counts without bits: main effects of everything "
    "chosen with HC3 intervals over networks, shares of variance, correlations. Without --images "
    "accuracies have no intervals and ties cannot be told.",
)
