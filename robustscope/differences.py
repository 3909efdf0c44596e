"""What two results files say differently, in words, as JSON and as a table."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from statsmodels.stats.multitest import multipletests

from metrics import mcnemar
from sampling.store import open_results
from sampling.store.atomic import replacing
from sampling.store.comparison import Comparison, Flips

LEVEL = 0.05
SHOWN = 5
"""Networks and conditions told in words."""

COLUMNS = ("network", "condition", "images", "gained", "lost", "p")


def differences(first: Path, second: Path, table: Path | None = None) -> dict[str, Any]:
    """What differs between two results files.

    Args:
        first: A results file.
        second: Another one.
        table: A .csv file with a line per network and condition, if it is to be written.

    Raises:
        ValueError: They share nothing, or a file cannot be read or written.
    """
    with open_results(first) as one, open_results(second) as other:
        both = Comparison(one, other)
        flips = list(both.flips())
        if table is not None:
            _write(table, both, flips)
        return _told(both, flips) | {"first": str(first), "second": str(second)}


def _told(both: Comparison, flips: Sequence[Flips]) -> dict[str, Any]:
    gained, lost, tried = (
        np.stack([getattr(f, n) for f in flips]) for n in ("gained", "lost", "tried")
    )
    p = mcnemar(gained, lost)
    rejected = multipletests(p.ravel(), LEVEL, "holm")[0].reshape(p.shape)
    changed = [f for f in flips if not f.equal]
    return {
        "differing": {name: list(values) for name, values in both.differing.items()},
        "networks": len(both.networks),
        "networks_alone": [len(keys) for keys in both.alone],
        "conditions": len(both.conditions),
        "conditions_alone": [list(names) for names in both.only],
        "images": both.images,
        "equal_networks": len(flips) - len(changed),
        "other_weights": sum(not f.weights for f in flips),
        "outcomes": int(tried.sum()),
        "gained": int(gained.sum()),
        "lost": int(lost.sum()),
        "significant": int(rejected.sum()),
        "tests": int(p.size),
        "by_condition": [
            {
                "condition": name,
                "gained": int(gained[:, m].sum()),
                "lost": int(lost[:, m].sum()),
                "outcomes": int(tried[:, m].sum()),
                "significant": int(rejected[:, m].sum()),
            }
            for m, name in enumerate(both.conditions)
        ],
        "by_network": [
            {
                "network": f.key,
                "same_weights": f.weights,
                "gained": int(f.gained.sum()),
                "lost": int(f.lost.sum()),
                "significant": int(rejected[n].sum()),
            }
            for n, f in enumerate(flips)
            if not f.equal
        ],
    }


def _write(table: Path, both: Comparison, flips: Sequence[Flips]) -> None:
    with replacing(table) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for found in flips:
            p = mcnemar(found.gained, found.lost)
            for m, name in enumerate(both.conditions):
                counts = (found.tried[m], found.gained[m], found.lost[m])
                writer.writerow([found.key, name, *map(int, counts), f"{p[m]:.6g}"])


def flipped_images(first: Path, second: Path, network: str) -> dict[str, Any]:
    """Condition to the images that one network gained and lost.

    Raises:
        ValueError: The files do not share the network, or several begin like this.
    """
    with open_results(first) as one, open_results(second) as other:
        both = Comparison(one, other)
        keys = [k for k in both.networks if k == network or k.split("/")[0] == network]
        if len(keys) > 1:
            raise ValueError(
                f"diff.images must name one network; got {network}, which could be "
                f"{', '.join(keys)}. Give one of these keys."
            )
        found = both.flipped(keys[0] if keys else network)
    return {m: {"gained": list(g), "lost": list(lost)} for m, (g, lost) in found.items()}


def as_json(found: dict[str, Any]) -> str:
    """For programs."""
    return json.dumps(found, indent=1)


def as_text(found: dict[str, Any]) -> str:
    """For people."""
    lines = [
        f"{name} differs: {one} and {other}" for name, (one, other) in found["differing"].items()
    ]
    if "device" in found["differing"]:
        lines.append("Devices round differently: some flips are expected.")
    lines.append(
        f"Both have {found['networks']} networks, {found['conditions']} conditions and "
        f"{found['images']} images; {found['networks_alone'][0]} networks are in the first alone, "
        f"{found['networks_alone'][1]} in the second."
    )
    lines += [
        f"Conditions of the {which} alone: {', '.join(names)}."
        for which, names in zip(("first", "second"), found["conditions_alone"], strict=True)
        if names
    ]
    if found["equal_networks"] == found["networks"]:
        return "\n".join([*lines, "All outcomes and weights of these are equal."])
    changed = found["networks"] - found["equal_networks"]
    lines.append(
        f"{changed} networks differ ({found['other_weights']} have other weights): of all "
        f"{found['outcomes']:,} outcomes {found['gained']:,} were gained, {found['lost']:,} lost."
    )
    lines.append(
        f"{found['significant']} of {found['tests']} pairs of network and condition differ at "
        f"{LEVEL:.0%} (McNemar's exact test, Holm's correction over all of them)."
    )
    for title, rows in (("condition", found["by_condition"]), ("network", found["by_network"])):
        worst = sorted(rows, key=lambda r: -(r["gained"] + r["lost"]))[:SHOWN]
        lines += [
            f"  {title} {row[title]}: {row['gained']} gained, {row['lost']} lost, "
            f"{row['significant']} significant"
            for row in worst
            if row["gained"] + row["lost"]
        ]
    return "\n".join(lines)
