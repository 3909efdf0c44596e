"""Networks drawn by a design, into a file that `robustscope run --architectures` reads."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from nas_space.presets import find_space
from robustscope.settings import LARGEST_SEED, check_file
from sampling.design import Design, draw, find_design
from sampling.design.entries import read_entry, to_json
from sampling.design.neighbours import Neighbours
from sampling.store.atomic import replacing

LARGEST_CLASSES = 10**6


@dataclass(frozen=True)
class Order:
    """What is to be drawn.

    Attributes:
        space: Name of the space.
        design: Name of the design.
        count: Networks.
        seed: Of the draws.
        classes: Outputs of the linear layer, for designs that look at costs.
        around: JSON file of the network that neighbours are drawn around, None for a drawn one.
    """

    space: str
    design: str
    count: int
    seed: int
    classes: int
    around: Path | None


def sample(order: Order, out: Path) -> str:
    """Draw and write networks.

    Args:
        order: What is to be drawn.
        out: A file in a folder that exists.

    Returns:
        What was written, and what it was sampled from.

    Raises:
        ValueError: Bad input, named; nothing was written.
        OSError: The file cannot be written.
    """
    check_file("sample", out, lambda found: isinstance(found, list))
    for name, value, most in (
        ("seed", order.seed, LARGEST_SEED),
        ("classes", order.classes, LARGEST_CLASSES),
    ):
        least = int(name == "classes")
        if not least <= value <= most:
            raise ValueError(
                f"sample.{name} must be {least} to {most}; got {value}. Change --{name}."
            )
    space, design = find_space(order.space), _find(order)
    draws = draw(space, order.count, order.seed, design, classes=order.classes)
    with replacing(out) as part:
        part.write_text(to_json(draws))
    units = len({d.unit for d in draws})
    return (
        f"Wrote {out}: {len(draws)} networks of {space.name} in {units} design units.\n"
        f"Design {design.name}: {design.about}."
    )


def _find(order: Order) -> Design:
    """The design, around the network of the file if one is named."""
    design = find_design(order.design)
    if order.around is None:
        return design
    if not isinstance(design, Neighbours):
        raise ValueError(
            f"sample.around must be left out for design {design.name}; got {order.around}. "
            "It goes with --design neighbours."
        )
    try:
        return replace(design, around=read_entry(json.loads(order.around.read_text())).architecture)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            f"sample.around must be a JSON file of one architecture; got {order.around} ({error})."
        ) from error
