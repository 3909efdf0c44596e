"""What a search takes from a run: its supernet, its data in two halves, its protocol in part."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from images.datasets import Dataset, load_dataset, stratified
from nas_space.architecture import Architecture
from nas_space.costs import costs
from nas_space.nni_search import Evolution
from nas_space.presets import find_space
from nas_space.space import Space
from noises.natural.table import NATURAL_NOISES
from noises.presets import find_protocol
from noises.protocol import Protocol
from robustscope.job import check_device
from robustscope.networks import supernet_plans
from robustscope.presets import find_preset
from robustscope.progress import Progress
from robustscope.settings import Settings
from sampling.campaign import SupernetPlan
from sampling.store import Journal

LEAST_IMAGES = 10
"""In each half."""

FAMILIES = ("adversarial", "natural", "system", "inference", "transfer")
"""Of noises."""


@dataclass(frozen=True)
class Search:
    """What is asked.

    Attributes:
        folder: Of a run whose supernets are trained.
        space: Family of the supernet, "" for the only one of the run.
        objective: Names of outcomes, whose mean is the score of a network.
        evolution: Budget, seed and settings of the search.
        max_macs: Multiply-adds per image a network may cost at most.
        images: Test images that networks are chosen on, and as many that they are judged on; at
            most half of them each.
        device: "cpu" or "cuda", "" for that of the run.
        out: The .json file that is written.
    """

    folder: Path
    space: str
    objective: tuple[str, ...]
    evolution: Evolution
    max_macs: float
    images: int
    device: str
    out: Path


@dataclass(frozen=True, eq=False)
class Trained:
    """What a search takes from a run.

    Attributes:
        plan: The supernet.
        dataset: What it was trained on, and is searched on.
        protocol: The run's, without the noises that the objective does not need.
        seed: Of the run.
        device: Where networks are evaluated.
    """

    plan: SupernetPlan
    dataset: Dataset
    protocol: Protocol
    seed: int
    device: str

    @property
    def space(self) -> Space:
        """Where networks come from."""
        return find_space(self.plan.space)

    def macs(self, architecture: Architecture) -> float:
        """Multiply-adds per image."""
        return float(costs(self.space, [architecture], self.plan.classes)["macs"][0])


def open_run(query: Search, progress: Progress) -> Trained:
    """The supernet, data and protocol of a run.

    Raises:
        ValueError: The training has not ended, the data has changed since, or the run has no such
            supernet or outcome, or the space no network so small.
    """
    settings, identity = read_run(query.folder)
    name = query.space or next(iter(identity["supernets"]))
    if name not in identity["supernets"] or (not query.space and len(identity["supernets"]) > 1):
        raise ValueError(
            f"search.space must be one of {', '.join(identity['supernets'])}, the supernets of "
            f"{query.folder}; got {query.space or 'none'}. Change --space."
        )
    preset = find_preset(settings.preset)
    protocol = find_protocol(settings.protocol, preset.size)
    protocol = replace(protocol, seed=protocol.seed + settings.seed)
    protocol = only_needed(protocol, query.objective)
    device = query.device or settings.device
    check_device(device)
    dataset = load_dataset(settings.data, preset.size, progress.track)
    if dataset.sha256 != identity["dataset"]:
        raise ValueError(
            f"search.folder must be of data that is as it was; got {query.folder}, and "
            f"{settings.data} holds other images now. Run again in another folder."
        )
    (plan,) = supernet_plans(settings, query.folder, len(dataset.classes), (name,))
    trained = Trained(plan, dataset, protocol, settings.seed, device)
    least = trained.macs(trained.space.extreme(largest=False))
    if not query.max_macs >= least:
        raise ValueError(
            f"search.max_macs must be at least {least:.0f}, the smallest network of "
            f"{trained.space.name}; got {query.max_macs:g}. Raise --max-macs."
        )
    return trained


def read_run(folder: Path) -> tuple[Settings, dict[str, Any]]:
    """Settings of a run, and what its journal, begun when training has ended, says it is of.

    Raises:
        ValueError: There is none, or a file that the run names has changed.
    """
    try:
        with Journal.view(folder / "journal.sqlite") as journal:
            identity: dict[str, Any] = json.loads(journal.settings)
        settings = Settings(**identity["settings"])
        settings = replace(
            settings, spaces=tuple(settings.spaces), technique=tuple(settings.technique)
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"search.folder must be a run that has begun to evaluate; got {folder} ({error}) "
            "Make or continue one with robustscope run --out."
        ) from error
    if json.loads(settings.with_files().to_json()) != identity["settings"]:
        raise ValueError(
            f"search.folder must be of files that are as they were; got {folder}, and a file it "
            "names has changed. Run again in another folder."
        )
    return settings, identity


def only_needed(protocol: Protocol, objective: tuple[str, ...]) -> Protocol:
    """The protocol without the families of noises that no named outcome looks at.

    Raises:
        ValueError: An outcome is unknown, or the protocol does not give it.
    """
    known = outcome_families(protocol)
    for name in objective:
        if name not in known:
            raise ValueError(
                f"search.objective must be among {', '.join(known)} with protocol "
                f"{protocol.name}; got {name!r}. Choose among these."
            )
    parts = {"adversarial": "attacks"}
    spare = set(FAMILIES) - {known[name] for name in objective}
    spared = {parts.get(family, family): () for family in spare}
    return replace(protocol, sequences=(), keep=(), **spared)  # type: ignore[arg-type]


def outcome_families(protocol: Protocol) -> dict[str, str]:
    """Name of every outcome in [0, 1] that the protocol gives to its family, clean the first."""
    attacks = [attack.name for attack in protocol.attacks]
    groups = dict.fromkeys(f"natural_{NATURAL_NOISES[n].group}" for n in protocol.natural)
    names = {
        "adversarial": [*attacks, "adversarial"] if attacks else [],
        "natural": [*groups, "natural"] if groups else [],
        "system": ["system"] if protocol.system else [],
        "inference": ["inference"] if protocol.inference else [],
        "transfer": ["transfer"] if protocol.transfer else [],
    }
    families = {name: family for family in FAMILIES for name in names[family]}
    return {"clean": "clean"} | families


def halves(dataset: Dataset, images: int, seed: int) -> tuple[Dataset, Dataset]:
    """The data set twice, with disjoint stratified halves of at most `images` test images each.

    Raises:
        ValueError: Too few images.
    """
    labels = dataset.test.labels
    count = min(images, len(labels) // 2)
    if count < LEAST_IMAGES:
        raise ValueError(
            f"search.images must be at least {LEAST_IMAGES} and as many be held out; got {images} "
            f"of {len(labels)} test images. Raise --images, or search on more images."
        )
    both = stratified(labels, 2 * count, seed)
    mine = np.zeros(2 * count, np.bool_)
    mine[stratified(labels[both], count, seed)] = True
    first, second = (replace(dataset, test=dataset.test.take(both[part])) for part in (mine, ~mine))
    return first, second
