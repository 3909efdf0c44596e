"""Which networks are evaluated: the design of a campaign.

The default mixture is the two extremes, matched pairs (networks that differ in exactly one gene, so
the pair shares a design unit) in equal numbers for every kind of gene, and networks drawn uniformly
over genes, which give the regression its spread.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from nas_space.architecture import Architecture
from nas_space.space import Space

PAIRED = 2 / 3
"""Share of a campaign's networks that stand in matched pairs."""

PATIENCE = 1000
"""Draws in a row without a new network after which a space counts as exhausted."""


@dataclass(frozen=True)
class Draw:
    """One drawn network.

    Attributes:
        architecture: What was drawn.
        design: "largest", "smallest", "uniform", "listed" or "pair:<gene>".
        unit: Design unit; two networks with one unit were drawn together.
    """

    architecture: Architecture
    design: str
    unit: str


def draw(space: Space, count: int, seed: int) -> list[Draw]:
    """`count` distinct canonical networks of a space; equal seeds give equal lists.

    Raises:
        ValueError: Fewer than two networks are asked for, or more than the space holds.
    """
    if not 2 <= count <= space.cardinality:
        raise ValueError(
            f"design.count must be 2 to {space.cardinality} networks of {space.name}; got {count}. "
            "Change --subnets."
        )
    rng = np.random.default_rng([seed, *space.name.encode()])
    draws = [
        Draw(space.extreme(largest=True), "largest", f"{space.family}-largest"),
        Draw(space.extreme(largest=False), "smallest", f"{space.family}-smallest"),
    ]
    seen = {d.architecture.id for d in draws}
    pairs = _pairs(space, seen, rng)
    while len(draws) + 2 <= min(count, round(count * PAIRED) + 2):
        draws.extend(next(pairs))
    for i in range(count - len(draws)):
        architecture = _fresh(lambda: space.sample(rng), seen, space)
        draws.append(Draw(architecture, "uniform", f"{space.family}-single{i}"))
    return draws


def _pairs(space: Space, seen: set[str], rng: np.random.Generator) -> Iterator[tuple[Draw, Draw]]:
    """Matched pairs, the kind of gene that differs taken in turn."""
    kinds = list(dict.fromkeys(kind(g.name) for g in space.genes if len(g.choices) > 1))
    for i, wanted in enumerate(itertools.cycle(kinds)):
        base = _fresh(lambda: space.sample(rng), seen, space)
        names = [
            g.name
            for g in space.genes
            if kind(g.name) == wanted and len(g.choices) > 1 and g.name in base.values
        ]
        if not names:  # a network without this optional part: the turn passes
            seen.discard(base.id)
            continue
        name = str(rng.choice(names))
        choices = [c for g in space.genes if g.name == name for c in g.choices]
        others = [space.with_gene(base, name, c) for c in choices if c != base.values[name]]
        partner = others[rng.integers(len(others))]
        if partner.id in seen:
            seen.discard(base.id)
            continue
        seen.add(partner.id)
        design, unit = f"pair:{name}", f"{space.family}-pair{i}"
        yield Draw(base, design, unit), Draw(partner, design, unit)


def _fresh(propose: Callable[[], Architecture], seen: set[str], space: Space) -> Architecture:
    """A proposal not seen before, marked as seen."""
    for _ in range(PATIENCE):
        architecture = propose()
        if architecture.id not in seen:
            seen.add(architecture.id)
            return architecture
    raise ValueError(
        f"design.count must leave networks to find in {space.name}; none new in {PATIENCE} draws. "
        "Ask for fewer --subnets."
    )


def kind(gene: str) -> str:
    """Factor a gene belongs to: "stage2.block1.kernel" is a "kernel", "stem.kernel" its own."""
    return gene.rsplit(".", 1)[-1] if gene.startswith("stage") else gene
