"""`robustscope run`: the main job."""

import argparse
import json
from pathlib import Path
from typing import Any

from robustscope.commands.command import Command, Parser, add_common
from robustscope.commands.execution import add_execution, read_execution
from robustscope.commands.options import add_settings, read_settings
from robustscope.presets import PRESETS
from robustscope.settings import check_folder


def add_options(parser: Parser) -> None:
    """Those of the settings, and how they are worked through."""
    add_settings(parser)
    add_execution(parser)
    parser.add_argument(
        "--cache",
        type=float,
        default=20.0,
        help="GiB of noised images kept on disk at most; beyond it they are made anew for each "
        "network (%(default)g)",
    )
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """The main job; ends at once when it is finished."""
    settings = read_settings(options)
    how = read_execution(options, settings.device)
    out = options.out or Path("runs") / settings.preset
    check_folder(out, settings)
    text = finished_text(out)
    if text is not None:
        return (
            f"Finished before: {out}. Use another --out to run again, as on other data.\n\n{text}"
        )
    from robustscope.progress import Progress
    from robustscope.run import run

    cache = int(options.cache * (1 << 30))
    return describe(run(settings, out, how, Progress(options.quiet), cache), out)


def finished_text(out: Path) -> str | None:
    """What a run that has ended, with all its files, found; None when more is to do."""
    try:
        record: dict[str, Any] = json.loads((out / "run.json").read_text())
        sizes: dict[str, int] = record["files"]
        whole = all((out / name).stat().st_size == size for name, size in sizes.items())
        return describe(record, out) if whole and record["finished"] is True else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def describe(record: dict[str, Any], out: Path) -> str:
    """What a run found and where it lies."""
    return "\n".join(
        [
            *record["summary"],
            "",
            f"Counts:  {record['counts']}",
            f"Seconds: {record['seconds']}, peak memory {record['peak_memory_mb']} MB",
            f"Results: {out / 'results.h5'} (content hash {record['content_hash']})",
            f"Report:  {out / 'report.html'}",
        ]
    )


COMMAND = Command(
    "run",
    help="everything: train, spawn, evaluate, analyse, report; resumes",
    description="Train the supernets, spawn and evaluate subnets clean and under adversarial, "
    "natural and system noise, analyse, draw and report. The same command goes on where a "
    "stopped run ended.",
    epilog="Presets: " + "; ".join(f"{p.name} ({p.takes})" for p in PRESETS.values()) + ".",
    add=add_options,
    do=do,
)
