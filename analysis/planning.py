"""What a results file says about noise: the assumptions that the next campaign is planned on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrics.estimate import Bits
from metrics.power_estimates import PairNoise, outcome_correlation, pair_noise, reliability
from nas_space.architecture import Architecture
from nas_space.pairs import matched_pairs
from nas_space.presets import find_space
from sampling.store import Results, open_results

MIN_NETWORKS = 10
"""Of one supernet, for a reliability."""


@dataclass(frozen=True)
class Assumptions:
    """What a plan rests on.

    Attributes:
        accuracy: Expected, in [0, 1].
        correlation: Between the outcomes of two networks on the same images.
        noise: Of matched pairs.
        reliability: Of accuracies, in (0, 1].
        measured_on: Images that the reliability belongs to; None when it belongs to any number.
        seconds: Wall time per network and image; None when unknown.
        origin: Name of every number above to where it comes from.
    """

    accuracy: float
    correlation: float
    noise: PairNoise
    reliability: float
    measured_on: int | None
    seconds: float | None
    origin: dict[str, str]


ASSUMED = Assumptions(
    accuracy=0.5,
    correlation=0.5,
    noise=PairNoise(spread=0.02, discordance=0.1, shared=0.2),
    reliability=0.9,
    measured_on=None,
    seconds=None,
    origin={
        "accuracy": "assumed: the accuracy that needs most images",
        "correlation": "assumed",
        "noise": "assumed",
        "reliability": "assumed",
        "seconds": "unknown without --from",
    },
)
"""Round numbers between those of clean and attacked subnets of the digits preset."""


@dataclass(frozen=True)
class _Group:
    """Subnets of one training, n of them, on the I images that all have seen."""

    networks: pd.DataFrame
    correct: Bits


def read_assumptions(path: Path, condition: str) -> Assumptions:
    """What a file says of one condition; what it cannot say is assumed, and `origin` says so.

    Args:
        path: results.h5.
        condition: Name of one of its conditions.

    Raises:
        ValueError: The file is damaged, has no such condition, or fewer than two networks were
            evaluated under it on the same two images.
    """
    with open_results(path) as results:
        rows = np.flatnonzero(results.networks["status"] == "done")
        evaluated = results.evaluated([condition], rows)[:, 0]
        images = np.flatnonzero(evaluated.all(0))
        if len(rows) < 2 or len(images) < 2:
            raise ValueError(
                "plan.from must hold at least 2 networks evaluated on the same 2 images under "
                f"{condition}; got {len(rows)} networks and {len(images)} images. Name another."
            )
        correct = results.correct([condition], rows)[:, 0][:, images]
        networks = results.networks.iloc[rows].reset_index(drop=True)
        seconds = _seconds(results, rows, evaluated.shape[1])
    groups = list(_groups(networks, correct))
    where = f"{len(rows)} networks, {len(images)} images of {path.name}, {condition}"
    found, origin = _estimates(groups, where)
    origin["accuracy"] = f"mean of {where}"
    origin["seconds"] = f"all conditions of {path.name}" if seconds else "not in the file"
    return Assumptions(
        accuracy=float(correct.mean()),
        correlation=found.get("correlation", ASSUMED.correlation),
        noise=_noise(groups, origin, where),
        reliability=max(found.get("reliability", ASSUMED.reliability), 1e-6),
        measured_on=len(images) if "reliability" in found else None,
        seconds=seconds,
        origin=origin,
    )


def _groups(networks: pd.DataFrame, correct: Bits) -> Iterator[_Group]:
    for _, part in networks.groupby(["origin", "supernet", "technique", "seed"], sort=True):
        yield _Group(part, correct[part.index.to_numpy()])


def _estimates(groups: list[_Group], where: str) -> tuple[dict[str, float], dict[str, str]]:
    """Means over trainings, weighted by their networks, and where they come from."""
    found, origin = {}, {}
    for name, of, least in (
        ("correlation", outcome_correlation, 2),
        ("reliability", reliability, MIN_NETWORKS),
    ):
        known = [(of(g.correct), len(g.correct)) for g in groups if len(g.correct) >= least]
        known = [(value, n) for value, n in known if np.isfinite(value)]
        origin[name] = f"assumed: needs {least} networks of one training that differ"
        if known:
            values, sizes = zip(*known, strict=True)
            found[name] = float(np.average(values, weights=sizes))
            origin[name] = f"{where}, mean over {len(known)} trainings"
    return found, origin


def _noise(groups: list[_Group], origin: dict[str, str], where: str) -> PairNoise:
    """Of the file's matched pairs; says in `origin` how many there were."""
    low, high, genes = [], [], []
    for number, group in enumerate(groups):
        try:
            found = _matched(group.networks)
        except ValueError:  # not of a space that is known here
            continue
        for first, second, gene in found:
            low.append(group.correct[first])
            high.append(group.correct[second])
            genes.append(f"{number} {gene}")
    try:
        noise = pair_noise(np.array(low), np.array(high), genes)
    except ValueError:
        origin["noise"] = "assumed: too few matched pairs of the same genes"
        return ASSUMED.noise
    origin["noise"] = f"{len(genes)} matched pairs among {where}"
    return noise


def _matched(networks: pd.DataFrame) -> list[tuple[int, int, str]]:
    """Positions and gene of the matched pairs within design units.

    Raises:
        ValueError: The networks are of no space known here.
    """
    architectures = [Architecture.from_json(text) for text in networks["architecture"]]
    space = find_space(f"{architectures[0].family}-{architectures[0].scale}")
    units = [name or f"row {row}" for row, name in enumerate(networks["pair"])]
    pairs = matched_pairs(space, architectures, units)
    return list(zip(pairs.low.tolist(), pairs.high.tolist(), pairs.gene.tolist(), strict=True))


def _seconds(results: Results, rows: NDArray[np.intp], images: int) -> float | None:
    """Mean wall time per network and image of the file's protocol."""
    kept = results.provenance.get("seconds")
    if kept is None or np.shape(kept) != (len(results.networks),):
        return None
    mean = float(np.nanmean(np.asarray(kept)[rows]))
    return mean / images if mean > 0 else None
