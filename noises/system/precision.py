"""Networks in half precision: what is kept between operations has 16 bits, sums have 32.

A half-precision unit multiplies 16-bit numbers, adds the products in float32 and rounds the sum.
CUDA devices have such units and the network is simply converted. Most CPUs have none (kernels are
missing or a hundredfold slower), so there the same is computed in float32: every operation takes
its 16-bit arguments as float32 and its result is rounded to 16 bits. The two differ in the order of
sums, as any two devices do.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

_AS_THEY_ARE = ("aten::_to_copy", "aten::copy_")
"""Conversions: done as the network asks for them."""


class HalfPrecision(nn.Module):
    """A network in a 16-bit format, for forward passes: (B, 3, s, s) float32 to (B, K) float32.

    Args:
        network: Converted in place.
        dtype: torch.float16 or torch.bfloat16.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network, self.dtype = network.to(dtype), dtype
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Logits, rounded to the format."""
        if x.is_cuda:
            return self.network(x.to(self.dtype)).float()  # type: ignore[no-any-return]
        with _Rounded(self.dtype):
            return self.network(x.to(self.dtype)).float()  # type: ignore[no-any-return]


class _Rounded(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Does every operation on tensors of a 16-bit format in float32 and rounds what comes out."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dtype = dtype

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        schema = func._schema
        aliases = [r.alias_info for r in schema.returns if r.alias_info is not None]
        view = any(not alias.is_write for alias in aliases)
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        narrow = any(t.dtype is self.dtype for t in tensors)
        if view or not narrow or schema.name in _AS_THEY_ARE:
            return func(*args, **kwargs)
        wide_args, wide_kwargs = tree_map_only(Tensor, self._widened, (tuple(args), dict(kwargs)))
        out = func(*wide_args, **wide_kwargs)
        if aliases:  # in place: the caller holds the first argument
            return args[0].copy_(out)
        if any(t.dtype is torch.float32 and t.dim() > 0 for t in tensors):
            return out  # the wider type wins, as in every operation of PyTorch
        return tree_map_only(Tensor, self._narrowed, out)

    def _widened(self, x: Tensor) -> Tensor:
        return x.float() if x.dtype is self.dtype else x

    def _narrowed(self, x: Tensor) -> Tensor:
        return x.to(self.dtype) if x.dtype is torch.float32 else x
