"""Networks trained alone: what the weights of a supernet are judged by.

A network alone begins as the slice of a supernet that was never trained, so it starts from the same
distribution as within the trained one, and learns by the supernet's recipe from the labels. In
training its BatchNorm normalises by the batch at hand; afterwards it is recalibrated and evaluated
exactly as a spawned subnet is. Each network has an initialisation, an order of images and draws of
its own: nothing ties two of them together but the recipe.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nas_space.architecture import Architecture
from noises.protocol import Protocol
from sampling.campaign import SupernetPlan, prepare_torch, taught
from sampling.examination import examiner
from sampling.executors import Handler
from sampling.store import Network, Outcome
from supernet.network import Subnet, spawn
from training.loop import Examples, fit, network_step

ORIGIN = "standalone"
"""Of these networks in the results."""


@dataclass(frozen=True)
class Twin:
    """How one network is trained alone.

    Attributes:
        plan: Of a supernet of its space: the recipe, the classes.
        network: Row of the results, whose seed is that of the repetition.
        folder: Where its checkpoint lies.
    """

    plan: SupernetPlan
    network: Network
    folder: Path

    @property
    def seed(self) -> int:
        """Of this one training: another one for every network and every repetition."""
        digest = hashlib.sha256(f"{self.network.id} {self.network.seed}".encode()).digest()
        return int.from_bytes(digest[:4], "big")

    @property
    def checkpoint(self) -> Path:
        """Its .safetensors file."""
        return self.folder / f"{self.network.id}_seed{self.network.seed}.safetensors"

    def build(self) -> Subnet:
        """The network with its initial weights, in train mode."""
        plan = replace(self.plan, recipe=replace(self.plan.recipe, seed=self.seed))
        return spawn(plan.build(), Architecture.from_json(self.network.architecture))

    def train(
        self,
        data: tuple[NDArray[np.uint8], NDArray[np.int64]],
        device: str,
        report: Callable[[float], None] = lambda epochs: None,
    ) -> Subnet:
        """The network trained on pixels (I, s, s, 3) uint8 and labels (I,), from its checkpoint on.

        Raises:
            ValueError: As `training.loop.fit`.
        """
        network = self.build().to(device).to(memory_format=torch.channels_last)
        recipe = replace(self.plan.recipe, seed=self.seed)
        step = network_step(network, recipe, taught(self.plan, device))
        examples = Examples(*data, self.plan.classes)
        fit(network, step, examples, recipe, self.checkpoint, report)
        return network


def alone(network: Network, seed: int) -> Network:
    """The row of the same architecture trained alone."""
    return replace(network, origin=ORIGIN, supernet="", seed=seed)


def study_handler(
    plans: Mapping[str, SupernetPlan], folders: Mapping[str, Path], protocol: Protocol, device: str
) -> Handler:
    """Handler that evaluates a `Network` of a supernet, or trains it alone and evaluates it.

    Args:
        plans: Supernet name to plan; a network alone takes the recipe of the first of its family.
        folders: "home" of the noised copies, "training" images, "standalone" checkpoints.
        protocol: Of the copies.
        device: "cpu" or "cuda".
    """
    prepare_torch(device)
    supernets = {name: plan.load() for name, plan in plans.items()}
    recipes: dict[str, SupernetPlan] = {}
    for name, supernet in supernets.items():
        recipes.setdefault(supernet.space.family, plans[name])
    training = folders["training"]
    data = np.load(training / "pixels.npy", mmap_mode="r"), np.load(training / "labels.npy")
    examine = examiner(supernets, folders["home"], protocol, device)

    def evaluate(network: Network, report: Callable[[Any], None]) -> Outcome:
        if network.origin == ORIGIN:
            twin = Twin(recipes[network.family], network, folders["standalone"])
            return examine(network, twin.train(data, device, report), report, None)
        architecture = Architecture.from_json(network.architecture)
        subnet = spawn(supernets[network.supernet], architecture).to(device)
        return examine(network, subnet, report, None)

    return evaluate


def stratified_networks(
    networks: Sequence[Network], accuracy: Sequence[float], count: int, seed: int
) -> list[Network]:
    """`count` networks spread evenly over accuracy and, at equal accuracy, over MACs.

    Sorted by accuracy and cut into bands of equal size, each band sorted by MACs and cut into
    strata of equal size; one network is drawn from every stratum. Of networks that were drawn
    together one takes part, and the extremes, which nobody drew, do not. They come in random order:
    the first of them are spread, too.

    Args:
        networks: N evaluated networks of one supernet.
        accuracy: (N,) of each, as measured with the supernet's weights.
        count: How many are wanted.
        seed: Of the draws.

    Raises:
        ValueError: There are fewer independent networks.
    """
    rng = np.random.default_rng([seed, count])
    order = rng.permutation(len(networks))
    drawn = [i for i in order if networks[i].design not in ("largest", "smallest")]
    units = {networks[i].pair or networks[i].id: i for i in drawn}
    if not 1 <= count <= len(units):
        raise ValueError(
            f"study.networks must be at most the {len(units)} design units that were drawn and "
            f"evaluated of {networks[0].supernet}; got {count}. Change --networks, or evaluate "
            "more in a run with more --subnets."
        )
    rows = sorted(units.values(), key=lambda i: (accuracy[i], networks[i].id))
    chosen: list[int] = []
    bands = np.array_split(rows, max(1, round(count / BAND)))
    sizes = [len(part) for part in np.array_split(np.arange(count), len(bands))]
    for band, size in zip(bands, sizes, strict=True):
        by_macs = sorted(band, key=lambda i: (networks[i].factors["macs"], networks[i].id))
        chosen += [int(rng.choice(part)) for part in np.array_split(by_macs, size)]
    return [networks[i] for i in rng.permutation(chosen)]


BAND = 5
"""Networks drawn from each band of accuracy."""
