"""`robustscope diff`: what two results files say differently."""

import argparse
from pathlib import Path

from robustscope.commands.command import Command, Parser, add_common


def add_options(parser: Parser) -> None:
    """Both files and the form of the answer."""
    parser.add_argument("first", type=Path, help="a results file")
    parser.add_argument("second", type=Path, help="another one")
    parser.add_argument(
        "--images", metavar="NETWORK", help="list the images that this network gained and lost"
    )
    parser.add_argument(
        "--csv", type=Path, help="write a line per network and condition to this file"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """What differs."""
    from robustscope.differences import as_json, as_text, differences, flipped_images
    from robustscope.settings import check_file as check_out
    from sampling.store.guard import check_file

    if options.csv is not None:
        check_out("diff", options.csv)
    for path in (options.first, options.second):
        check_file(path)
    if options.images:
        return as_json(flipped_images(options.first, options.second, options.images))
    found = differences(options.first, options.second, options.csv)
    return as_json(found) if options.json else as_text(found)


COMMAND = Command(
    "diff",
    help="which networks and which images two results files disagree on",
    description="Compare two results files network by network and image by image, with McNemar's "
    "test for every network and condition.",
    add=add_options,
    do=do,
)
