"""`robustscope export`: a results file as a table."""

import argparse
from pathlib import Path

from robustscope.commands.command import Command, Parser, add_common


def add_options(parser: Parser) -> None:
    """What is written and where to."""
    parser.add_argument("results", type=Path, help="results.h5")
    parser.add_argument(
        "--out", type=Path, required=True, help="a folder, or a file ending in .csv or .parquet"
    )
    parser.add_argument(
        "--format", choices=("csv", "parquet"), help="by the ending of --out, else csv"
    )
    parser.add_argument(
        "--long", action="store_true", help="one row per network and condition, not per network"
    )
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """Where the table was written."""
    from sampling.store.guard import check_file
    from sampling.tables.export import export_table

    check_file(options.results)
    files = export_table(options.results, options.out, options.format, options.long)
    return "\n".join(f"written: {file}" for file in files)


COMMAND = Command(
    "export",
    help="networks, factors and counts per condition as CSV or Parquet",
    description="Write one row per network: its columns, factor:NAME, and for every condition "
    "evaluated:FAMILY:CONDITION and correct:FAMILY:CONDITION, numbers of images. A folder also "
    "gets about.json (units, conditions, attributes), with which import gives back everything but "
    "single images.",
    add=add_options,
    do=do,
    epilog="In CSV, text that a spreadsheet would run (beginning with = + - @) stands behind an "
    "apostrophe, which import takes off again.",
)
