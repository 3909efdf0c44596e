"""Which supernets a run trains and which networks it evaluates, from its settings."""

import itertools
import json
from pathlib import Path

from nas_space.architecture import Architecture
from nas_space.presets import find_space
from robustscope.presets import find_preset
from robustscope.settings import Settings
from sampling.campaign import SupernetPlan, enlist
from sampling.design import Draw, draw
from sampling.store import Network
from training.recipe import Recipe


def supernet_plans(
    settings: Settings, out: Path, classes: int, listed: tuple[str, ...]
) -> list[SupernetPlan]:
    """One supernet per family, of the `listed` ones if any, with checkpoints in out/supernets."""
    preset = find_preset(settings.preset)
    recipe = Recipe(
        epochs=settings.epochs,
        batch=preset.batch,
        rate=preset.rate,
        seed=settings.seed,
        techniques=preset.techniques,
    )
    return [
        SupernetPlan(
            name, f"{name}-{preset.scale}", classes, recipe, "standard",
            out / "supernets" / f"{name}.safetensors",
        )
        for name in settings.spaces
        if not listed or name in listed
    ]  # fmt: skip


def read_architectures(settings: Settings) -> dict[str, list[Architecture]]:
    """Family to the listed architectures; empty when networks are to be drawn.

    Raises:
        ValueError: The file is no JSON list, or an architecture lies in no space of this run.
    """
    if not settings.architectures:
        return {}
    try:
        entries = json.loads(Path(settings.architectures).read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            f"run.architectures must be a JSON file; got {settings.architectures} ({error})."
        ) from error
    if not isinstance(entries, list) or not entries:
        raise ValueError(
            f"run.architectures must be a JSON list of architectures; got {settings.architectures}."
        )
    spaces = {
        name: find_space(f"{name}-{find_preset(settings.preset).scale}") for name in settings.spaces
    }
    listed: dict[str, list[Architecture]] = {}
    for number, entry in enumerate(entries, 1):
        try:
            architecture = Architecture.from_json(json.dumps(entry))
            if architecture.family not in spaces:
                raise ValueError(
                    f"Architecture.family must be one of {', '.join(spaces)} in this run; "
                    f"got {architecture.family!r}. Change --space or the file."
                )
            spaces[architecture.family].check(architecture)
        except ValueError as error:
            raise ValueError(f"{settings.architectures}, entry {number}: {error}") from error
        listed.setdefault(architecture.family, []).append(architecture)
    return listed


def choose_networks(
    settings: Settings, plans: list[SupernetPlan], listed: dict[str, list[Architecture]]
) -> list[Network]:
    """The listed networks, or equal numbers drawn from every space."""
    per_plan: list[list[Network]] = []
    for i, plan in enumerate(plans):
        if listed:
            distinct = {a.id: a for a in listed.get(plan.name, [])}
            draws = [Draw(a, "listed", a.id) for a in distinct.values()]
        else:
            count = settings.subnets // len(plans) + (i < settings.subnets % len(plans))
            draws = draw(find_space(plan.space), count, settings.seed)
        per_plan.append(enlist(plan, draws))
    # taken in turn, so that the time left is estimated from all of them
    return [n for turn in itertools.zip_longest(*per_plan) for n in turn if n is not None]
