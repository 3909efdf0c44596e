"""The table of families and spaces: a new family is its module and one line here."""

from collections.abc import Callable, Mapping

from nas_space import mobilenet, resnet, vit
from nas_space.architecture import Architecture
from nas_space.layout import Int, Layout
from nas_space.space import Space

FAMILIES: dict[str, Callable[[Space, Mapping[str, Int], int], Layout]] = {
    "mobilenet": mobilenet.layout,
    "resnet": resnet.layout,
    "vit": vit.layout,
}

SPACES: dict[str, Space] = {
    s.name: s
    for family in (mobilenet, resnet, vit)
    for s in (family.DIGITS, family.CIFAR, family.IMAGENET)
}


def find_space(name: str) -> Space:
    """The space of this name, for instance "mobilenet-digits".

    Raises:
        ValueError: No such space.
    """
    if name not in SPACES:
        raise ValueError(f"Space.name must be one of {', '.join(SPACES)}; got {name!r}. Pick one.")
    return SPACES[name]


def families(scale: str) -> set[str]:
    """The families that have a space of this scale."""
    return {space.family for space in SPACES.values() if space.scale == scale}


def layout(space: Space, architecture: Architecture, classes: int) -> Layout:
    """Layers of one network, without the blocks that do not exist.

    Raises:
        ValueError: The architecture lies outside the space.
    """
    space.check(architecture)
    return FAMILIES[space.family](space, architecture.values, classes)
