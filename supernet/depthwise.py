"""Depthwise convolution with a fast weight gradient for small maps on a CPU.

The usual kernel for the weight gradient takes as long as dozens of forward passes when the kernel
is as large as the map. Here the products of every input with every output position are made
by one batched matrix product and summed per kernel tap; output and input gradient are the usual
ones, the weight gradient differs by float rounding.
"""

from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        (g,) = gradients
        k, stride = weight.shape[-1], ctx.stride
        to_input = torch.ops.aten.convolution_backward(
            g, x, weight, None, [stride] * 2, [k // 2] * 2, [1, 1], False, [0, 0], len(weight),
            [True, False, False],
        )[0]  # fmt: skip
        return to_input, weight_gradient(x, g, k, stride), None


def weight_gradient(x: Tensor, g: Tensor, kernel: int, stride: int) -> Tensor:
    """(C, 1, k, k) gradient of a depthwise convolution padded by k // 2.

    Args:
        x: (B, C, H, W) inputs.
        g: (B, C, H', W') gradients of the outputs.
        kernel: k, odd.
        stride: Of the convolution.
    """
    b, c, h, w = x.shape
    inputs = x.permute(1, 2, 3, 0).reshape(c, h * w, b)
    outputs = g.permute(1, 0, 2, 3).reshape(c, b, -1)
    products = torch.bmm(inputs, outputs).view(c, -1)
    taps = _taps((h, w), (g.shape[2], g.shape[3]), kernel, stride)
    return (products @ taps.to(products)).view(c, 1, kernel, kernel)


@lru_cache(maxsize=64)
def _taps(inputs: tuple[int, int], outputs: tuple[int, int], kernel: int, stride: int) -> Tensor:
    """(positions in x positions out, k x k) of 0 and 1: which tap joins the two positions."""
    rows = _offsets(inputs[0], outputs[0], kernel, stride)
    columns = _offsets(inputs[1], outputs[1], kernel, stride)
    # h, i, dy and w, j, dx to (h w, i j, dy dx)
    joined = torch.einsum("hia,wjb->hwijab", rows, columns)
    return joined.reshape(-1, kernel * kernel).contiguous()


def _offsets(inputs: int, outputs: int, kernel: int, stride: int) -> Tensor:
    """(inputs, outputs, k): 1 where tap d of output o reads input o * stride + d - k // 2."""
    i = torch.arange(inputs)[:, None, None]
    o = torch.arange(outputs)[None, :, None]
    d = torch.arange(kernel)[None, None, :]
    return (i == o * stride + d - kernel // 2).float()


def pays(size: int, kernel: int, stride: int) -> bool:
    """Whether the batched product is the faster one for maps of this height, as measured."""
    return kernel >= 5 and size + stride <= kernel + 2


def depthwise(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Depthwise convolution (B, C, H, W) with weight (C, 1, k, k), padded by k // 2."""
    kernel = weight.shape[-1]
    slow = x.is_cuda or torch.is_autocast_enabled("cpu")  # the product is a float32 one
    if slow or not weight.requires_grad or not pays(x.shape[2], kernel, stride):
        return F.conv2d(x, weight, None, stride, kernel // 2, 1, len(weight))
    return _Depthwise.apply(x, weight, stride)  # type: ignore[no-any-return]
