"""The stem's input gradient equals autograd's."""

import pytest
import torch
from torch import nn

from supernet.stem import StemConv


def make_conv(kernel, stride, dtype):
    torch.manual_seed(0)
    return nn.Conv2d(3, 5, kernel, stride, kernel // 2, dtype=dtype).requires_grad_(False)


@pytest.mark.parametrize("size", [7, 12, 16, 31, 32])
@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2])
def test_stem_equals_autograd_in_double(size, kernel, stride):
    conv = make_conv(kernel, stride, torch.float64)
    x = torch.randn(3, 3, size, size, dtype=torch.float64, requires_grad=True)
    outputs = StemConv(conv, size)(x), conv(x)
    assert torch.equal(*outputs)
    g = torch.randn_like(outputs[0])
    gradients = [torch.autograd.grad(y, x, g)[0] for y in outputs]
    torch.testing.assert_close(*gradients, atol=1e-11, rtol=0)


def test_stem_in_single_with_channels_last_agrees_with_double():
    conv = make_conv(3, 2, torch.float32)
    x = torch.rand(32, 3, 16, 16).contiguous(memory_format=torch.channels_last).requires_grad_()
    y = StemConv(conv.to(memory_format=torch.channels_last), 16)(x)
    (got,) = torch.autograd.grad(y.square().sum(), x)
    exact = x.detach().double().requires_grad_()
    (wanted,) = torch.autograd.grad(conv.double()(exact).square().sum(), exact)
    torch.testing.assert_close(got.double(), wanted, atol=1e-4, rtol=1e-4)


def test_stem_keeps_the_names_and_number_of_weights():
    stem = StemConv(make_conv(3, 1, torch.float32), 8)
    assert set(stem.state_dict()) == {"conv.weight", "conv.bias"}
