"""What a search found: every visited network as JSON, the best as a table and as a list to run."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrics import Floats
from nas_space.architecture import Architecture
from nas_space.nni_search import Evolution
from sampling.store.atomic import replacing

BEST = 5
"""Networks of the table, and that are judged on the images held out beside those of the front."""

Interval = tuple[float, float, float]
"""A share in [0, 1] with the limits of its 95 % interval."""


@dataclass(frozen=True, eq=False)
class Finding:
    """What one network does.

    Attributes:
        architecture: The network.
        macs: Multiply-adds per image.
        chosen_on: Outcome name to its share on the images that networks are chosen on; empty when
            the evaluation failed.
        failure: Why it failed, "" when it did not.
        held_out: As `chosen_on`, on the images that the search never saw; empty for networks that
            were not judged there.
    """

    architecture: Architecture
    macs: float
    chosen_on: dict[str, Interval]
    failure: str = ""
    held_out: dict[str, Interval] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """Mean over the outcomes, 0 when the evaluation failed."""
        return mean_share(self.chosen_on)


def mean_share(outcomes: dict[str, Interval]) -> float:
    """Mean of the shares; 0 of none."""
    return fmean([value for value, _, _ in outcomes.values()] or [0.0])


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found.

    Attributes:
        space: Name of the space.
        objective: Names of the outcomes of the score.
        evolution: How was searched.
        images: Test images that networks were chosen on, and that they were judged on.
        findings: Every visited network, in order.
        best: Places of the best scores among them, the best first.
        front: Places of those that no other beats.
    """

    space: str
    objective: tuple[str, ...]
    evolution: Evolution
    images: tuple[int, int]
    findings: Sequence[Finding]
    best: list[int]
    front: list[int]

    @property
    def ended_early(self) -> bool:
        """Whether fewer networks were visited than the budget allows."""
        return len(self.findings) < self.evolution.budget


def best_and_front(
    findings: Sequence[Finding], objective: Sequence[str]
) -> tuple[list[int], list[int]]:
    """Places of the `BEST` best scores, and of the Pareto front of all outcomes and few MACs."""
    order = sorted(range(len(findings)), key=lambda i: (-findings[i].score, findings[i].macs))
    whole = [i for i in order if not findings[i].failure]
    values = [
        [*(findings[i].chosen_on[name][0] for name in objective), -findings[i].macs] for i in whole
    ]
    on = pareto_front(np.array(values).reshape(len(whole), -1))
    return whole[:BEST], [i for i, kept in zip(whole, on, strict=True) if kept]


def pareto_front(values: Floats) -> NDArray[np.bool_]:
    """(N,) whether no other row of (N, D) is at least as large everywhere and larger somewhere."""
    beaten = [((values >= row).all(1) & (values > row).any(1)).any() for row in values]
    return ~np.array(beaten, np.bool_)


def write_found(found: Found, out: Path) -> None:
    """Write every visited network to `out`, and what `run --architectures` reads beside it."""
    networks = [_entry(finding) for finding in found.findings]
    for i in found.front:
        networks[i]["front"] = True
    data = {
        "space": found.space,
        "objective": found.objective,
        "evolution": asdict(found.evolution),
        "images": dict(zip(("chosen_on", "held_out"), found.images, strict=True)),
        "best": [found.findings[i].architecture.id for i in found.best],
        "networks": networks,
    }
    chosen = dict.fromkeys([*found.best, *found.front])
    lines = ",\n".join(found.findings[i].architecture.to_json() for i in chosen)
    for path, text in (
        (out, json.dumps(data, indent=1)),
        (best_file(out), f"[\n{lines}\n]\n"),
    ):
        with replacing(path) as part:
            part.write_text(text)


def best_file(out: Path) -> Path:
    """Where the best networks are listed for `run --architectures`."""
    return out.with_name(f"{out.stem}_best.json")


def _entry(finding: Finding) -> dict[str, Any]:
    """One visited network as plain JSON data."""
    return {
        "id": finding.architecture.id,
        "architecture": json.loads(finding.architecture.to_json()),
        "macs": finding.macs,
        "score": finding.score,
        "front": False,
        "chosen_on": _limits(finding.chosen_on),
        "held_out": _limits(finding.held_out),
        "failure": finding.failure,
    }


def _limits(outcomes: dict[str, Interval]) -> dict[str, dict[str, float]]:
    """Shares and limits by name."""
    names = ("value", "low", "high")
    return {k: dict(zip(names, limits, strict=True)) for k, limits in outcomes.items()}


def describe(found: Found, out: Path) -> str:
    """A table of the best networks and what to make of it."""
    findings, names = found.findings, ", ".join(found.objective)
    failed = sum(bool(finding.failure) for finding in findings)
    best = [findings[i] for i in found.best]
    lines = [
        f"{len(findings)} networks of {found.space} were visited, {failed} failed. "
        f"The score is the mean of {names}.",
        *(["It ended early: 500 proposals in a row were not new and allowed."] * found.ended_early),
        "",
        *_table(found.objective, best),
        "",
        f"Networks were chosen on {found.images[0]} test images and judged on {found.images[1]} "
        "others, which the search never saw.",
        f"Mean score of these: {_change(best)}.",
        f"Of the first {len(findings[:BEST])}, drawn at random: {_change(findings[:BEST])}.",
        f"Front: {len(found.front)} networks that no other beats in {names}, MACs at once, on "
        "the images of the search.",
        f"All networks: {out}",
        f"The best and the front, for robustscope run --architectures: {best_file(out)}",
    ]
    return "\n".join(lines)


def _change(findings: Sequence[Finding]) -> str:
    """Mean score where networks were chosen and on the images held out."""
    there, here = (
        fmean(mean_share(outcomes) for outcomes in part)
        for part in ([f.chosen_on for f in findings], [f.held_out for f in findings])
    )
    return f"{100 * there:.1f} % where they were chosen, {100 * here:.1f} % on the others"


def _table(objective: Sequence[str], best: Sequence[Finding]) -> list[str]:
    """One row per network: each outcome where it was chosen, and on the images held out."""
    parts = ("chosen on", "held out")
    rows = [["network", "MACs", *(f"{name}, {part}" for name in objective for part in parts)]]
    for finding in best:
        cells = [
            _interval(outcomes[name]) if outcomes else "failed"
            for name in objective
            for outcomes in (finding.chosen_on, finding.held_out)
        ]
        rows.append([finding.architecture.id, f"{finding.macs:,.0f}", *cells])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]


def _interval(share: Interval) -> str:
    value, low, high = (100 * limit for limit in share)
    return f"{value:.1f} % ({low:.1f} to {high:.1f})"
