"""Noised copies: made once per protocol and data set, shared by every network and process.

They lie in a folder named by what they were made of, see `copies`. A folder is complete when its
`meta.json` exists.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from images.datasets import Dataset, stratified
from images.sets import ImageSet
from metrics.until import attack_order
from noises.adversarial.checks import Attack
from noises.adversarial.table import describe
from noises.protocol import Protocol
from noises.system.inference import INFERENCE_NOISES
from sampling.copies import Copies, fits, make_copies
from sampling.store import Condition

Found = Sequence[tuple[Condition, str]]
"""Conditions with the name of the copy that each reads."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything a worker needs to evaluate a network, F distinct image copies of I images.

    Attributes:
        home: Folder the arrays lie in.
        protocol: What is asked.
        conditions: (M,) in order: clean, natural, system, inference, attacks, transfer.
        row: (M,) which image copy a condition reads; -1 for those that are no copy: inference,
            attacks, transfer. Pixel-identical system variants share a copy and are evaluated once.
        copies: F copies of the I images.
        labels: (I,) int64.
        ids: (I,) stable image ids.
        attacked: (A,) indices of the images that attacks run on.
        recalibration: (R, s, s, 3) uint8 training images BatchNorm is re-estimated on.
        sources: Networks that transfer conditions were made on, by supernet.
    """

    home: Path
    protocol: Protocol
    conditions: tuple[Condition, ...]
    row: tuple[int, ...]
    copies: Copies
    labels: NDArray[np.int64]
    ids: tuple[str, ...]
    attacked: NDArray[np.int64]
    recalibration: NDArray[np.uint8]
    sources: tuple[str, ...]

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """(A,) places in `attacked` in the order in which a sequential evaluation attacks."""
        return attack_order([self.ids[i] for i in self.attacked], self.protocol.seed)


@dataclass(frozen=True)
class Cache:
    """Where noised copies lie.

    Attributes:
        folder: Holds a folder for everything copies were made of.
        limit: Bytes of copies that may lie on disk; beyond it they are made as they are read.
    """

    folder: Path
    limit: int = 20 << 30


def prepare(
    dataset: Dataset,
    protocol: Protocol,
    images: int,
    cache: Cache,
    report: Callable[[int], object] = lambda conditions: None,
    sources: Sequence[str] = (),
) -> Prepared:
    """Make, or read back, the noised copies of `images` stratified test images.

    Args:
        dataset: Where the images come from.
        protocol: Which noises.
        images: How many test images, all of them when there are fewer.
        cache: Where a folder of its own is made.
        report: Called with how many more conditions are done.
        sources: Supernets whose largest networks the protocol's transfer attacks are made on.

    Returns:
        What workers need; arrays are memory maps.
    """
    chosen = dataset.test
    if images < len(chosen):
        chosen = chosen.take(stratified(chosen.labels, images, protocol.seed))
    sources = tuple(sources) if protocol.transfer else ()
    made_of = f"{dataset.sha256} {protocol.hash} {images} {json.dumps(sources)}"
    key = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    home = cache.folder / f"noised-{key}"
    if not (home / "meta.json").exists():
        home.mkdir(parents=True, exist_ok=True)
        whole = fits(home, chosen.pixels.shape, protocol, cache.limit)
        copies, found = make_copies(chosen, protocol, home, whole, report)
        _make(dataset, chosen, copies, found, sources)
    return load_prepared(home, protocol)


def load_prepared(home: Path, protocol: Protocol) -> Prepared:
    """Read copies made before, as memory maps.

    Raises:
        ValueError: The folder is incomplete.
    """
    try:
        meta = json.loads((home / "meta.json").read_text())
        arrays = {
            name: np.load(home / f"{name}.npy", mmap_mode="r")
            for name in ("labels", "attacked", "recalibration")
        }
        shape = tuple(meta["shape"])
        copies = Copies(home, protocol, tuple(meta["copies"]), shape, meta["stored"])
        copies.check()
    except (OSError, ValueError) as error:
        raise ValueError(
            f"Prepared.folder must hold whole noised copies; got {home} ({error}). Delete it."
        ) from error
    conditions = tuple(Condition(**c) for c in meta["conditions"])
    return Prepared(
        home=home,
        protocol=protocol,
        conditions=conditions,
        row=tuple(meta["row"]),
        copies=copies,
        ids=tuple(meta["ids"]),
        sources=tuple(meta["sources"]),
        **arrays,
    )


def _make(
    dataset: Dataset, chosen: ImageSet, copies: Copies, found: Found, sources: tuple[str, ...]
) -> None:
    """Write every other array, then `meta.json`."""
    protocol, home = copies.protocol, copies.home
    attacked = stratified(chosen.labels, min(protocol.attacked, len(chosen)), protocol.seed)
    count = min(protocol.recalibration, len(dataset.train))
    recalibration = stratified(dataset.train.labels, count, protocol.seed)
    np.save(home / "recalibration.npy", dataset.train.pixels[recalibration])
    np.save(home / "labels.npy", chosen.labels)
    np.save(home / "attacked.npy", attacked)
    others = _without_copies(protocol, sources)
    place = {name: row for row, name in enumerate(copies.names)}
    meta = {
        "conditions": [asdict(c) for c in (*(c for c, _ in found), *others)],
        "row": [place[copy] for _, copy in found] + [-1] * len(others),
        "copies": copies.names,
        "shape": copies.shape,
        "stored": copies.stored,
        "ids": chosen.ids,
        "sources": sources,
    }
    part = home / "meta.part"
    part.write_text(json.dumps(meta))
    part.replace(home / "meta.json")


def _without_copies(protocol: Protocol, sources: tuple[str, ...]) -> list[Condition]:
    """Conditions that read the clean copy, or images of their own."""
    inference = [
        Condition(name, "inference", 0, json.dumps(INFERENCE_NOISES[name].describe()), "clean")
        for name in protocol.inference
    ]
    transfer = [
        attack_condition(attack, e, source)
        for source in sources
        for attack in protocol.transfer
        for e in range(len(attack.budgets))
    ]
    return inference + attack_conditions(protocol) + transfer


def attack_conditions(protocol: Protocol) -> list[Condition]:
    """The white-box and black-box attacks of a protocol, in order."""
    return [attack_condition(a, e) for a in protocol.attacks for e in range(len(a.budgets))]


def attack_condition(attack: Attack, e: int, source: str = "") -> Condition:
    """The condition of one attack at its e-th budget (from 0), made on a source if it has one."""
    parameters = describe(attack) | {"budget": attack.budgets[e]}
    name, family = f"{attack.name}_e{e + 1}", "adversarial"
    if source:
        parameters["transferred_from"] = f"{source}/largest"
        name, family = f"{attack.name}_from_{source}_e{e + 1}", "transfer"
    return Condition(name, family, e + 1, json.dumps(parameters, sort_keys=True), "clean")
