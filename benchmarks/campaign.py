"""A campaign against the loop that a user would put together, on the same subnets and noises.

`python -m benchmarks.campaign` takes twenty minutes, with `--quick` two. The user's loop takes one
subnet after the other: a copy of what was spawned, BatchNorm averaged by torch, `imagecorruptions`
image by image for every corruption and severity, torchattacks at every budget. Ours is the engine
of `robustscope run` in one process, noised copies included. 15 corruptions at 5 severities, FGSM,
PGD in two norms and MIM (20 steps) at three budgets; digits at 32 px. The library has ImageNet-C's
constants at every size: so has ours here. Random corruptions and starts draw other numbers.
"""

import argparse
import copy
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.corruptions import Corrupt, load_peer
from benchmarks.table import Row, publish
from images.datasets import Dataset, load_dataset
from nas_space.architecture import Architecture
from nas_space.presets import find_space
from noises.adversarial.gradient import GradientAttack
from noises.natural.table import BENCHMARK_15, NATURAL_NOISES
from noises.presets import standard
from noises.protocol import Protocol
from sampling.campaign import SupernetPlan, enlist, prepare_torch
from sampling.conditions import Cache, Prepared, prepare
from sampling.design import Draw
from sampling.examination import examiner
from supernet.network import SuperNet, spawn
from supernet.sandwich import fit_supernet
from training.loop import Examples, to_float
from training.recipe import Recipe

SPACE = "mobilenet-cifar"
IMAGES, ATTACKED, EPOCHS = 200, 50, 4
BATCH = 100
SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Supplies:
    """What both sides begin with.

    Attributes:
        plan: Of the trained supernet.
        supernet: The same, loaded.
        dataset: Digits at 32 px.
        architectures: Of the subnets.
    """

    plan: SupernetPlan
    supernet: SuperNet
    dataset: Dataset
    architectures: list[Architecture]


def supplies(folder: Path, count: int) -> Supplies:
    """A supernet after some epochs and random subnets of it."""
    dataset = load_dataset("digits", 32)
    recipe = Recipe(EPOCHS, 64, 0.1)
    plan = SupernetPlan(SPACE, SPACE, 10, recipe, "standard", folder / "net.safetensors")
    train = dataset.train
    fit_supernet(plan.build(), Examples(train.pixels, train.labels, 10), recipe, plan.checkpoint)
    space, rng = find_space(SPACE), np.random.default_rng(0)
    return Supplies(plan, plan.load(), dataset, [space.sample(rng) for _ in range(count)])


def protocol() -> Protocol:
    """What both sides do."""
    base = standard(32)
    attacks = tuple(a for a in base.attacks if a.norm != "l1")  # torchattacks has none
    return replace(
        base, natural=BENCHMARK_15, system=(), attacks=attacks, attacked=ATTACKED, name="campaign"
    )


Shares = dict[str, float]
"""Condition to accuracy."""


def our_way(given: Supplies, prepared: Prepared) -> list[Shares]:
    """Accuracies of every subnet."""
    examine = examiner({SPACE: given.supernet}, prepared.home, prepared.protocol, "cpu")
    found = []
    for architecture in given.architectures:
        (row,) = enlist(given.plan, [Draw(architecture, "genes", "")])
        outcome = examine(row, spawn(given.supernet, architecture), lambda _: None, None)
        right, tried = outcome.correct.sum(1), outcome.evaluated.sum(1)
        names = [c.name for c in prepared.conditions]
        found.append(dict(zip(names, right / tried, strict=True)))
    return found


def plain_network(given: Supplies, architecture: Architecture, some: Tensor) -> nn.Module:
    """A copy of the subnet with BatchNorm averaged over batches."""
    network = copy.deepcopy(spawn(given.supernet, architecture)).train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    with torch.no_grad():
        for part in torch.split(some, BATCH):
            network(part)
    return network.eval()


def accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of the images that are classified right."""
    with torch.no_grad():
        said = torch.cat([network(part).argmax(1) for part in torch.split(images, BATCH)])
    return float((said == labels).double().mean())


def tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """(B, 3, s, s) in [0, 1], in the usual layout."""
    return to_float(pixels, "cpu").contiguous()


def torchattack(attack: GradientAttack, budget: float) -> Callable[[nn.Module], Any]:
    """The library's form of an attack."""
    import torchattacks as library

    step, steps = attack.step * budget, attack.steps
    if attack.name == "fgsm":
        return lambda n: library.FGSM(n, eps=budget)
    if attack.name == "mim":
        return lambda n: library.MIFGSM(n, eps=budget, alpha=step, steps=steps, decay=1.0)
    kind = library.PGD if attack.norm == "linf" else library.PGDL2
    return lambda n: kind(n, eps=budget, alpha=step, steps=steps)


def user_loop(
    given: Supplies, architecture: Architecture, prepared: Prepared, corrupt: Corrupt
) -> Shares:
    """Accuracies of one subnet, as a user would measure them."""
    network = plain_network(given, architecture, tensor(np.array(prepared.recalibration)))
    pixels, labels = np.array(prepared.copies.clean), torch.from_numpy(np.array(prepared.labels))
    found = {"clean": accuracy(network, tensor(pixels), labels)}
    for name in prepared.protocol.natural:
        for severity in SEVERITIES:
            noised = np.stack([corrupt(image, severity, name) for image in pixels])
            found[f"{name}_s{severity}"] = accuracy(network, tensor(noised), labels)
    chosen = np.array(prepared.attacked)
    images, labels = tensor(pixels[chosen]), labels[chosen]
    for attack in prepared.protocol.attacks:
        assert isinstance(attack, GradientAttack)
        robust = np.ones(len(chosen), np.bool_)
        for e, budget in enumerate(attack.budgets, 1):
            made = torchattack(attack, budget)(network)(images, labels)
            with torch.no_grad():  # robust at a budget: at all listed ones up to it
                robust &= (network(made).argmax(1) == labels).numpy()
            found[f"{attack.name}_e{e}"] = float(robust.mean())
    return found


def compare(given: Supplies, prepared: Prepared, making: float, corrupt: Corrupt) -> Row:
    """The row, with the mean difference of accuracies by kind of condition in its note."""
    begin = time.process_time()
    ours = our_way(given, prepared)
    ours_s = (making + time.process_time() - begin) / len(ours)
    begin = time.process_time()
    theirs = [user_loop(given, a, prepared, corrupt) for a in given.architectures]
    theirs_s = (time.process_time() - begin) / len(theirs)
    apart: dict[str, list[float]] = {}
    for condition in prepared.conditions:
        differences = [
            a[condition.name] - b[condition.name] for a, b in zip(ours, theirs, strict=True)
        ]
        apart.setdefault(condition.family, []).extend(differences)
    said = ", ".join(f"{f} {100 * np.mean(d):+.2f}" for f, d in apart.items())
    everything = np.concatenate([np.array(d) for d in apart.values()])
    note = (
        f"CPU s per subnet, {len(ours)} subnets, {len(prepared.conditions)} conditions, {IMAGES} "
        f"images, {ATTACKED} attacked; mean difference of accuracies, points: {said}"
    )
    agreement = 1.0 - float(np.abs(everything).mean())
    return Row("user_loop", ours_s, "imagecorruptions and torchattacks", theirs_s, agreement, note)


def main() -> None:
    """Run both sides and publish the row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.campaign", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two subnets, not twenty")
    count = 2 if parser.parse_args().quick else 20
    prepare_torch("cpu")
    corrupt = load_peer()
    same = {n: replace(noise, cifar=noise.imagenet) for n, noise in NATURAL_NOISES.items()}
    with tempfile.TemporaryDirectory() as name, patch.dict(NATURAL_NOISES, same):
        given = supplies(Path(name), count)
        begin = time.process_time()
        prepared = prepare(given.dataset, protocol(), IMAGES, Cache(Path(name)))
        publish("campaign", [compare(given, prepared, time.process_time() - begin, corrupt)])


if __name__ == "__main__":
    main()
