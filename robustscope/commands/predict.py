"""`robustscope predict`: unseen networks of a space, and whether predictions came true."""

import argparse
from pathlib import Path

from robustscope.commands.command import Command, Parser, add_common


def add_options(parser: Parser) -> None:
    """What is learned from, what is predicted and where it goes."""
    parser.add_argument("results", type=Path, help="results.h5 to learn from")
    parser.add_argument("--out", type=Path, required=True, help="a folder")
    parser.add_argument("--space", default="", help="its supernet, by name (the only one)")
    parser.add_argument(
        "--networks", type=int, default=1000, help="that are drawn and predicted (%(default)s)"
    )
    parser.add_argument(
        "--best",
        type=int,
        default=20,
        help="of the predicted Pareto front, to be evaluated at most (%(default)s)",
    )
    parser.add_argument(
        "--random", type=int, default=40, help="drawn ones to be evaluated (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the draws (%(default)s)")
    parser.add_argument(
        "--verify",
        type=Path,
        metavar="OTHER.h5",
        help="compare the predictions in --out with what this file measured",
    )
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """What was predicted, or how it compares with what was measured."""
    from dataclasses import fields

    from robustscope.predict import Order, check_verified, predict

    order = Order(**{f.name: getattr(options, f.name) for f in fields(Order)})
    if options.verify is not None:
        return check_verified(order, options.verify, options.out)
    return predict(order, options.out)


COMMAND = Command(
    "predict",
    help="predict networks nobody has evaluated, with intervals, and list them to be evaluated",
    description="Draw unseen networks by the design of a results file and predict their measured "
    "clean, adversarial, natural and system accuracy, with 95 percent split-conformal intervals "
    "over design units: predictions.csv. The predicted Pareto front of accuracies and MACs and "
    "some networks drawn at random go to verify.json, for run --architectures.",
    epilog="With --verify the networks that were evaluated since are compared with their "
    "predictions: verification.csv has the share within the intervals, the mean error and the rank "
    "correlation, apart for random networks (what the intervals promise) and for the front.",
    add=add_options,
    do=do,
)
