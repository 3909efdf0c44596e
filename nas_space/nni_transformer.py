"""Layers of a vision transformer for NNI's ModelSpace.

NNI's profiler knows no attention: each layer says its own count, the closed form's, so for these it
is no independent one (torch's FlopCounterMode is, in the tests).
"""

from functools import cache
from typing import TYPE_CHECKING, Any

from nas_space.layout import Attention, Op, Patches, Perceptron, TokenMean

if TYPE_CHECKING:
    from torch import Tensor, nn


def make_token_op(op: Op) -> "nn.Module":
    """Module of an operation on patches or tokens.

    Raises:
        KeyError: It is none.
    """
    return {  # type: ignore[no-any-return]
        Patches: _patches_class,
        Attention: _attention_class,
        Perceptron: _perceptron_class,
        TokenMean: _mean_class,
    }[type(op)]()(**{name: value for name, value in vars(op).items() if name in SIZES})


SIZES = ("width", "kernel", "size", "heads", "head_size", "hidden")
"""Attributes of operations that a layer is made from."""


@cache
def _base() -> Any:
    """What the layers share (made on first use, like them: the base of all is NNI's)."""
    from nni.nas.nn.pytorch import ParametrizedModule
    from nni.nas.profiler.pytorch.flops import FlopsResult

    class Layer(ParametrizedModule):  # type: ignore[misc]
        """Maps tokens (B, T, C) to tokens; `op` is the kind of operation."""

        op: Any

        def _shape_forward(self, x: Any) -> Any:
            return x

        def _count_flops(self, x: Any, y: Any) -> Any:
            macs, parameters, _ = self.op("", **self.args).tally()
            return FlopsResult(macs, parameters)

    return Layer


@cache
def _patches_class() -> Any:
    """Patch embedding."""
    import torch
    from nni.nas.profiler.pytorch.utils import MutableShape
    from torch import nn

    class PatchTokens(_base()):  # type: ignore[misc]
        op = Patches

        def __init__(self, width: int, kernel: int, size: int) -> None:
            super().__init__()
            self.positions = nn.Parameter(0.02 * torch.randn(width, size, size))
            self.patches = nn.Conv2d(3, width, kernel, kernel)

        def forward(self, x: "Tensor") -> "Tensor":
            maps: Tensor = self.patches(x) + self.positions
            return maps.flatten(2).transpose(1, 2)

        def _shape_forward(self, x: Any) -> Any:
            size = self.args["size"]
            return MutableShape(x.real_shape[0], size * size, self.args["width"])

    return PatchTokens


@cache
def _attention_class() -> Any:
    """Multi-head self-attention."""
    import torch.nn.functional as F
    from torch import nn

    class AttentionTokens(_base()):  # type: ignore[misc]
        op = Attention

        def __init__(
            self, width: int, heads: int, head_size: int, size: int, kernel: int = 1
        ) -> None:
            super().__init__()
            self.heads = heads
            self.norm, inner = nn.LayerNorm(width), heads * head_size
            self.query, self.key, self.value = (nn.Linear(width, inner) for _ in range(3))
            self.out = nn.Linear(inner, width)

        def forward(self, x: "Tensor") -> "Tensor":
            x = self.norm(x)
            sides = (layer(x) for layer in (self.query, self.key, self.value))
            heads = (side.unflatten(2, (self.heads, -1)).transpose(1, 2) for side in sides)
            gathered = F.scaled_dot_product_attention(*heads)
            return self.out(gathered.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    return AttentionTokens


@cache
def _perceptron_class() -> Any:
    """Two linear layers."""
    import torch.nn.functional as F
    from torch import nn

    class PerceptronTokens(_base()):  # type: ignore[misc]
        op = Perceptron

        def __init__(self, width: int, hidden: int, size: int) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(width)
            self.expand, self.project = nn.Linear(width, hidden), nn.Linear(hidden, width)

        def forward(self, x: "Tensor") -> "Tensor":
            return self.project(F.gelu(self.expand(self.norm(x))))  # type: ignore[no-any-return]

    return PerceptronTokens


@cache
def _mean_class() -> Any:
    """LayerNorm and the mean over tokens."""
    from nni.nas.profiler.pytorch.utils import MutableShape
    from torch import nn

    class MeanTokens(_base()):  # type: ignore[misc]
        op = TokenMean

        def __init__(self, width: int) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(width)

        def forward(self, x: "Tensor") -> "Tensor":
            normal: Tensor = self.norm(x)
            return normal.mean(1)

        def _shape_forward(self, x: Any) -> Any:
            return MutableShape(x.real_shape[0], self.args["width"])

    return MeanTokens
