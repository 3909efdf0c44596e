"""`robustscope train`: the training of a run alone."""

import argparse
import os
from pathlib import Path

from robustscope.commands.command import Command, Parser, add_common, cores
from robustscope.commands.options import add_settings, read_settings
from robustscope.settings import check_folder


def add_options(parser: Parser) -> None:
    """Those of the settings of a run."""
    add_settings(parser)
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """The training of a run."""
    settings = read_settings(options)
    out = options.out or Path("runs") / settings.preset
    check_folder(out, settings)
    quiet = options.quiet or os.environ.get("RANK", "0") != "0"
    from robustscope.progress import Progress
    from robustscope.train import train_alone

    workers = 1 if settings.device == "cuda" else cores()
    trained = train_alone(settings, out, workers, Progress(quiet))
    return "" if quiet else "\n".join(f"Trained {path}" for path in trained)


COMMAND = Command(
    "train",
    help="the training of a run alone, by one process or by torchrun's",
    description="Train the supernets of a run and stop; run goes on from there. On several "
    "GPUs: torchrun --nproc-per-node N -m robustscope train ... --device cuda. Each process "
    "learns from its share of every batch; gradients agree to rounding, which grows with the "
    "steps: other numbers of processes train other weights of the same quality.",
    add=add_options,
    do=do,
)
