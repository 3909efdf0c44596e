"""Layers between convolutions: max pooling, squeeze-and-excitation, a hidden linear layer.

A smaller layer has the leading part of every parameter of the largest (Cai et al., "Once-for-All",
ICLR 2020).
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from nas_space.layout import Op, Pool, PooledLinear, Squeeze


class SqueezeExcite(nn.Module):
    """Channels of (B, C, H, W) weighted by two convolutions of their means."""

    def __init__(self, op: Squeeze) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(int(op.channels), int(op.hidden), 1)
        self.expand = nn.Conv2d(int(op.hidden), int(op.channels), 1)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh the channels."""
        means = x.mean((2, 3), keepdim=True)
        return x * F.hardsigmoid(self.expand(F.relu(self.reduce(means))))


class Features(nn.Module):
    """Maps (B, C, H, W) to features (B, C'): average pooling, linear layer, hard swish."""

    def __init__(self, op: PooledLinear) -> None:
        super().__init__()
        self.linear = nn.Linear(int(op.c_in), int(op.c_out))

    def forward(self, x: Tensor) -> Tensor:
        """Pool and combine."""
        return F.hardswish(self.linear(x.mean((2, 3))))


def max_pool(op: Pool) -> nn.Module:
    """A module, so that noise can set its ceil mode."""
    return nn.MaxPool2d(op.kernel, op.stride, op.kernel // 2)


STATIC: dict[type[Op], Callable[[Any], nn.Module]] = {
    Pool: max_pool,
    Squeeze: SqueezeExcite,
    PooledLinear: Features,
}
"""How each operation but a convolution is built."""


class SharedLayer(nn.Module):
    """The largest layer of its place in the network; smaller ones are the leading parameters."""

    def __init__(self, op: Op) -> None:
        super().__init__()
        self.layer = STATIC[type(op)](op)

    def sliced(self, op: Op) -> dict[str, Tensor]:
        """Views of the parameters of a smaller layer, by their names."""
        whole = dict(self.layer.named_parameters())
        return {name: whole[name][tuple(map(slice, shape))] for name, shape in _shapes(op).items()}

    def forward(self, x: Tensor, op: Op) -> Tensor:
        """Run the smaller layer."""
        return functional_call(self.layer, self.sliced(op), (x,))  # type: ignore[no-any-return]

    def spawn(self, op: Op) -> nn.Module:
        """The smaller layer with weights of its own."""
        layer = STATIC[type(op)](op)
        layer.load_state_dict({name: value.detach() for name, value in self.sliced(op).items()})
        return layer


@lru_cache(maxsize=1024)
def _shapes(op: Op) -> dict[str, torch.Size]:
    """Parameter name to shape."""
    with torch.device("meta"):
        layer = STATIC[type(op)](op)
    return {name: value.shape for name, value in layer.named_parameters()}
