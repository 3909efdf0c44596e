"""The command line. Heavy imports happen inside the commands, so that --help is quick."""

import argparse
import errno
import io
import json
import math
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from images.paths import data_path, is_utf8
from robustscope.presets import PRESETS, find_preset
from robustscope.settings import DESIGN, LARGEST_SEED, Settings, check_folder, split_specs

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
    _add_sample(commands)
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
    _add_study(commands)
    _add_noise(commands)
    _add_search(commands)
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
    _add_settings(run)
    run.add_argument(
        "--workers",
        type=int,
        help="processes of one thread each; 0: in this one (all cores; 1 GPU)",
    )
    run.add_argument(
        "--cache",
        type=float,
        default=20.0,
        help="GiB of noised images kept on disk at most; beyond it they are made anew for each "
        "network (%(default)g)",
    )
    _add_common(run)
    train = commands.add_parser(
        "train",
        help="the training of a run alone, by one process or by torchrun's",
        description="Train the supernets of a run and stop; run goes on from there. On several "
        "GPUs: torchrun --nproc-per-node N -m robustscope train ... --device cuda. Each process "
        "learns from its share of every batch; gradients agree to rounding, which grows with the "
        "steps: other numbers of processes train other weights of the same quality.",
    )
    _add_settings(train)
    _add_common(train)


def _add_settings(run: argparse.ArgumentParser) -> None:
    """The options that a run's settings are read from."""
    run.add_argument("--preset", default="digits", help="%(default)s by default")
    run.add_argument(
        "--data",
        help="digits, cifar10:PATH (python or binary batches) or folder:PATH (train/, test/)",
    )
    run.add_argument("--out", type=Path, help="folder of the run (default: runs/PRESET)")
    run.add_argument(
        "--space",
        help="families of the supernets, comma separated: mobilenet, resnet, vit (the first two)",
    )
    run.add_argument("--subnets", type=int, help="networks in all, shared among the supernets")
    run.add_argument("--images", type=int, help="test images per network at most, stratified")
    run.add_argument("--epochs", type=int, help="training epochs of each supernet")
    run.add_argument(
        "--technique",
        metavar="NAME[,NAME]",
        help="training techniques beside the preset's own, each NAME or NAME:key=value,key=value "
        "(adversarial, trades, adamw, ema, dropout, ...)",
    )
    run.add_argument("--protocol", help="quick, standard, or a JSON file of your own")
    run.add_argument("--design", help=f"how networks are drawn, see sample ({DESIGN})")
    run.add_argument("--architectures", help="JSON list of networks, not drawn ones")
    run.add_argument("--seed", type=int, default=0, help="of training, design and draws (0)")
    run.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="%(default)s")


def _add_study(commands: "argparse._SubParsersAction[Parser]") -> None:
    study = commands.add_parser(
        "study",
        help="can a run's supernets be believed? trains networks alone and compares",
        description="Train networks of a finished run alone, by the recipe of its supernets, and "
        "further supernets from other seeds; report how well the supernets rank networks under "
        "every noise, beside what another training would agree with, and compare the largest "
        "network with plain training. The same command goes on where a stopped one ended; more "
        "--seeds or --largest add to what is there.",
    )
    study.add_argument("run", type=Path, help="folder of a finished run")
    study.add_argument(
        "--networks", type=int, default=50, help="per family, stratified by accuracy (%(default)s)"
    )
    study.add_argument(
        "--seeds", type=int, default=2, help="supernets and trainings alone (%(default)s)"
    )
    study.add_argument(
        "--largest",
        type=int,
        default=5,
        help="seeds for the largest network; 0: none (%(default)s)",
    )
    study.add_argument("--workers", type=int, help="as for run")
    _add_common(study)


def _add_sample(commands: "argparse._SubParsersAction[Parser]") -> None:
    sample = commands.add_parser(
        "sample",
        help="draw networks into a file for run --architectures",
        description="Draw networks of a space by a design and write them to a JSON file that run "
        "--architectures reads, with how each was drawn and which were drawn together.",
        epilog="Designs: mixture (cubes for comparisons, the rest uniform over genes), genes and "
        "networks (uniform over either), macs (stratified), sobol (low discrepancy), pairs (one "
        "gene differs), equal_macs (one gene differs, others keep the MACs), cubes (three genes, "
        "all combinations of two choices), neighbours (of one network).",
    )
    sample.add_argument("--space", required=True, help="for instance mobilenet-digits")
    sample.add_argument("--design", default=DESIGN, help="%(default)s by default")
    sample.add_argument("--count", type=int, required=True, help="networks")
    sample.add_argument("--seed", type=int, default=0, help="of the draws (%(default)s)")
    sample.add_argument("--out", type=Path, required=True, help="a JSON file")
    sample.add_argument(
        "--around", type=Path, help="JSON file of the network whose neighbours are drawn"
    )
    sample.add_argument(
        "--classes", type=int, default=10, help="of the data, which MACs depend on (%(default)s)"
    )
    _add_common(sample)


