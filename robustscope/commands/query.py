"""`robustscope query`: the networks that meet a condition, with what is asked of them."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from robustscope.commands.command import Command, Parser, add_common

if TYPE_CHECKING:
    from analysis.query import Answer

FORMATS = ("table", "csv", "json", "parquet")


def add_options(parser: Parser) -> None:
    """What is asked and how it is answered."""
    parser.add_argument("results", type=Path, help="results.h5")
    parser.add_argument(
        "expression",
        nargs="?",
        default="",
        help="which networks, for instance \"kernel >= 5 and family == 'resnet'\" (all)",
    )
    parser.add_argument(
        "--show",
        metavar="NAME[,NAME]",
        help="columns: conditions, attacks (mean over budgets), clean, adversarial, natural, "
        "system, factors (the families by default)",
    )
    parser.add_argument(
        "--sort", metavar="[-]NAME", default="", help="ascending by a name, -NAME descending"
    )
    parser.add_argument("--limit", type=int, help="rows at most (all)")
    parser.add_argument("--format", choices=FORMATS, help="table, or by the ending of --out")
    parser.add_argument("--out", type=Path, help="file to write to instead of printing")
    parser.add_argument("--names", action="store_true", help="list the names there are and end")
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """The answer, or where it was written.

    Raises:
        ValueError: The file, the expression or a name will not do.
    """
    from analysis.network_values import NetworkValues
    from analysis.query import query
    from robustscope.query_table import names_text
    from sampling.store import open_results
    from sampling.store.guard import check_file

    form = _form(options.format, options.out)
    check_file(options.results)
    with open_results(options.results) as results:
        if options.names:
            return names_text(NetworkValues(results).names)
        show = split_names(options.show)
        answer = query(results, options.expression, show, options.sort, options.limit)
    return _answered(answer, form, options.out)


def split_names(text: str | None) -> list[str]:
    """Names between commas; those with a comma stand between backticks."""
    import re

    if text is None:
        return []
    found = re.findall(r"\s*(?:`([^`]+)`|([^,`]+?))\s*(?:,|$)", text)
    names = [quoted or plain for quoted, plain in found]
    if not names or "".join(names) == "":
        raise ValueError(f"query.show must name columns between commas; got {text!r}.")
    return names


def _form(form: str | None, out: Path | None) -> str:
    """The format asked for, or that of the file's ending."""
    ending = out.suffix.removeprefix(".") if out else ""
    form = form or (ending if ending in FORMATS else "table")
    if form == "parquet" and out is None:
        raise ValueError("query.out must be a file for parquet; got none. Say --out FILE.")
    return form


def _answered(answer: "Answer", form: str, out: Path | None) -> str:
    from robustscope.query_table import render
    from sampling.store.atomic import replacing
    from sampling.tables.writing import table_text, write_table

    if out is None:
        return render(answer) if form == "table" else table_text(answer.flat(), form)
    if form == "table":
        with replacing(out) as temporary:
            temporary.write_text(render(answer) + "\n", encoding="utf-8")
    else:
        write_table(out, [answer.flat()], form)
    return f"{answer.shown:,} networks written to {out}"


COMMAND = Command(
    "query",
    help="networks that meet a condition, as a table",
    description="Choose networks of a results file by an expression and print what is asked of "
    "them, every accuracy with its 95 percent interval: in percent in the table; in csv, json and "
    "parquet as shares NAME, NAME_low, NAME_high.",
    add=add_options,
    do=do,
    epilog="Expressions: < <= > >= == != + - * / and or not, parentheses, numbers, 'texts', "
    "name in ('a', 'b'). Names are columns (id, family, origin, supernet, technique, seed, design, "
    "status), factors and outcomes (as shares: clean > 0.9); put names that are no plain words "
    "between backticks. Comparisons with a missing value are false. --names lists all names.",
)
