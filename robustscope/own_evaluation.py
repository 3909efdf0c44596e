"""Puts a user's own network through a protocol, beside those of a run or in its own folder."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from images.datasets import Dataset, load_dataset
from images.sizes import native_size
from noises.presets import find_protocol
from noises.protocol import Protocol
from robustscope.job import (
    JOURNAL,
    Job,
    check_device,
    conclude,
    finished_settings,
    hold,
    make_folder,
)
from robustscope.networks import supernet_plans
from robustscope.presets import find_preset
from robustscope.progress import Progress
from robustscope.run import make_copies, protocol_of
from sampling.campaign import SupernetPlan, campaign_record, prepare_torch
from sampling.conditions import Prepared
from sampling.examination import Examination
from sampling.executors import HERE
from sampling.own import FACTORS, ORIGIN, check_model, deployed, examine_own, own_network
from sampling.signs import signs
from sampling.store import Journal, Network, Outcome
from training.loop import to_float

OUTCOMES = ("clean", "adversarial", "natural", "system")
ENDS = ("_low", "_high")
COLUMNS = tuple(name + end for name in OUTCOMES for end in ("", *ENDS))

IMAGES = 2000
"""Test images at most, when nothing else is said."""


@dataclass(frozen=True)
class Asked:
    """What networks are asked that are not compared with those of a run.

    Attributes:
        data: Data specification, paths absolute.
        size: Of the images, pixels.
        protocol: Name of a protocol or path of its file.
        images: Test images, at most.
        seed: Of the choice of images and of every draw.
        device: "cpu" or "cuda".
    """

    data: str
    size: int
    protocol: str = "quick"
    images: int = IMAGES
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True, eq=False)
class Ground:
    """Where networks are compared.

    Attributes:
        dataset: Whose test images they see.
        protocol: What they are asked.
        images: Test images, at most.
        device: "cpu" or "cuda".
        plans: Supernets of the run, on which transfer attacks are made.
        identity: JSON of what the journal is made with.
    """

    dataset: Dataset
    protocol: Protocol
    images: int
    device: str
    plans: list[SupernetPlan]
    identity: str


def new_ground(asked: Asked, progress: Progress) -> Ground:
    """The ground of networks that are not compared with those of a run.

    Raises:
        ValueError: Bad input, named.
    """
    check_device(asked.device)
    protocol = find_protocol(asked.protocol, asked.size)
    if protocol.transfer:
        raise ValueError(
            "evaluate.protocol must be free of transfer attacks, which are made on the supernets "
            f"of a run; got {protocol.name}. Name a finished run as --out, or another protocol."
        )
    dataset = load_dataset(asked.data, asked.size, progress.track)
    protocol = replace(protocol, seed=protocol.seed + asked.seed)
    identity = {
        "own": {"images": asked.images, "device": asked.device},
        "protocol": protocol.hash,
        "dataset": dataset.sha256,
    }
    return Ground(dataset, protocol, asked.images, asked.device, [], json.dumps(identity))


def run_ground(run: Path, progress: Progress) -> Ground:
    """The ground of a finished run.

    Raises:
        ValueError: The folder holds none, or its data are no longer the same.
    """
    settings = finished_settings("evaluate.out", run)
    check_device(settings.device)
    dataset = load_dataset(settings.data, find_preset(settings.preset).size, progress.track)
    with Journal.view(run / JOURNAL) as journal:
        identity = journal.settings
    kept = json.loads(identity)
    if dataset.sha256 != kept["dataset"]:
        raise ValueError(
            f"evaluate.data must be those of the run in {run}; got others in {settings.data}. "
            "Put back the images it was made with."
        )
    plans = supernet_plans(settings, run, len(dataset.classes), tuple(kept["supernets"]))
    protocol = protocol_of(settings)
    return Ground(dataset, protocol, settings.images, settings.device, plans, identity)


def evaluate_own(
    model: nn.Module, name: str, ground: Ground, job: Job
) -> tuple[Network, Outcome, dict[str, Any]]:
    """What a model did, after it joined the results and the report of the folder.

    Args:
        model: (B, 3, s, s) in [0, 1] to logits (B, K); it is copied, not changed.
        name: Shown for it.
        ground: What it is asked.
        job: The folder.

    Returns:
        Its row, its outcome, and the record of the folder.

    Raises:
        ValueError: The model or the folder cannot be used; what lies there stays.
    """
    network = prepare_model(model, ground)
    row = own_network(network, name, ground.protocol.size, ground.device)
    make_folder(job.out)
    with hold(job.out), Journal.open(job.out / JOURNAL, ground.identity) as journal:
        with job.stage("noise"):
            sources = [plan.name for plan in ground.plans]
            prepared = make_copies(job, ground.dataset, ground.protocol, ground.images, sources)
        with job.stage("evaluate"):
            outcome = _recorded(journal, row)
            if outcome is None:
                outcome = _watched(network, name, ground, prepared, job.progress)
                journal.add([row])
                journal.record(row.key, outcome)
        campaign = campaign_record(ground.dataset, prepared, ground.plans, ground.device)
        units = FACTORS | dict(campaign.factor_units)
        campaign = replace(campaign, factor_units=units)
        return row, outcome, conclude(job, journal, campaign, len(prepared.attacked))


def told(table: Path, row: Network) -> list[str]:
    """What a network did, in words, from the table of networks that the analysis wrote."""
    networks = pd.read_csv(table, usecols=lambda name: name in ("id", "origin", *COLUMNS))
    own = networks[(networks["id"] == row.id) & (networks["origin"] == ORIGIN)].iloc[0]
    lines = []
    for outcome in (name for name in OUTCOMES if name in networks):
        value, low, high = (100 * own[outcome + end] for end in ("", *ENDS))
        place = 1 + int((networks[outcome] > own[outcome]).sum())
        lines.append(
            f"{outcome:<12} {value:5.1f} % [{low:.1f}, {high:.1f}], {place} of {len(networks)}"
        )
    return lines


def prepare_model(model: nn.Module, ground: Ground) -> nn.Module:
    """The model as it is evaluated.

    Raises:
        ValueError: It cannot be asked what the protocol asks.
    """
    prepare_torch(ground.device)
    network = deployed(model, ground.device)
    images = to_float(ground.dataset.test.pixels[:2], ground.device)
    check_model(network, images, len(ground.dataset.classes))
    return network


def _watched(
    network: nn.Module, name: str, ground: Ground, prepared: Prepared, progress: Progress
) -> Outcome:
    """As `examine`, with a bar; it counts images shown, as nobody knows how many attacks need."""
    shown = 0

    def count(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        nonlocal shown
        shown += len(given[0])

    with progress.bar("Evaluating", 1, f"network, {name}") as bar:
        hook = network.register_forward_pre_hook(count)
        with signs(lambda _: bar.set_postfix_str(f"{shown:,} images shown")):
            outcome = examine(network, ground, prepared)
        hook.remove()
        bar.update()
    return outcome


def examine(network: nn.Module, ground: Ground, prepared: Prepared) -> Outcome:
    """Outcome of a network on the prepared images of a ground."""
    supernets = {plan.name: plan.load() for plan in ground.plans} if prepared.sources else None
    return examine_own(network, Examination(prepared, ground.device, supernets))


def _recorded(journal: Journal, row: Network) -> Outcome | None:
    """The outcome of the same network, if it was evaluated before."""
    for network, outcome, _, _ in journal.outcomes():
        if network.key == row.key:
            return outcome
    return None


@dataclass(frozen=True)
class Evaluation(Outcome):
    """An outcome with what its rows and columns are.

    Attributes:
        conditions: (M,) names, for instance "gaussian_noise_s3"; the first is "clean".
        image_ids: (I,) stable image ids.
        labels: (I,) class indices.
    """

    conditions: tuple[str, ...] = ()
    image_ids: tuple[str, ...] = ()
    labels: tuple[int, ...] = ()

    @property
    def accuracy(self) -> dict[str, float]:
        """Condition to the share of the images tried under it that were right, 0 to 1."""
        shares = self.correct.sum(1) / self.evaluated.sum(1)
        return dict(zip(self.conditions, shares.tolist(), strict=True))


@contextmanager
def as_found(device: str) -> Iterator[None]:
    """Leaves torch's threads and switches as they were."""
    threads, cudnn, matmul = torch.get_num_threads(), torch.backends.cudnn, torch.backends.cuda
    before = cudnn.allow_tf32, matmul.matmul.allow_tf32, cudnn.deterministic
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        if device == "cuda":
            cudnn.allow_tf32, matmul.matmul.allow_tf32, cudnn.deterministic = before