def _add_noise(commands: "argparse._SubParsersAction[Parser]") -> None:
    noise = commands.add_parser(
        "noise",
        help="list every noise, or draw what they do to your images",
        description="List every noise, or draw what they do to your images.",
    )
    actions = noise.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser(
        "list",
        help="names, parameters and sources of every noise",
        description="Print every noise with its group, its parameters (constants of severities 1 "
        "to 5; settings of attacks in each protocol) and its source.",
    )
    listing.add_argument(
        "--family", help="adversarial, natural, system, inference or sequence (all by default)"
    )
    listing.add_argument("--size", type=int, default=32, help="of the images, pixels (%(default)s)")
    form = listing.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as a JSON list")
    form.add_argument("--markdown", action="store_true", help="as the tables of docs/noises.md")
    preview = actions.add_parser(
        "preview",
        help="contact sheets of the noises on your images",
        description="Write contact sheets of test images: natural noises at every severity to the "
        "file named, what system variants change and frames of sequences to files beside it.",
    )
    preview.add_argument("--data", default="digits", help="as for run (%(default)s)")
    preview.add_argument("--out", type=Path, required=True, help="a .png file")
    preview.add_argument(
        "--size", type=int, help="of the images, pixels (digits 16, cifar10 32, a folder's own)"
    )
    preview.add_argument("--images", type=int, default=3, help="how many (%(default)s)")
    preview.add_argument("--noise", help="names, comma separated (all by default)")
    for action in (listing, preview):
        _add_common(action)


def _add_search(commands: "argparse._SubParsersAction[Parser]") -> None:
    search = commands.add_parser(
        "search",
        help="the networks of a trained supernet that are best clean and under noise together",
        description="Let evolution search the supernet of a run. Networks are chosen on one half "
        "of the test images; the best, and the front of accuracies and MACs, are judged on the "
        "other. The same command goes on where a stopped search ended.",
    )
    search.add_argument("folder", type=Path, help="of a run that has begun to evaluate")
    search.add_argument("--space", default="", help="family of the supernet (the only one)")
    search.add_argument("--budget", type=int, default=200, help="distinct networks (%(default)s)")
    search.add_argument(
        "--population",
        type=int,
        help="of the evolution, the first random (50, or the budget where it is less)",
    )
    search.add_argument(
        "--objective",
        default="clean,adversarial",
        help="outcomes, comma separated, whose mean is the score (%(default)s)",
    )
    search.add_argument(
        "--max-macs", type=float, default=math.inf, help="multiply-adds per image (no limit)"
    )
    search.add_argument(
        "--images",
        type=int,
        default=200,
        help="test images to choose on, and as many to judge on; at most half each (%(default)s)",
    )
    search.add_argument("--seed", type=int, default=0, help="of the evolution (%(default)s)")
    search.add_argument("--device", default="", choices=("cpu", "cuda"), help="(that of the run)")
    search.add_argument("--out", type=Path, help="a .json file (default: FOLDER/search.json)")
    _add_common(search)


def read_settings(options: argparse.Namespace) -> Settings:
    """Settings from the options, defaults from the preset.

    Raises:
        ValueError: An option is out of range or missing.
    """
    preset = find_preset(options.preset)
    for name, value in vars(options).items():
        if value == "":
            raise ValueError(f"run.{name} must not be empty; got ''. Leave --{name} out.")
    data = preset.data if options.data is None else options.data
    if not data:
        raise ValueError(
            f"run.data must be given for preset {preset.name}; got nothing. "
            "Use --data folder:PATH or --data cifar10:PATH."
        )
    from nas_space.presets import families

    spaces = tuple(options.space.split(",")) if options.space else preset.spaces
    known = families(preset.scale)
    if not known.issuperset(spaces):
        raise ValueError(
            f"run.space must name families among {', '.join(sorted(known))}; got {options.space}."
        )
    if len(set(spaces)) < len(spaces):
        raise ValueError(f"run.space must name each family once; got {options.space}.")
    for name in ("design", "subnets"):
        if options.architectures and getattr(options, name) is not None:
            raise ValueError(
                f"run.{name} must be left out where --architectures lists the networks; "
                f"got {getattr(options, name)}."
            )
    _check_numbers(options, len(spaces))
    kind, _, where = data.partition(":")
    if where:
        data = f"{kind}:{data_path(where)}"
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
        architectures=options.architectures or "",
        design=options.design or DESIGN,
        technique=split_specs(options.technique or ""),
    ).with_files()


def _check_numbers(options: argparse.Namespace, spaces: int) -> None:
    """Refuse numbers out of range."""
    limits = {
        "subnets": (2 * spaces, 10**9),
        "images": (10, 10**9),
        "epochs": (1, 10**9),
        "seed": (0, LARGEST_SEED),
        "workers": (0, 10**4),
        "cache": (0, 10**6),
    }
    for name, (least, most) in limits.items():
        value = getattr(options, name, None)
        if value is not None and not least <= value <= most:
            why = ", two for each supernet" if name == "subnets" and value < least else ""
            bound = f"at least {least}" if value < least else f"at most {most}"
            raise ValueError(f"run.{name} must be {bound}{why}; got {value}. Change --{name}.")


