"""Convolutions on maps of a few pixels as one matrix product per batch.

On a 4 x 4 map a 5 x 5 kernel mostly multiplies padding: the matrix from all inputs to all outputs
has fewer entries than the convolution has multiply-adds, and a plain matrix product runs nearer to
a CPU's peak, above all for small batches and for input gradients. The function is the same, to
float rounding; costs are always reported for the convolution.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WORTH = 2.0
"""Entries of the dense matrix per multiply-add of the convolution up to which the matrix pays."""

LARGEST = 2**22
"""Entries up to which the dense matrix is made: 16 MiB; a wide layer's would take gigabytes."""

SMALL = 16
"""Positions of a map up to which a 1 x 1 convolution is done as a plain matrix product."""


class DenseConv(nn.Module):
    """A frozen convolution on one map size: (B, C, H, W) -> (B, C', H', W'), channels last.

    Args:
        conv: With a bias; its weights are copied.
        size: Height and width of its input, pixels.
    """

    matrix: Tensor
    bias: Tensor

    def __init__(self, conv: nn.Conv2d, size: int) -> None:
        super().__init__()
        n = size * size * conv.in_channels
        unit = torch.eye(n, dtype=conv.weight.dtype, device=conv.weight.device)
        unit = unit.view(n, size, size, conv.in_channels)
        image = F.conv2d(
            unit.permute(0, 3, 1, 2), conv.weight.detach(), None, conv.stride, conv.padding
        )
        assert conv.bias is not None
        self.shape = (image.shape[2], image.shape[3], conv.out_channels)
        self.register_buffer("matrix", image.permute(0, 2, 3, 1).reshape(n, -1).contiguous())
        self.register_buffer("bias", conv.bias.detach().repeat(self.shape[0] * self.shape[1]))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        flat = x.permute(0, 2, 3, 1).reshape(len(x), -1)
        return torch.addmm(self.bias, flat, self.matrix).view(-1, *self.shape).permute(0, 3, 1, 2)


class PointwiseConv(nn.Module):
    """A frozen 1 x 1 convolution as a matrix product over channels.

    Args:
        conv: 1 x 1, stride 1, with a bias.
    """

    matrix: Tensor
    bias: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        assert conv.bias is not None
        self.register_buffer("matrix", conv.weight.detach()[:, :, 0, 0].t().contiguous())
        self.register_buffer("bias", conv.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        b, c, h, w = x.shape
        flat = x.permute(0, 2, 3, 1).reshape(-1, c)
        return torch.addmm(self.bias, flat, self.matrix).view(b, h, w, -1).permute(0, 3, 1, 2)


def dense_form(conv: nn.Conv2d, size: int) -> nn.Module:
    """The fastest equal form of a folded convolution whose input is `size` pixels wide."""
    kernel, stride = conv.kernel_size[0], conv.stride[0]
    outputs = -(-size // stride)
    if conv.groups > 1:
        return conv
    if kernel == 1 and stride == 1:
        return PointwiseConv(conv) if size * size <= SMALL else conv
    entries, products = size * size, kernel * kernel
    matrix = entries * conv.in_channels * outputs * outputs * conv.out_channels
    return DenseConv(conv, size) if entries <= WORTH * products and matrix <= LARGEST else conv
