"""Noised copies: made once per protocol and data set, shared by every network and process.

The copies lie as plain arrays in a folder named by what they were made of, and are read as memory
maps. A folder is complete when its `meta.json` exists.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from images.datasets import Dataset, stratified
from images.sets import ImageSet
from noises.adversarial.checks import Attack
from noises.adversarial.table import describe
from noises.draws import generators
from noises.natural.table import NATURAL_NOISES
from noises.protocol import Protocol
from noises.system import find_system_noise, identical, pixel_distance, render_all
from noises.system.inference import INFERENCE_NOISES
from sampling.store import Condition

CLEAN = Condition("clean", "clean", 0, "{}", "clean")


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything a worker needs to evaluate a network, F distinct image copies of I images.

    Attributes:
        home: Folder the arrays lie in.
        protocol: What is asked.
        conditions: (M,) in order: clean, natural, system, inference, attacks, transfer.
        row: (M,) which image copy a condition reads; -1 for those that are no copy: inference,
            attacks, transfer. Pixel-identical system variants share a copy and are evaluated once.
        copies: (F, I, s, s, 3) uint8.
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
    copies: NDArray[np.uint8]
    labels: NDArray[np.int64]
    ids: tuple[str, ...]
    attacked: NDArray[np.int64]
    recalibration: NDArray[np.uint8]
    sources: tuple[str, ...]


Noised = tuple[list[Condition], NDArray[np.uint8]]
"""Conditions that share one image copy, and that copy (I, s, s, 3)."""


def prepare(
    dataset: Dataset,
    protocol: Protocol,
    images: int,
    folder: Path,
    report: Callable[[int], object] = lambda conditions: None,
    sources: Sequence[str] = (),
) -> Prepared:
    """Make, or read back, the noised copies of `images` stratified test images.

    Args:
        dataset: Where the images come from.
        protocol: Which noises.
        images: How many test images, all of them when there are fewer.
        folder: Cache; a folder of its own is made in it.
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
    home = folder / f"noised-{key}"
    if not (home / "meta.json").exists():
        _make(dataset, chosen, protocol, home, report, sources)
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
        arrays["copies"] = np.memmap(home / "copies.uint8", np.uint8, "r", shape=shape)
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
        ids=tuple(meta["ids"]),
        sources=tuple(meta["sources"]),
        **arrays,
    )


def _make(
    dataset: Dataset,
    chosen: ImageSet,
    protocol: Protocol,
    home: Path,
    report: Callable[[int], object],
    sources: tuple[str, ...],
) -> None:
    """Write every array, then `meta.json`."""
    home.mkdir(parents=True, exist_ok=True)
    conditions: list[Condition] = []
    row: list[int] = []
    # written, not mapped: a full disk is then an error, not a signal that kills the process
    with (home / "copies.uint8").open("wb") as copies:
        for i, (named, pixels) in enumerate(_noised(chosen, protocol)):
            copies.write(np.ascontiguousarray(pixels).data)
            conditions += named
            row += [i] * len(named)
            report(len(named))
    shape = [1 + max(row), *chosen.pixels.shape]
    conditions, row = _in_order(conditions, row, protocol)
    others = _without_copies(protocol, sources)
    conditions, row = conditions + others, row + [-1] * len(others)
    attacked = stratified(chosen.labels, min(protocol.attacked, len(chosen)), protocol.seed)
    count = min(protocol.recalibration, len(dataset.train))
    recalibration = stratified(dataset.train.labels, count, protocol.seed)
    np.save(home / "recalibration.npy", dataset.train.pixels[recalibration])
    np.save(home / "labels.npy", chosen.labels)
    np.save(home / "attacked.npy", attacked)
    meta = {
        "conditions": [asdict(c) for c in conditions],
        "row": row,
        "shape": shape,
        "ids": chosen.ids,
        "sources": sources,
    }
    part = home / "meta.part"
    part.write_text(json.dumps(meta))
    part.replace(home / "meta.json")


def _noised(chosen: ImageSet, protocol: Protocol) -> Iterator[Noised]:
    """Clean images, then every natural noise, then every distinct system variant."""
    yield [CLEAN], chosen.pixels
    for name in protocol.natural:
        noise = NATURAL_NOISES[name]
        for severity in protocol.severities:
            streams = generators(protocol.seed, name, severity, chosen.ids)
            parameters = {
                "noise": name,
                "group": noise.group,
                "constants": noise.constants(severity, protocol.size),
            }
            text = json.dumps(parameters, sort_keys=True)
            condition = Condition(f"{name}_s{severity}", "natural", severity, text, "clean")
            yield [condition], noise.apply(chosen.pixels, severity, streams)
    yield from _system(chosen, protocol)


def _system(chosen: ImageSet, protocol: Protocol) -> Iterator[Noised]:
    """System variants, those with equal pixels together."""
    if not protocol.system:
        return
    variants = [find_system_noise(name) for name in protocol.system]
    rendered = render_all(variants, chosen.encoded(range(len(chosen))), protocol.size)
    twins = identical(rendered)
    reference = protocol.system[0]
    distances = pixel_distance(rendered, reference)
    groups: dict[str, list[Condition]] = {}
    for variant in variants:
        parameters = asdict(variant) | {
            "identical_to": twins.get(variant.name, ""),
            "largest_distance": distances[variant.name].maximum,
            "mean_distance": round(distances[variant.name].mean, 4),
        }
        text = json.dumps(parameters, sort_keys=True)
        condition = Condition(variant.name, "system", 0, text, reference)
        groups.setdefault(twins.get(variant.name, variant.name), []).append(condition)
    for name, members in groups.items():
        yield members, rendered[name]


def _in_order(
    conditions: list[Condition], row: list[int], protocol: Protocol
) -> tuple[list[Condition], list[int]]:
    """Conditions as the protocol lists them."""
    place = {name: i for i, name in enumerate(protocol.system)}
    order = sorted(range(len(row)), key=lambda i: place.get(conditions[i].name, -1))
    return [conditions[i] for i in order], [row[i] for i in order]


def _without_copies(protocol: Protocol, sources: tuple[str, ...]) -> list[Condition]:
    """Conditions that read the clean copy, or images of their own."""
    inference = [
        Condition(name, "inference", 0, json.dumps(INFERENCE_NOISES[name].describe()), "clean")
        for name in protocol.inference
    ]
    attacks = [attack_condition(a, e) for a in protocol.attacks for e in range(len(a.budgets))]
    transfer = [
        attack_condition(attack, e, source)
        for source in sources
        for attack in protocol.transfer
        for e in range(len(attack.budgets))
    ]
    return inference + attacks + transfer


def attack_condition(attack: Attack, e: int, source: str = "") -> Condition:
    """The condition of one attack at its e-th budget (from 0), made on a source if it has one."""
    parameters = describe(attack) | {"budget": attack.budgets[e]}
    name, family = f"{attack.name}_e{e + 1}", "adversarial"
    if source:
        parameters["transferred_from"] = f"{source}/largest"
        name, family = f"{attack.name}_from_{source}_e{e + 1}", "transfer"
    return Condition(name, family, e + 1, json.dumps(parameters, sort_keys=True), "clean")
