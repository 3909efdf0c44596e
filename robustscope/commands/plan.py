"""`robustscope plan`: how many images and networks a question needs."""

import argparse
from pathlib import Path

from robustscope.commands.command import Command, Parser, add_common

ASSUMPTIONS = {
    "accuracy": ("percent, expected", 100),
    "outcome-correlation": ("of two networks' outcomes on the same images, -1 to 1", 1),
    "reliability": ("of measured accuracies, 0 to 1", 1),
    "spread": ("points, standard deviation of a gene's true effect between pairs", 100),
    "discordance": ("percent of images that one network of a pair alone has right", 100),
    "shared": ("correlation between pairs of an image's part in the difference, 0 to 1", 1),
}
"""Option to what it is, and what one is in its unit."""


def add_options(parser: Parser) -> None:
    """The questions, what a test must hold to, and what is assumed."""
    asked = parser.add_argument_group("questions")
    asked.add_argument("--width", type=float, default=2.0, help="points, of an accuracy (2)")
    asked.add_argument("--difference", type=float, default=2.0, help="points, of two networks (2)")
    asked.add_argument("--effect", type=float, default=1.0, help="points, of a gene (1)")
    asked.add_argument("--correlation", type=float, default=0.2, help="factor, outcome (0.2)")
    asked.add_argument("--networks", type=int, help="with --images: what a campaign can show")
    asked.add_argument("--images", type=int, help="that every network is evaluated on")
    held = parser.add_argument_group("how surely")
    held.add_argument("--power", type=float, default=80.0, help="percent (80)")
    held.add_argument("--error", type=float, default=5.0, help="percent, two-sided (5)")
    held.add_argument("--tests", type=int, default=1, help="effects tested together (1)")
    held.add_argument(
        "--adjust",
        choices=("none", "bonferroni", "bh"),
        default="bh",
        help="for --tests: Bonferroni or Benjamini-Hochberg (bh)",
    )
    held.add_argument("--real", type=float, default=20.0, help="percent of effects, for bh (20)")
    given = parser.add_argument_group("assumptions")
    given.add_argument("--from", dest="source", type=Path, help="results.h5 to estimate them from")
    given.add_argument("--condition", default="clean", help="of that file (%(default)s)")
    for name, (text, _) in ASSUMPTIONS.items():
        given.add_argument(f"--{name}", type=float, help=text)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """The plan."""
    from metrics.power import Target
    from robustscope.plan import Question, plan
    from robustscope.plan_report import as_json, describe

    question = Question(
        width=options.width / 100,
        difference=options.difference / 100,
        effect=options.effect / 100,
        correlation=options.correlation,
        networks=options.networks,
        images=options.images,
    )
    target = Target(
        power=options.power / 100,
        error=options.error / 100,
        tests=options.tests,
        adjust=options.adjust,
        real=options.real / 100,
    )
    changed = {}
    for option, (_, unit) in ASSUMPTIONS.items():
        value = getattr(options, option.replace("-", "_"))
        if value is not None:
            changed[option.removeprefix("outcome-")] = value / unit
    source = None if options.source is None else (options.source, options.condition)
    found = plan(question, target, source, changed)
    write = as_json if options.json else describe
    return write(found[0], target, found[1], found[2])


COMMAND = Command(
    "plan",
    help="how many images and networks a question needs, or what a campaign can show",
    description="Plan a campaign: how many images and networks it takes to measure an accuracy, to "
    "tell two networks apart, to see a gene's effect in matched pairs and a factor's correlation "
    "with an outcome; with --networks and --images also what such a campaign can show. What is "
    "not given is assumed, or estimated from a results file.",
    epilog="Time is that of all conditions of the file's protocol, on the machine it was made on. "
    "Statements are about the source of the images, so matched pairs that share their images "
    "have noise that only more images lower.",
    add=add_options,
    do=do,
)
