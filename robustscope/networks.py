"""Which supernets a run trains and which networks it evaluates, from its settings."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np

from images.datasets import Dataset, ImageSet, Track, load_dataset
from nas_space.presets import find_space
from robustscope.presets import FAMILY_TECHNIQUES, find_preset
from robustscope.settings import Settings
from sampling.campaign import SupernetPlan, enlist
from sampling.design import Draw, draw, find_design
from sampling.design.entries import read_draws
from sampling.store import Network
from training.objectives import Distillation
from training.recipe import Recipe
from training.techniques import KINDS, choose


def supernet_plans(
    settings: Settings, out: Path, classes: int, listed: tuple[str, ...]
) -> list[SupernetPlan]:
    """One supernet per family, of the `listed` ones if any, with checkpoints in out/supernets."""
    preset = find_preset(settings.preset)
    label = "+".join(settings.technique) or "standard"
    return [
        SupernetPlan(
            name, f"{name}-{preset.scale}", classes, family_recipe(settings, name), label,
            out / "supernets" / f"{name}.safetensors",
        )
        for name in settings.spaces
        if not listed or name in listed
    ]  # fmt: skip


def family_recipe(settings: Settings, family: str) -> Recipe:
    """The preset's recipe for a family, with the techniques asked for in place of their like."""
    preset = find_preset(settings.preset)
    named = {spec.partition(":")[0] for spec in settings.technique}
    if named & set(KINDS["optimizer"]):
        named |= set(KINDS["optimizer"])
    usual = preset.techniques + FAMILY_TECHNIQUES.get(family, ())
    kept = tuple(spec for spec in usual if spec.partition(":")[0] not in named)
    _check_sources(settings.technique)
    return Recipe(
        epochs=settings.epochs,
        batch=preset.batches.get(family, preset.batch),
        rate=preset.rate,
        seed=settings.seed,
        techniques=kept + settings.technique,
    )


def _check_sources(techniques: tuple[str, ...]) -> None:
    """Refuse a technique without the teacher or the data that it learns from."""
    chosen = choose(techniques)
    if isinstance(chosen.objective, Distillation) and not Path(chosen.objective.teacher).is_file():
        raise ValueError(
            "distillation.teacher must be the .safetensors file of a supernet; got "
            f"{chosen.objective.teacher!r}. Write distillation:teacher=PATH."
        )
    if "" in chosen.extra:
        raise ValueError(
            "extra.data must be a data set; got nothing. Write extra:data=folder:PATH."
        )


def with_extra(dataset: Dataset, recipe: Recipe, track: Track) -> Dataset:
    """The data set with the extra training images that the recipe names behind its own.

    Raises:
        ValueError: One of them cannot be read or has other classes.
    """
    for spec in choose(recipe.techniques).extra:
        more, own = load_dataset(spec, dataset.size, track), dataset.train
        if more.classes != dataset.classes:
            raise ValueError(
                f"extra.data must have the classes of {dataset.name}: {len(dataset.classes)}, from "
                f"{dataset.classes[0]} to {dataset.classes[-1]}; got {len(more.classes)}, from "
                f"{more.classes[0]} to {more.classes[-1]} in {spec}. Name and number them alike."
            )
        pixels = np.concatenate((own.pixels, more.train.pixels))
        labels = np.concatenate((own.labels, more.train.labels))
        ids = own.ids + tuple(f"extra/{name}" for name in more.train.ids)
        dataset = replace(dataset, train=ImageSet(pixels, labels, ids, pixels))
    return dataset


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
