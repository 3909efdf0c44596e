"""The command line. Heavy imports happen inside the commands, so that --help is quick."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from robustscope.presets import PRESETS, find_preset
from robustscope.settings import Settings, check_folder

BAD_INPUT = 2
STOPPED = 130


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2."""
        self.exit(BAD_INPUT, f"robustscope: error: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Every command with its options, units and defaults."""
    parser = Parser(
        prog="robustscope",
        description="Which choices in the design of an image network make it robust, to what kind "
        "of noise, and how sure are we.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands)
    verify = commands.add_parser(
        "verify",
        help="recompute the checksums of a results file",
        description="Recompute the "
        "content hash of a results file and compare its counts with its bits.",
    )
    verify.add_argument("results", type=Path, help="results.h5")
    analyze = commands.add_parser(
        "analyze",
        help="tables, figures and report from a results file",
        description="Write tables/, figures/ and report.html from a results file alone.",
    )
    analyze.add_argument("results", type=Path, help="results.h5")
    analyze.add_argument("--out", type=Path, help="folder to write to (default: beside the file)")
    for command in (verify, analyze):
        _add_common(command)
    return parser


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--quiet", action="store_true", help="no progress bars")
    command.add_argument("--traceback", action="store_true", help="show where an error was raised")


def _add_run(commands: "argparse._SubParsersAction[Parser]") -> None:
    run = commands.add_parser(
        "run",
        help="everything: train, spawn, evaluate, analyse, report; resumes",
        description="Train the supernets, spawn and evaluate subnets clean and under adversarial, "
        "natural and system noise, analyse, draw and report. The same command goes on where a "
        "stopped run ended.",
        epilog="Presets: " + "; ".join(f"{p.name} ({p.takes})" for p in PRESETS.values()) + ".",
    )
    run.add_argument("--preset", default="digits", help="%(default)s by default")
    run.add_argument("--data", help="digits, cifar10:PATH (python batches) or folder:PATH")
    run.add_argument("--out", type=Path, help="folder of the run (default: runs/PRESET)")
    run.add_argument(
        "--space", help="families of the supernets, comma separated (mobilenet,resnet)"
    )
    run.add_argument("--subnets", type=int, help="networks in all, shared among the supernets")
    run.add_argument("--images", type=int, help="test images per network at most, stratified")
    run.add_argument("--epochs", type=int, help="training epochs of each supernet")
    run.add_argument("--protocol", help="quick, standard, or a JSON file of your own")
    run.add_argument("--architectures", default="", help="JSON list of networks, not drawn ones")
    run.add_argument("--seed", type=int, default=0, help="of training, design and draws (0)")
    run.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="%(default)s")
    run.add_argument(
        "--workers",
        type=int,
        help="processes of one thread each; 0: in this one (all cores; 1 GPU)",
    )
    _add_common(run)


def read_settings(options: argparse.Namespace) -> Settings:
    """Settings from the options, defaults from the preset.

    Raises:
        ValueError: An option is out of range or missing.
    """
    preset = find_preset(options.preset)
    data = options.data or preset.data
    if not data:
        raise ValueError(
            f"run.data must be given for preset {preset.name}; got nothing. "
            "Use --data folder:PATH or --data cifar10:PATH."
        )
    numbers = {"subnets": 2, "images": 10, "epochs": 1, "seed": 0, "workers": 0}
    for name, least in numbers.items():
        value = getattr(options, name)
        if value is not None and value < least:
            raise ValueError(f"run.{name} must be at least {least}; got {value}. Change --{name}.")
    spaces = tuple(options.space.split(",")) if options.space else preset.spaces
    if len(set(spaces)) < len(spaces):
        raise ValueError(f"run.space must name each family once; got {options.space}.")
    return Settings(
        preset=preset.name,
        data=data,
        spaces=spaces,
        subnets=options.subnets or preset.subnets,
        images=options.images or preset.images,
        epochs=options.epochs or preset.epochs,
        protocol=options.protocol or preset.protocol,
        device=options.device,
        seed=options.seed,
        architectures=options.architectures,
    ).with_files()


def finished_record(out: Path) -> dict[str, object] | None:
    """The record of a run that has ended, None when there is more to do."""
    try:
        record: dict[str, object] = json.loads((out / "run.json").read_text())
    except (OSError, ValueError):
        return None
    whole = all((out / name).exists() for name in ("results.h5", "report.html"))
    return record if whole and record.get("finished") is True else None


def cores() -> int:
    """Processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def do_run(options: argparse.Namespace) -> None:
    """The main job; ends at once when it is finished."""
    settings = read_settings(options)
    out = options.out or Path("runs") / settings.preset
    check_folder(out, settings)
    record = finished_record(out)
    if record is None:
        workers = options.workers
        if workers is None:
            workers = 1 if settings.device == "cuda" else cores()
        from robustscope.progress import Progress
        from robustscope.run import run

        record = run(settings, out, workers, Progress(options.quiet))
    else:
        print(f"Finished before: {out}. Use another --out to run again.\n")
    show(record, out)


def show(record: dict[str, object], out: Path) -> None:
    """Print what was found and where it lies."""
    sentences = record["summary"]
    assert isinstance(sentences, list)
    for sentence in sentences:
        print(sentence)
    print(f"\nCounts:  {record['counts']}")
    print(f"Seconds: {record['seconds']}, peak memory {record['peak_memory_mb']} MB")
    print(f"Results: {out / 'results.h5'} (content hash {record['content_hash']})")
    print(f"Report:  {out / 'report.html'}")


def do_verify(options: argparse.Namespace) -> None:
    """Recompute checksums.

    Raises:
        ValueError: The file is damaged.
    """
    from sampling.store import verify

    result = verify(options.results)
    if not result.ok:
        raise ValueError(f"{result.path} is damaged: {'; '.join(result.problems)}")
    print(f"{result.path} is whole: content hash {result.recomputed_hash}, ", end="")
    print(f"{result.counts_checked} counts agree with their bits")


def do_analyze(options: argparse.Namespace) -> None:
    """Tables, figures and report."""
    from analysis.pipeline import analyze
    from robustscope.progress import Progress

    out = options.out or options.results.parent
    summary = analyze(options.results, out, Progress(options.quiet).steps("Analysing"))
    for sentence in summary.sentences:
        print(sentence)
    print(f"\nReport: {summary.report}")


COMMANDS = {"run": do_run, "verify": do_verify, "analyze": do_analyze}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it ended well, 2 for bad input, 130 when it was stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = build_parser().parse_args(arguments)
    try:
        COMMANDS[options.command](options)
    except (ValueError, OSError) as error:
        if options.traceback:
            raise
        print(f"robustscope: error: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on from here.", file=sys.stderr)
        return STOPPED
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
