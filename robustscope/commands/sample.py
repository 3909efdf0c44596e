"""`robustscope sample`: networks drawn into a file."""

import argparse
from dataclasses import fields
from pathlib import Path

from robustscope.commands.command import Command, Parser, add_common
from robustscope.settings import DESIGN


def add_options(parser: Parser) -> None:
    """What is drawn, how and where to."""
    parser.add_argument("--space", required=True, help="for instance mobilenet-digits")
    parser.add_argument("--design", default=DESIGN, help="%(default)s by default")
    parser.add_argument("--count", type=int, required=True, help="networks")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (%(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="a JSON file")
    parser.add_argument(
        "--around", type=Path, help="JSON file of the network whose neighbours are drawn"
    )
    parser.add_argument(
        "--classes", type=int, default=10, help="of the data, which MACs depend on (%(default)s)"
    )
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """The file of drawn networks."""
    from robustscope.sample import Order, sample

    order = Order(**{f.name: getattr(options, f.name) for f in fields(Order)})
    return sample(order, options.out)


COMMAND = Command(
    "sample",
    help="draw networks into a file for run --architectures",
    description="Draw networks of a space by a design and write them to a JSON file that run "
    "--architectures reads, with how each was drawn and which were drawn together.",
    epilog="Designs: mixture (cubes for comparisons, the rest uniform over genes), genes and "
    "networks (uniform over either), macs (stratified), sobol (low discrepancy), pairs (one "
    "gene differs), equal_macs (one gene differs, others keep the MACs), cubes (three genes, "
    "all combinations of two choices), neighbours (of one network).",
    add=add_options,
    do=do,
)
