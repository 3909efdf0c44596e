"""`robustscope import`: a table made by others as a results file."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from robustscope.commands.command import Command, Parser, add_common

if TYPE_CHECKING:
    from sampling.tables.imported import Request

KINDS = ("csv", "robustbench", "nasbench201", "nas-robbench-201")
UNKNOWN = "unknown"


def add_options(parser: Parser) -> None:
    """What is read and how."""
    parser.add_argument(
        "table", type=Path, help="a file, or the folder that export or RobustBench made"
    )
    parser.add_argument("--kind", required=True, choices=KINDS, help="what the table is")
    parser.add_argument("--out", type=Path, required=True, help="results.h5 to write")
    add_table_options(parser)
    add_common(parser)


def add_table_options(parser: Parser) -> None:
    """What a table is; `robustscope analyze` asks the same of one."""
    parser.add_argument(
        "--factors",
        metavar="NAME[,NAME]",
        help="csv: factor columns; texts are levels, numbers too when NAME:category",
    )
    parser.add_argument(
        "--outcomes",
        metavar="NAME[:FAMILY][@IMAGES],...",
        help="csv: columns of accuracies, for instance clean,pgd@1000,blur:natural",
    )
    parser.add_argument(
        "--images",
        metavar="N|unknown",
        help="images that accuracies are shares of; unknown: no intervals of accuracies",
    )
    parser.add_argument("--unit", choices=("percent", "share"), help="csv: of the accuracies")
    parser.add_argument("--name", default="", help="csv: column that names the networks")
    parser.add_argument("--dataset", default="", help="name of the data set (by the table)")
    parser.add_argument(
        "--architectures", type=Path, help="nasbench201: what the cells are (a file beside TABLE)"
    )
    parser.add_argument(
        "--allow-missing",
        action="store_true",
        help="csv: empty cells stand for what was not evaluated or does not apply",
    )


def do(options: argparse.Namespace) -> str:
    """What was read, and what to know of it.

    Raises:
        ValueError: The table or an option will not do.
    """
    from sampling.tables.importing import import_table

    request = read_request(options)
    imported = import_table(options.table, options.kind, options.out, request)
    campaign = imported.campaign
    said = (
        f"{options.out}: {len(imported.networks):,} networks, {len(campaign.conditions)} "
        f"conditions, {len(campaign.factor_units)} factors, counts without bits"
    )
    return "\n".join([said, *campaign.notes])


def read_request(options: argparse.Namespace) -> "Request":
    """What the user says about a table.

    Raises:
        ValueError: An option will not do.
    """
    from sampling.tables.imported import Request

    return Request(
        factors=_names(options.factors),
        outcomes=_names(options.outcomes),
        images=_images(options.images),
        unit=options.unit,
        name=options.name,
        dataset=options.dataset,
        architectures=options.architectures,
        allow_missing=options.allow_missing,
        uncounted=options.images == UNKNOWN,
    )


def _images(text: str | None) -> int | None:
    """A number of images; None where none is said or known."""
    if text is None or text == UNKNOWN:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= len(text.lstrip("0")) <= 9):
        raise ValueError(
            f"import.images must be a whole number from 1 to 999999999, or {UNKNOWN}; got {text!r}."
        )
    return int(text)


def _names(text: str | None) -> tuple[str, ...]:
    """Names between commas."""
    if text is None:
        return ()
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise ValueError(f"import.names must be there between all commas; got {text!r}.")
    return names


COMMAND = Command(
    "import",
    help="a table made by others, as a results file",
    description="Write a results file of counts (images evaluated, images right) from a table of "
    "accuracies: any CSV or Parquet file, what export wrote, RobustBench model_info, the "
    "robustness of NAS-Bench-201, or NAS-RobBench-201. What was rounded or assumed is printed and "
    "kept in the file's notes.",
    add=add_options,
    do=do,
    epilog="query, export, verify and analyze read such a file; what compares networks image by "
    "image cannot.",
)
