"""`robustscope evaluate`: a network of the user's own."""

import argparse
from pathlib import Path

from images.paths import data_path
from robustscope.commands.command import Command, Parser, add_common
from robustscope.commands.run import describe

OWN = ("data", "size", "protocol", "images", "seed", "device")
"""Options that a finished run has settled."""


def add_options(parser: Parser) -> None:
    """The network, and what it is asked or beside which run."""
    parser.add_argument(
        "--model",
        required=True,
        metavar="FILE.py:FUNCTION",
        help="a Python file, which is run, and a function in it that returns a torch.nn.Module: "
        "(B, 3, size, size) in [0, 1] to logits",
    )
    parser.add_argument("--name", help="shown for it (FILE.py:FUNCTION)")
    parser.add_argument(
        "--out",
        type=Path,
        help="folder of a finished run, whose networks it joins, or one of its own (runs/own)",
    )
    parser.add_argument("--data", help="digits, cifar10:PATH or folder:PATH (train/, test/)")
    parser.add_argument("--size", type=int, help="of the images, pixels (the data's own)")
    parser.add_argument("--protocol", help="quick, standard, full, or a JSON file (quick)")
    parser.add_argument("--images", type=int, help="test images at most, stratified (2000)")
    parser.add_argument("--seed", type=int, help="of the choice of images and of draws (0)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="(cpu)")
    parser.add_argument(
        "--cache", type=float, default=20.0, help="GiB of noised images kept on disk (%(default)g)"
    )
    add_common(parser)


def do(options: argparse.Namespace) -> str:
    """The network's row in the results of the folder."""
    out = Path("runs/own") if options.out is None else options.out
    given = [name for name in OWN if getattr(options, name) is not None]
    beside = (out / "settings.json").exists()
    _check(options, out, given if beside else [])
    from robustscope.job import Job, earlier_seconds
    from robustscope.own_evaluation import Asked, evaluate_own, new_ground, run_ground, told
    from robustscope.own_model import load_model
    from robustscope.progress import Progress
    from sampling.executors import HERE

    progress = Progress(options.quiet)
    if beside:
        ground = run_ground(out, progress)
    else:
        from images.sizes import native_size

        kind, _, where = options.data.partition(":")
        data = f"{kind}:{data_path(where)}" if where else kind
        asked = {name: getattr(options, name) for name in given} | {"data": data}
        asked["size"] = options.size or native_size(data)
        ground = new_ground(Asked(**asked), progress)
    job = Job(out, HERE, progress, int(options.cache * (1 << 30)), earlier_seconds(out))
    name = options.name or options.model.replace("\\", "/").rpartition("/")[2]
    row, _, record = evaluate_own(load_model(options.model), name, ground, job)
    lines = told(out / "tables" / "networks.csv", row)
    said = f"{name} ({row.id}), accuracy with 95 % interval and place by it:"
    return "\n".join([said, *lines, "", describe(record, out)])


def _check(options: argparse.Namespace, out: Path, settled: list[str]) -> None:
    """Refuse options that contradict the folder, and numbers out of range."""
    if settled:
        raise ValueError(
            f"evaluate.{settled[0]} must be left out beside a run, which has settled it; got "
            f"{getattr(options, settled[0])} for {out}. Name another --out to choose it."
        )
    for name, least, most in (("images", 10, 10**9), ("seed", 0, 2**32 - 1), ("size", 8, 10**4)):
        value = getattr(options, name)
        if value is not None and not least <= value <= most:
            raise ValueError(
                f"evaluate.{name} must be from {least} to {most}; got {value}. Change --{name}."
            )
    if not options.data and not (out / "settings.json").exists():
        raise ValueError(
            "evaluate.data must be given, or --out be the folder of a finished run; got neither. "
            "Use --data folder:PATH, --data cifar10:PATH or --data digits."
        )


COMMAND = Command(
    "evaluate",
    help="your own network under the same protocol, in the same report",
    description="Evaluate a torch classifier of your own clean and under every noise of a "
    "protocol. Beside a finished run (--out RUN) it is asked what the run's networks were asked "
    "and joins their results and report.",
    add=add_options,
    do=do,
)
