"""`robustscope study`: how far the supernets of a run can be believed."""

import argparse
from pathlib import Path

from robustscope.commands.command import Command, Parser, add_common
from robustscope.commands.execution import add_execution, read_execution


def add_options(parser: Parser) -> None:
    """The run and how much is trained beside it."""
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument(
        "--networks", type=int, default=50, help="per family, stratified by accuracy (%(default)s)"
    )
    parser.add_argument(
        "--seeds", type=int, default=2, help="supernets and trainings alone (%(default)s)"
    )
    parser.add_argument(
        "--largest",
        type=int,
        default=5,
        help="seeds for the largest network; 0: none (%(default)s)",
    )
    add_execution(parser)
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """How far a run's supernets can be believed."""
    from robustscope.progress import Progress
    from robustscope.study import Plan, read_run, study

    _check_study(options)
    how = read_execution(options, read_run(options.run).device)
    plan = Plan(options.networks, options.seeds, options.largest, how)
    return "\n".join(study(options.run, plan, Progress(options.quiet)))


def _check_study(options: argparse.Namespace) -> None:
    """Refuse numbers out of range."""
    for name, least in {"networks": 10, "seeds": 1, "largest": 0, "workers": 0}.items():
        value = getattr(options, name)
        if value is not None and value < least:
            raise ValueError(
                f"study.{name} must be at least {least}; got {value}. Change --{name}."
            )


COMMAND = Command(
    "study",
    help="can a run's supernets be believed? trains networks alone and compares",
    description="Train networks of a finished run alone, by the recipe of its supernets, and "
    "further supernets from other seeds; report how well the supernets rank networks under "
    "every noise, beside what another training would agree with, and compare the largest "
    "network with plain training. The same command goes on where a stopped one ended; more "
    "--seeds or --largest add to what is there.",
    add=add_options,
    do=do,
)
