"""Proof that a stored cost is that of the network that ran.

Costs in the results are computed in closed form from genes. While a network sees its first images,
hooks count the multiply-adds of what is executed, from the shapes that pass by; another
architecture, or a slice of another width or kernel, gives another count.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from sampling.store import Network
from supernet.transformer import Gather


def multiply_adds(module: nn.Module, output: Tensor) -> int:
    """Multiply-adds of a convolution or linear layer: its weights, once per place of the output."""
    weight = module.weight
    assert isinstance(weight, Tensor)
    return weight.numel() * (output.numel() // weight.shape[0])


def products(_: Gather, output: Tensor) -> int:
    """Multiply-adds of attention: every query with every key, every weight with its value."""
    return 2 * output.numel() * output.shape[2]


COUNTED: dict[type[nn.Module], Callable[[Any, Tensor], int]] = {
    nn.Conv2d: multiply_adds,
    nn.Linear: multiply_adds,
    Gather: products,
}
"""Type of module to a function of the module and its output; every other module counts nothing."""


@dataclass
class Count:
    """Multiply-adds seen so far, of all images together."""

    macs: int = 0


@contextmanager
def counting(network: nn.Module) -> Iterator[Count]:
    """Counts the multiply-adds of whatever the network is given inside."""
    count = Count()

    def add(module: nn.Module, _: Any, output: Tensor) -> None:
        count.macs += COUNTED[type(module)](module, output)

    hooks = [m.register_forward_hook(add) for m in network.modules() if type(m) in COUNTED]
    try:
        yield count
    finally:
        for hook in hooks:
            hook.remove()


def check_costs(network: Network, ran: nn.Module, count: Count, images: int) -> None:
    """Refuse a network whose stored costs are not those of what ran.

    Args:
        network: Row of the results, with the factors "macs" and "parameters".
        ran: The module that was counted.
        count: Its multiply-adds on all images.
        images: How many it was given.

    Raises:
        ValueError: Says which cost differs.
    """
    found = {
        "macs": count.macs / images,
        "parameters": float(sum(p.numel() for p in ran.parameters())),
    }
    for name, value in found.items():
        stored = network.factors[name]
        if value != stored:
            raise ValueError(
                f"Network.{name} must be that of the network that ran, {value:,g}; got "
                f"{stored:,g} for {network.id}. Check that the architecture and its factors "
                "belong together."
            )
