"""Layers of a vision transformer for NNI's ModelSpace.

Convolutions, linear layers and LayerNorm are NNI's, and so are their counts. NNI's profiler knows
only attention whose heads are as wide as the tokens: the products of queries with keys and of
weights with values say their own count.
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
    }[type(op)]()(op)


@cache
def _patches_class() -> Any:
    """Patch embedding (made on first use, like those below: what they are built of is NNI's)."""
    import torch
    from nni.nas.nn.pytorch import MutableConv2d, ParametrizedModule
    from nni.nas.profiler.pytorch.utils import MutableShape
    from torch import nn

    class Positions(ParametrizedModule):  # type: ignore[misc]
        """Positions added to (B, C, g, g), as tokens (B, g * g, C)."""

        def __init__(self, width: Any, size: Any) -> None:
            super().__init__()
            self.positions = nn.Parameter(torch.randn(width, size, size))

        def forward(self, maps: "Tensor") -> "Tensor":
            return (maps + self.positions).flatten(2).transpose(1, 2)

        def _shape_forward(self, x: Any) -> Any:
            width, size = self.args["width"], self.args["size"]
            return MutableShape(x.real_shape[0], size * size, width)

        _count_flops = _nothing

    class PatchTokens(nn.Module):
        def __init__(self, op: Patches) -> None:
            super().__init__()
            self.positions = Positions(op.width, op.size)
            self.patches = MutableConv2d(3, op.width, op.kernel, stride=op.kernel)

        def forward(self, x: "Tensor") -> "Tensor":
            return self.positions(self.patches(x))  # type: ignore[no-any-return]

    return PatchTokens


@cache
def _norm_class() -> Any:
    """LayerNorm that NNI's profiler knows: without a count it would log a complaint."""
    from nni.nas.nn.pytorch import MutableLayerNorm

    class TokenNorm(MutableLayerNorm):  # type: ignore[misc]
        _shape_forward = _same
        _count_flops = _nothing

    return TokenNorm


def _same(module: Any, x: Any) -> Any:
    """The shape of what changes none."""
    return x


def _nothing(module: Any, x: Any, y: Any) -> Any:
    """The count of what multiplies nothing."""
    from nni.nas.profiler.pytorch.flops import FlopsResult

    return FlopsResult(0.0, 0.0)


@cache
def _attention_class() -> Any:
    """Multi-head self-attention."""
    import torch.nn.functional as F
    from nni.nas.nn.pytorch import MutableLinear, ParametrizedModule
    from nni.nas.profiler.pytorch.flops import FlopsResult
    from torch import nn

    class Gather(ParametrizedModule):  # type: ignore[misc]
        """What every query gathers: softmax of its products with the keys, times the values."""

        def __init__(self, heads: Any, inner: Any, tokens: Any) -> None:
            super().__init__()
            self.heads = heads

        def forward(self, *sides: "Tensor") -> "Tensor":
            b, t, c = sides[0].shape
            size = (b, t, self.heads, c // self.heads)
            query, key, value = (side.view(size).transpose(1, 2) for side in sides)
            gathered = F.scaled_dot_product_attention(query, key, value)
            return gathered.transpose(1, 2).flatten(2)

        def _shape_forward(self, query: Any, *others: Any) -> Any:
            return query

        def _count_flops(self, x: Any, y: Any) -> Any:
            tokens, inner = self.args["tokens"], self.args["inner"]
            return FlopsResult(2 * tokens * tokens * inner, 0.0)

    class AttentionTokens(nn.Module):
        def __init__(self, op: Attention) -> None:
            super().__init__()
            width, inner = op.width, op.heads * op.head_size
            self.norm = _norm_class()(normalized_shape=width)
            self.query, self.key, self.value = (MutableLinear(width, inner) for _ in range(3))
            self.gather = Gather(op.heads, inner, op.size * op.size)
            self.out = MutableLinear(inner, width)

        def forward(self, x: "Tensor") -> "Tensor":
            x = self.norm(x)
            gathered = self.gather(self.query(x), self.key(x), self.value(x))
            return self.out(gathered)  # type: ignore[no-any-return]

    return AttentionTokens


@cache
def _perceptron_class() -> Any:
    """Two linear layers."""
    from nni.nas.nn.pytorch import MutableLinear
    from torch import nn

    class Gelu(nn.GELU):
        _shape_forward = _same
        _count_flops = _nothing

    class PerceptronTokens(nn.Sequential):
        def __init__(self, op: Perceptron) -> None:
            expand, project = (op.width, op.hidden), (op.hidden, op.width)
            norm = _norm_class()(normalized_shape=op.width)
            super().__init__(norm, MutableLinear(*expand), Gelu(), MutableLinear(*project))

    return PerceptronTokens


@cache
def _mean_class() -> Any:
    """LayerNorm and the mean over tokens."""
    from nni.nas.profiler.pytorch.utils import MutableShape
    from torch import nn

    class MeanTokens(nn.Module):
        def __init__(self, op: TokenMean) -> None:
            super().__init__()
            self.norm = _norm_class()(normalized_shape=op.width)
            self.width = op.width

        def forward(self, x: "Tensor") -> "Tensor":
            return self.norm(x).mean(1)  # type: ignore[no-any-return]

        def _shape_forward(self, x: Any) -> Any:
            return MutableShape(x.real_shape[0], self.width)

    return MeanTokens
