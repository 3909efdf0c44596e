"""`robustscope search`: the best networks of a run."""

import argparse
import math
from pathlib import Path

from robustscope.commands.command import Command, Parser, add_common


def add_options(parser: Parser) -> None:
    """Where is searched, how long and for what."""
    parser.add_argument("folder", type=Path, help="of a run that has begun to evaluate")
    parser.add_argument("--space", default="", help="family of the supernet (the only one)")
    parser.add_argument("--budget", type=int, default=200, help="distinct networks (%(default)s)")
    parser.add_argument(
        "--population",
        type=int,
        help="of the evolution, the first random (50, or the budget where it is less)",
    )
    parser.add_argument(
        "--objective",
        default="clean,adversarial",
        help="outcomes, comma separated, whose mean is the score (%(default)s)",
    )
    parser.add_argument(
        "--max-macs", type=float, default=math.inf, help="multiply-adds per image (no limit)"
    )
    parser.add_argument(
        "--images",
        type=int,
        default=200,
        help="test images to choose on, and as many to judge on; at most half each (%(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the evolution (%(default)s)")
    parser.add_argument("--device", default="", choices=("cpu", "cuda"), help="(that of the run)")
    parser.add_argument("--out", type=Path, help="a .json file (default: FOLDER/search.json)")
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """The best networks of a run's supernet."""
    from nas_space.nni_search import Evolution
    from robustscope.progress import Progress
    from robustscope.search import search
    from robustscope.search_report import describe
    from robustscope.search_source import Search

    if options.budget < 1:
        raise ValueError(f"search.budget must be at least 1; got {options.budget}.")
    objective = tuple(options.objective.split(","))
    if len({*objective}) < len(objective):
        raise ValueError(f"search.objective must name each outcome once; got {options.objective}.")
    population = min(50, options.budget) if options.population is None else options.population
    query = Search(
        folder=options.folder,
        space=options.space,
        objective=objective,
        evolution=Evolution(
            options.budget, population, sample=-(-population // 2), seed=options.seed
        ),
        max_macs=options.max_macs,
        images=options.images,
        device=options.device,
        out=options.out or options.folder / "search.json",
    )
    return describe(search(query, Progress(options.quiet)), query.out)


COMMAND = Command(
    "search",
    help="the networks of a trained supernet that are best clean and under noise together",
    description="Let evolution search the supernet of a run. Networks are chosen on one half "
    "of the test images; the best, and the front of accuracies and MACs, are judged on the "
    "other. The same command goes on where a stopped search ended.",
    add=add_options,
    do=do,
)
