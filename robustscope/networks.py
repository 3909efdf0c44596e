"""Which supernets a run trains and which networks it evaluates, from its settings."""

import itertools
from pathlib import Path

from nas_space.presets import find_space
from robustscope.presets import find_preset
from robustscope.settings import Settings
from sampling.campaign import SupernetPlan, enlist
from sampling.design import Draw, draw, find_design
from sampling.design.entries import read_draws
from sampling.store import Network
from training.loop import Recipe


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


def listed_networks(settings: Settings) -> dict[str, list[Draw]]:
    """Family to the listed networks; empty when networks are to be drawn.

    Raises:
        ValueError: The file is no JSON list, or an architecture lies in no space of this run.
    """
    if not settings.architectures:
        return {}
    spaces = {
        name: find_space(f"{name}-{find_preset(settings.preset).scale}") for name in settings.spaces
    }
    listed: dict[str, list[Draw]] = {}
    for number, read in enumerate(read_draws(Path(settings.architectures)), 1):
        architecture = read.architecture
        try:
            if architecture.family not in spaces:
                raise ValueError(
                    f"Architecture.family must be one of {', '.join(spaces)} in this run; "
                    f"got {architecture.family!r}. Change --space or the file."
                )
            spaces[architecture.family].check(architecture)
        except ValueError as error:
            raise ValueError(f"{settings.architectures}, entry {number}: {error}") from error
        listed.setdefault(architecture.family, []).append(read)
    return listed


def choose_networks(
    settings: Settings, plans: list[SupernetPlan], listed: dict[str, list[Draw]]
) -> list[Network]:
    """The listed networks, or equal numbers drawn from every space."""
    design = find_design(settings.design)
    campaign = [find_space(plan.space) for plan in plans]
    per_plan: list[list[Network]] = []
    for i, plan in enumerate(plans):
        if listed:
            distinct = {d.architecture.id: d for d in listed.get(plan.name, [])}
            draws = list(distinct.values())
        else:
            count = settings.subnets // len(plans) + (i < settings.subnets % len(plans))
            draws = draw(campaign[i], count, settings.seed, design, campaign, plan.classes)
        per_plan.append(enlist(plan, draws))
    # taken in turn, so that the time left is estimated from all of them
    return [n for turn in itertools.zip_longest(*per_plan) for n in turn if n is not None]
