"""A campaign: supernets trained side by side, networks drawn, evaluated and remembered.

Nothing here keeps state between calls but the files it is given: checkpoints, noised copies and the
journal. Killed at any moment, the same calls go on where the files end.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from images.datasets import Dataset
from nas_space.architecture import Architecture
from nas_space.costs import factors, unit
from nas_space.presets import find_space
from nas_space.space import Space
from noises.protocol import Protocol
from sampling.conditions import Prepared
from sampling.design import Draw
from sampling.examination import examiner
from sampling.executors import Execution, Handler, Setup, run_jobs
from sampling.sequences import protocol_record
from sampling.store import Campaign, Network, Outcome
from sampling.turns import Turn
from supernet.calibration import weights_hash
from supernet.network import SuperNet, spawn
from supernet.sandwich import fit_supernet
from training.checkpoint import load_weights, read_checkpoint
from training.loop import Examples
from training.objectives import Distillation, Objective
from training.recipe import Recipe
from training.techniques import choose


@dataclass(frozen=True)
class SupernetPlan:
    """One supernet of a campaign.

    Attributes:
        name: Of the supernet in the results, for instance "mobilenet".
        space: Name of its space, for instance "mobilenet-digits".
        classes: K, number of classes.
        recipe: How it is trained.
        technique: Label of the training in the results, for instance "standard".
        checkpoint: Its .safetensors file.
    """

    name: str
    space: str
    classes: int
    recipe: Recipe
    technique: str
    checkpoint: Path

    def build(self) -> SuperNet:
        """The supernet with its initial weights, equal for equal seeds."""
        torch.manual_seed(self.recipe.seed)
        transform = choose(self.recipe.techniques).kernel_transform
        return SuperNet(find_space(self.space), self.classes, transform)

    def load(self) -> SuperNet:
        """The trained supernet.

        Raises:
            ValueError: The checkpoint is missing, damaged or of another space.
        """
        model = self.build()
        load_weights(self.checkpoint, model, read_checkpoint(self.checkpoint)[0])
        return model

    def describe(self) -> str:
        """JSON of the training settings and the hash of the weights."""
        settings = {"space": self.space, "technique": self.technique, "recipe": asdict(self.recipe)}
        return json.dumps(settings | {"weights": weights_hash(self.load())}, sort_keys=True)


def prepare_torch(device: str) -> None:
    """One thread per process; on a GPU full float32 and repeatable kernels."""
    torch.set_num_threads(1)
    if device.startswith("cuda"):
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.deterministic = True


def training_handler(folder: Path, device: str) -> Handler:
    """Handler that trains one `SupernetPlan` on `pixels.npy` and `labels.npy` of the folder."""
    prepare_torch(device)
    data = np.load(folder / "pixels.npy", mmap_mode="r"), np.load(folder / "labels.npy")

    def train(plan: SupernetPlan, report: Callable[[float], None]) -> float:
        model = plan.build().to(device)
        examples, goal = Examples(*data, plan.classes), taught(plan, device)
        return fit_supernet(model, examples, plan.recipe, plan.checkpoint, report, goal)

    return train


def taught(plan: SupernetPlan, device: str) -> Objective | None:
    """Distillation from the teacher that the plan's recipe names, None when it names none.

    The teacher is the largest network of a supernet of the plan's own space; like the supernet that
    learns, it normalises by the batch at hand.
    """
    goal = choose(plan.recipe.techniques).objective
    if not isinstance(goal, Distillation) or not goal.teacher:
        return None
    teacher = replace(plan, checkpoint=Path(goal.teacher)).load().to(device)
    largest = teacher.space.extreme(largest=True)
    return replace(goal, predict=lambda images: teacher(images, largest))


def train_supernets(
    plans: Sequence[SupernetPlan],
    dataset: Dataset,
    folder: Path,
    how: Execution,
    device: str,
) -> Iterator[tuple[int, float]]:
    """Train every supernet side by side, each from its checkpoint on.

    Args:
        plans: What to train.
        dataset: Trained on its training split.
        folder: Cache for the training images.
        how: What trains them.
        device: "cpu" or "cuda".

    Yields:
        (index of the plan, epochs finished).

    Raises:
        ValueError: A training failed; the others' checkpoints stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "pixels.npy", dataset.train.pixels)
    np.save(folder / "labels.npy", dataset.train.labels)
    for event in run_jobs(training_handler, (folder, device), plans, how):
        if event.kind == "failed":
            raise ValueError(f"Training of supernet {plans[event.job].name} failed: {event.value}")
        if event.kind == "message":
            yield event.job, event.value


def enlist(plan: SupernetPlan, draws: Sequence[Draw]) -> list[Network]:
    """Rows of the results for drawn networks, factors included."""
    space = find_space(plan.space)
    architectures = [d.architecture for d in draws]
    values = factors(space, architectures, plan.classes)
    return [
        Network(
            id=d.architecture.id,
            architecture=d.architecture.to_json(),
            family=space.family,
            origin="supernet",
            supernet=plan.name,
            technique=plan.technique,
            seed=plan.recipe.seed,
            design=d.design,
            pair=d.unit,
            factors={name: float(column[i]) for name, column in values.items()},
        )
        for i, d in enumerate(draws)
    ]


def evaluation_handler(
    plans: Mapping[str, SupernetPlan], home: Path, protocol: Protocol, device: str
) -> Handler:
    """Handler that evaluates one `Network` of one of the supernets, or gives it one `Turn`."""
    prepare_torch(device)
    supernets = {name: plan.load() for name, plan in plans.items()}
    examine = examiner(supernets, home, protocol, device)

    def evaluate(job: Network | Turn, report: Callable[[Any], None]) -> Outcome:
        if isinstance(job, Turn):
            network, span = job.network, (job.begin, job.end)
        else:
            network, span = job, None
        architecture = Architecture.from_json(network.architecture)
        subnet = spawn(supernets[network.supernet], architecture).to(device)
        return examine(network, subnet, report, span)

    return evaluate


def evaluation_of(
    plans: Sequence[SupernetPlan], prepared: Prepared, device: str
) -> tuple[Setup, tuple[Any, ...]]:
    """What `record_pending` and `record_turns` evaluate networks of these supernets by."""
    supernets = {p.name: p for p in plans}
    return evaluation_handler, (supernets, prepared.home, prepared.protocol, device)


def campaign_record(
    dataset: Dataset, prepared: Prepared, plans: Sequence[SupernetPlan], device: str
) -> Campaign:
    """What all rows of the results share."""
    spaces: dict[str, Space] = {p.space: find_space(p.space) for p in plans}
    names = {
        name
        for space in spaces.values()
        for name in factors(space, [space.extreme(largest=True)], len(dataset.classes))
    }
    return Campaign(
        protocol=prepared.protocol.to_json(),
        protocol_hash=prepared.protocol.hash,
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        device=device,
        conditions=prepared.conditions,
        image_set="test",
        image_ids=prepared.ids,
        labels=np.array(prepared.labels),
        classes=dataset.classes,
        spaces={name: json.dumps(s.describe(), sort_keys=True) for name, s in spaces.items()},
        supernets={p.name: p.describe() for p in plans},
        factor_units={name: unit(name) for name in sorted(names)},
        notes=dataset.notes,
        sequence_sets=(protocol_record(prepared),) if prepared.protocol.sequences else (),
    )
