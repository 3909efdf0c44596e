"""The table of designs, and the call that draws: a new design is its class and one line here."""

from collections.abc import Sequence

import numpy as np

from nas_space.space import Space
from sampling.design.matched import CUBES, PAIRS, EqualMacs
from sampling.design.mixture import Mixture
from sampling.design.neighbours import Neighbours
from sampling.design.spread import Macs, Sobol
from sampling.design.uniform import Genes, Networks
from sampling.design.urn import Design, Draw, Urn

DEFAULT = Mixture()

DESIGNS: dict[str, Design] = {
    design.name: design
    for design in (
        DEFAULT,
        Genes(),
        Networks(),
        Macs(),
        Sobol(),
        PAIRS,
        EqualMacs(),
        CUBES,
        Neighbours(),
    )
}


def find_design(name: str) -> Design:
    """The design of this name.

    Raises:
        ValueError: No such design.
    """
    if name not in DESIGNS:
        known = ", ".join(DESIGNS)
        raise ValueError(f"Design.name must be one of {known}; got {name!r}. Pick one.")
    return DESIGNS[name]


def draw(
    space: Space,
    count: int,
    seed: int,
    design: Design = DEFAULT,
    campaign: Sequence[Space] = (),
    classes: int = 10,
) -> list[Draw]:
    """`count` distinct canonical networks of a space; equal arguments give equal lists.

    Args:
        space: Drawn from.
        count: How many.
        seed: 0 or more.
        design: Which networks are likely, and which are drawn together.
        campaign: The spaces that this design is drawn from in one campaign, in order, when there
            are more: designs of pairs then balance the kinds of gene over all of them.
        classes: Outputs of the linear layer, for designs that look at costs.

    Raises:
        ValueError: Fewer networks are asked for than the design needs, or more than the space has.
    """
    if not design.least <= count <= space.cardinality:
        raise ValueError(
            f"design.count must be {design.least} to {space.cardinality} networks of {space.name} "
            f"for design {design.name}; got {count}. Change --subnets or --count."
        )
    rng = np.random.default_rng([seed, *space.name.encode()])
    return design.draw(Urn(space, rng, tuple(campaign) or (space,), classes), count)
