"""The options that the settings of a run are read from."""

import argparse
from pathlib import Path

from images.paths import data_path
from robustscope.commands.command import Parser
from robustscope.presets import find_preset
from robustscope.settings import DESIGN, LARGEST_SEED, Settings, split_specs


def add_settings(parser: Parser) -> None:
    """The options that a run's settings are read from."""
    parser.add_argument("--preset", default="digits", help="%(default)s by default")
    parser.add_argument(
        "--data",
        help="digits, cifar10:PATH (python or binary batches) or folder:PATH (train/, test/)",
    )
    parser.add_argument("--out", type=Path, help="folder of the run (default: runs/PRESET)")
    parser.add_argument(
        "--space",
        help="families of the supernets, comma separated: mobilenet, resnet, vit (the first two)",
    )
    parser.add_argument("--subnets", type=int, help="networks in all, shared among the supernets")
    parser.add_argument("--images", type=int, help="test images per network at most, stratified")
    parser.add_argument("--epochs", type=int, help="training epochs of each supernet")
    parser.add_argument(
        "--technique",
        metavar="NAME[,NAME]",
        help="training techniques beside the preset's own, each NAME or NAME:key=value,key=value "
        "(adversarial, trades, adamw, ema, dropout, ...)",
    )
    parser.add_argument("--protocol", help="quick, standard, or a JSON file of your own")
    parser.add_argument("--design", help=f"how networks are drawn, see sample ({DESIGN})")
    parser.add_argument("--architectures", help="JSON list of networks, not drawn ones")
    parser.add_argument(
        "--until-decided",
        metavar="GOAL",
        help="attack further images only until the goal is reached: best=K (networks), "
        "half_width=P or margin=P (percentage points), between commas; also level=95, "
        "block=IMAGES of a round, on=CONDITION (right under all attacks)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of training, design and draws (0)")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="%(default)s")


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
        until=_checked_goal(options.until_decided or ""),
    ).with_files()


def _checked_goal(text: str) -> str:
    """A goal that can be read."""
    if text:
        from metrics.until import read_until

        read_until(text)
    return text


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
