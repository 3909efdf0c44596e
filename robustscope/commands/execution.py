"""The options that say by whom the work of a command is done; results do not depend on them."""

import argparse

from robustscope.commands.command import Parser, cores
from sampling.executors import Execution, check_executor
from sampling.executors.table import EXECUTORS


def add_execution(parser: Parser) -> None:
    """Workers, their kind, and how long they may be silent."""
    parser.add_argument(
        "--workers",
        type=int,
        help="processes of one thread each, or Ray actors; 0: none but this process (all cores; 1 "
        "GPU, with Ray all GPUs)",
    )
    parser.add_argument(
        "--executor",
        default="processes",
        choices=tuple(EXECUTORS),
        help="what the workers are: processes of this machine, Ray actors, or this process itself "
        "(%(default)s)",
    )
    parser.add_argument(
        "--ray-address",
        metavar="HOST:PORT",
        help="the Ray cluster to join, of the same version of Ray; all its machines must see the "
        "code and the folders of run and data on a shared disk under the same paths; its token is "
        "taken from the environment, as Ray's documentation says (a Ray of its own, on this "
        "machine alone)",
    )
    parser.add_argument(
        "--patience",
        type=float,
        metavar="SECONDS",
        help="a worker that gives no sign for so long, also while it starts, is killed and its job "
        "tried again (600, or 20 times the median job where that is more)",
    )


def read_execution(options: argparse.Namespace, device: str) -> Execution:
    """By whom the work is done.

    Raises:
        ValueError: The options contradict each other, or what they ask for is not installed.
    """
    workers, gpu, address = options.workers, device == "cuda", options.ray_address or ""
    elsewhere = options.executor == "ray" and (gpu or address)
    if workers is None and not elsewhere:
        workers = 1 if gpu else cores()
    how = Execution(workers, options.executor, options.patience, address, gpu)
    check_executor(how)
    return how
