"""Large results files for `benchmarks.analysis`: real architectures, made-up outcomes."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from metrics import Bits, Floats
from nas_space.costs import factors, unit
from nas_space.presets import find_space
from sampling.design import draw
from sampling.store import (
    Campaign,
    Condition,
    CountedNetwork,
    Network,
    Outcome,
    write_counts,
    write_results,
)
from sampling.store import Row as ResultRow
from sampling.store.categories import level_unit

IMAGES, TESTED = 397, 10_000
SPACES = ("mobilenet", "resnet", "vit")
ATTACKS = tuple(f"attack_{k}" for k in range(8))
NOISES = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "frost", "fog", "brightness"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
}
VARIANTS = 30
OPERATIONS = ("none", "skip", "conv1", "conv3", "pool")
EDGES = tuple(f"edge{k}" for k in range(6))


def conditions(system: bool) -> tuple[Condition, ...]:
    """1 clean, 24 adversarial, 75 natural and, if asked for, 30 system conditions."""
    made = [Condition("clean", "clean", 0, "{}", "clean")]
    if system:
        reference = "system_reference"
        names = [reference, *(f"variant_{k}" for k in range(1, VARIANTS))]
        made += [Condition(name, "system", 0, "{}", reference) for name in names]
    made += [
        Condition(f"{noise}_s{s}", "natural", s, json.dumps({"noise": noise, "group": g}), "clean")
        for g, names in NOISES.items()
        for noise in names
        for s in range(1, 6)
    ]
    made += [
        Condition(f"{a}_e{e}", "adversarial", e, json.dumps({"eps": e / 255}), "clean")
        for a in ATTACKS
        for e in (1, 2, 3)
    ]
    return tuple(made)


def make_bits(path: Path, n: int) -> str:
    """Write n subnets of three supernets with bits; what the file holds, in words."""
    spaces = [find_space(f"{name}-digits") for name in SPACES]
    asked = conditions(system=True)
    networks = [network for space in spaces for network in _subnets(space.name, n // len(spaces))]
    names = {name for network in networks for name in network.factors}
    campaign = _campaign(asked, {name: unit(name) for name in sorted(names)}, IMAGES)
    write_results(path, campaign, list(_rows(networks, asked)), {}, compression=1)
    return f"{len(networks):,} networks x {len(asked)} conditions x {IMAGES} images"


def make_counts(path: Path, n: int) -> str:
    """Write n networks of which counts are known; what the file holds, in words."""
    rng = np.random.default_rng(1)
    asked = conditions(system=False)
    chosen = rng.integers(len(OPERATIONS), size=(n, len(EDGES)))
    depth, width = rng.integers(1, 9, n), rng.integers(16, 64, n)
    effect = rng.normal(0, 0.4, (len(EDGES), len(OPERATIONS)))
    ability = effect[np.arange(len(EDGES)), chosen].sum(1) + 0.1 * depth + rng.normal(0, 0.5, n)
    level = np.linspace(2, -1, len(asked))
    share = 1 / (1 + np.exp(-(ability[:, None] + level)))
    tried = np.full(share.shape, TESTED)
    right = rng.binomial(tried, share)
    units = {f"{e}_{o}": level_unit(e, o) for e in EDGES for o in OPERATIONS}
    units |= {"depth": "blocks", "width": "channels"}
    networks = [
        CountedNetwork(_counted(row, chosen[row], float(depth[row]), float(width[row])))
        for row in range(n)
    ]
    write_counts(path, _campaign(asked, units, 0), networks, (tried, right), {})
    return f"{n:,} networks x {len(asked)} conditions, counts of {TESTED:,} images"


def _counted(row: int, chosen: np.ndarray, depth: float, width: float) -> Network:
    values = {
        f"{edge}_{o}": float(o == OPERATIONS[place])
        for edge, place in zip(EDGES, chosen, strict=True)
        for o in OPERATIONS
    }
    values |= {"depth": depth, "width": width}
    identity = (f"{row:012x}", json.dumps({"row": row}), "cells", "standalone", "", "", 0)
    return Network(*identity, "imported", "", values)


def _subnets(space_name: str, count: int) -> Iterator[Network]:
    space = find_space(space_name)
    draws = draw(space, count, 0)
    values = factors(space, [d.architecture for d in draws], 10)
    for i, d in enumerate(draws):
        own = {name: float(column[i]) for name, column in values.items()}
        text = d.architecture.to_json()
        identity = (d.architecture.id, text, space.family, "supernet", space.family, "standard", 0)
        yield Network(*identity, d.design, d.unit, own)


def _rows(networks: Sequence[Network], asked: Sequence[Condition]) -> Iterator[ResultRow]:
    """Bits that are logistic in ability (macs and luck), difficulty of the image and noise."""
    rng = np.random.default_rng(2)
    difficulty = rng.normal(0, 1.2, IMAGES)
    level = np.array([2.5 - 0.4 * c.severity for c in asked])
    cost = np.log([network.factors["macs"] for network in networks])
    ability: Floats = 0.4 * (cost - cost.mean()) / cost.std() + rng.normal(0, 0.3, len(networks))
    evaluated: Bits = np.ones((len(asked), IMAGES), np.bool_)
    for row, network in enumerate(networks):
        twist = rng.normal(0, 0.2, len(asked))[:, None]
        luck = rng.logistic(0, 0.7, IMAGES) + rng.logistic(0, 0.3, (len(asked), IMAGES))
        correct: Bits = ability[row] + level[:, None] + twist - difficulty + luck > 0
        yield ResultRow(network, Outcome(f"{row:064x}", evaluated, correct), "done", "")


def _campaign(asked: tuple[Condition, ...], units: dict[str, str], images: int) -> Campaign:
    return Campaign(
        protocol="{}",
        protocol_hash="",
        dataset="made up",
        dataset_sha256="",
        device="cpu",
        conditions=asked,
        image_set="test",
        image_ids=tuple(map(str, range(images))),
        labels=np.arange(images, dtype=np.int64) % 10,
        classes=tuple("0123456789") if images else (),
        spaces={},
        supernets=dict.fromkeys(SPACES, "{}") if images else {},
        factor_units=units,
    )