def finished_text(out: Path) -> str | None:
    """What a run that has ended, with all its files, found; None when more is to do."""
    try:
        record: dict[str, Any] = json.loads((out / "run.json").read_text())
        sizes: dict[str, int] = record["files"]
        whole = all((out / name).stat().st_size == size for name, size in sizes.items())
        return describe(record, out) if whole and record["finished"] is True else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def cores() -> int:
    """Processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def do_run(options: argparse.Namespace) -> str:
    """The main job; ends at once when it is finished."""
    settings = read_settings(options)
    out = options.out or Path("runs") / settings.preset
    check_folder(out, settings)
    text = finished_text(out)
    if text is not None:
        return (
            f"Finished before: {out}. Use another --out to run again, as on other data.\n\n{text}"
        )
    from robustscope.progress import Progress
    from robustscope.run import run

    cache, workers = int(options.cache * (1 << 30)), processes(options.workers, settings.device)
    return describe(run(settings, out, workers, Progress(options.quiet), cache), out)


def do_train(options: argparse.Namespace) -> str:
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


def processes(workers: int | None, device: str) -> int:
    """How many were asked for; else all cores, or one for a GPU."""
    if workers is None:
        return 1 if device == "cuda" else cores()
    return workers


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


def do_sample(options: argparse.Namespace) -> str:
    """The file of drawn networks."""
    from robustscope.sample import Order, sample

    order = Order(**{f.name: getattr(options, f.name) for f in fields(Order)})
    return sample(order, options.out)


def do_verify(options: argparse.Namespace) -> str:
    """Recompute checksums.

    Raises:
        ValueError: The file is damaged.
    """
    from sampling.store import verify

    result = verify(options.results)
    if not result.ok:
        raise ValueError(f"{result.path} is damaged: {'; '.join(result.problems)}")
    return (
        f"{result.path} is whole: content hash {result.recomputed_hash}, "
        f"{result.counts_checked} counts agree with their bits"
    )


def do_analyze(options: argparse.Namespace) -> str:
    """Tables, figures and report."""
    from analysis.pipeline import analyze
    from robustscope.progress import Progress

    out = options.out or options.results.parent
    summary = analyze(options.results, out, Progress(options.quiet).steps("Analysing"))
    return "\n".join([*summary.sentences, "", f"Report: {summary.report}"])


def do_study(options: argparse.Namespace) -> str:
    """How far a run's supernets can be believed."""
    from robustscope.progress import Progress
    from robustscope.study import Plan, read_run, study

    _check_study(options)
    workers = processes(options.workers, read_run(options.run).device)
    plan = Plan(options.networks, options.seeds, options.largest, workers)
    return "\n".join(study(options.run, plan, Progress(options.quiet)))


def _check_study(options: argparse.Namespace) -> None:
    """Refuse numbers out of range."""
    for name, least in {"networks": 10, "seeds": 1, "largest": 0, "workers": 0}.items():
        value = getattr(options, name)
        if value is not None and value < least:
            raise ValueError(
                f"study.{name} must be at least {least}; got {value}. Change --{name}."
            )


def do_noise(options: argparse.Namespace) -> str:
    """The list of noises, or the files with pictures of them."""
    if options.action == "list":
        from robustscope.noise_list import as_json, as_markdown, as_table, list_noises

        noises = list_noises(options.size, options.family)
        form = as_json if options.json else as_markdown if options.markdown else as_table
        return form(noises)
    from robustscope.noise_preview import check_out, preview, some_images
    from robustscope.progress import Progress

    check_out(options.out)
    images = some_images(options.data, options.size, options.images)
    names = None if options.noise is None else list(dict.fromkeys(options.noise.split(",")))
    written = preview(images, names, options.out, Progress(options.quiet))
    return "\n".join(f"Wrote {path}" for path in written)


def do_search(options: argparse.Namespace) -> str:
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


COMMANDS = {
    "run": do_run,
    "train": do_train,
    "sample": do_sample,
    "verify": do_verify,
    "analyze": do_analyze,
    "study": do_study,
    "noise": do_noise,
    "search": do_search,
}
"""Each takes its options and returns what to print."""


def say(text: str) -> None:
    """Print; a reader that has gone (`| head`) is no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end_bars() -> None:
    """Let what is printed next begin on a line of its own."""
    from robustscope.progress import close_bars

    close_bars()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it ended well, 2 for bad input, 130 when it was stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = build_parser()
    options = parser.parse_args(arguments)
    if not all(is_utf8(text) for text in arguments):
        parser.error("arguments must be UTF-8, as results keep them; rename the file or folder")
    try:
        say(COMMANDS[options.command](options))
    except (ValueError, OSError) as error:
        if options.traceback:
            raise
        _end_bars()
        text = " ".join(str(error).split())
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EROFS, errno.EDQUOT):
            text += ". Make room or choose another folder: what was finished is kept."
        print(f"robustscope: error: {text}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        _end_bars()
        print("\nStopped; the same command goes on from here.", file=sys.stderr)
        return STOPPED
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