def evaluate(
    network: nn.Module,
    data: str = "digits",
    protocol: str = "quick",
    *,
    size: int = 0,
    images: int = IMAGES,
    device: str = "cpu",
) -> Evaluation:
    """What a network does clean and under every noise of a protocol.

    Args:
        network: (B, 3, s, s) float32 in [0, 1] to logits (B, K); it is copied, not changed.
        data: "digits", "cifar10:PATH" or "folder:PATH".
        protocol: Name of a protocol, or path of its JSON file.
        size: s in pixels; 0 takes the data's own.
        images: Test images at most, stratified over the classes.
        device: "cpu" or "cuda".

    Raises:
        ValueError: Bad input, named.
    """
    progress = Progress(quiet=True)
    asked = Asked(data, size or native_size(data), protocol, images, 0, device)
    ground = new_ground(asked, progress)
    with tempfile.TemporaryDirectory() as folder, as_found(device):
        model = prepare_model(network, ground)
        job = Job(Path(folder), HERE, progress, 20 << 30)
        prepared = make_copies(job, ground.dataset, ground.protocol, images, [])
        outcome = examine(model, ground, prepared)
    return Evaluation(
        **{field.name: getattr(outcome, field.name) for field in fields(outcome)},
        conditions=tuple(condition.name for condition in prepared.conditions),
        image_ids=prepared.ids,
        labels=tuple(np.asarray(prepared.labels).tolist()),
    )
