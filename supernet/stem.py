"""The first convolution with a fast input gradient on a CPU.

With three input channels the gradient with respect to the images runs far below the machine's speed
in the usual kernels, and attacks need it at every step. Seen along one image row, a convolution is
a product with a banded matrix, so the gradient is one dense matrix product and an overlapped sum
over rows. The forward pass is the plain convolution; the gradient differs by float rounding.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LARGEST = 32
"""Image width in pixels up to which the dense product pays."""


class _BandedGradient(torch.autograd.Function):
    """Convolution whose input gradient is a product with the banded matrix of its rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, conv: nn.Conv2d, banded: Tensor) -> Tensor:
        ctx.conv, ctx.banded, ctx.shape = conv, banded, x.shape
        return conv(x)  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (g,) = gradients
        b, c, h, w = ctx.shape
        k, stride, margin = ctx.conv.kernel_size[0], ctx.conv.stride[0], ctx.conv.padding[0]
        rows = g.shape[2]
        flat = g.permute(0, 2, 3, 1).reshape(b * rows, -1)
        parts = (flat @ ctx.banded).view(b, rows, k, c, w)
        total = g.new_zeros(b, h + 2 * margin, c, w)
        for i in range(k):
            total[:, i : i + stride * rows : stride] += parts[:, :, i]
        return total[:, margin : margin + h].permute(0, 2, 1, 3), None, None


class StemConv(nn.Module):
    """A frozen convolution (B, C, s, s) -> (B, c_out, s', s') with the fast input gradient.

    Args:
        conv: With odd square kernel, padding kernel // 2 and a bias.
        size: Width of the images, pixels.
    """

    banded: Tensor

    def __init__(self, conv: nn.Conv2d, size: int) -> None:
        super().__init__()
        self.conv = conv
        self.register_buffer("banded", banded_matrix(conv, size), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        if not x.requires_grad:
            return self.conv(x)  # type: ignore[no-any-return]
        return _BandedGradient.apply(x, self.conv, self.banded)  # type: ignore[no-any-return]


def banded_matrix(conv: nn.Conv2d, size: int) -> Tensor:
    """(columns out x c_out, kernel x c_in x size): gradient of one output row, per kernel row."""
    k, stride, margin = conv.kernel_size[0], conv.stride[0], int(conv.padding[0])
    columns = (size + stride - 1) // stride
    n = columns * conv.out_channels
    unit = torch.eye(n, dtype=conv.weight.dtype).view(n, columns, conv.out_channels, 1)
    spare = size - ((columns - 1) * stride - 2 * margin + k)
    rows = F.conv_transpose2d(
        unit.permute(0, 2, 3, 1), conv.weight.detach(), None, (1, stride), (0, margin), (0, spare)
    )
    return rows.permute(0, 2, 1, 3).reshape(n, -1).contiguous()
