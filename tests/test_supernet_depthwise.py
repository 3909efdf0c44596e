"""The depthwise convolution equals the usual one, forward and both gradients."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from supernet.depthwise import LARGEST, depthwise

MAPS = [(1, 1), (2, 2), (3, 3), (4, 4), (6, 6), (8, 8), (5, 7), (8, 3)]
CASES = list(itertools.product(MAPS, (3, 5, 7), (1, 2)))


def both(x, weight, stride, function):
    """Outputs and both gradients for the same random output gradient."""
    x, weight = x.detach().requires_grad_(), weight.detach().requires_grad_()
    y = function(x, weight, stride)
    g = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return (y, *torch.autograd.grad(y, (x, weight), g.to(y.dtype)))


def usual(x, weight, stride):
    return F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, groups=len(weight))


@pytest.mark.parametrize(("shape", "kernel", "stride"), CASES)
def test_depthwise_equals_the_usual_convolution_in_double(shape, kernel, stride):
    torch.manual_seed(0)
    x = torch.randn(5, 6, *shape, dtype=torch.float64)
    weight = torch.randn(6, 1, kernel, kernel, dtype=torch.float64)
    for got, wanted in zip(
        both(x, weight, stride, depthwise), both(x, weight, stride, usual), strict=True
    ):
        torch.testing.assert_close(got, wanted, atol=1e-11, rtol=0)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_in_single_agrees_with_double(layout, stride):
    torch.manual_seed(0)
    x, shared = torch.randn(64, 24, 8, 8), torch.randn(40, 1, 7, 7)
    sliced = shared[:24, :, 1:6, 1:6]  # what a subnet uses: neither contiguous nor whole
    got = both(x.contiguous(memory_format=layout), sliced, stride, depthwise)
    wanted = both(x.double(), sliced.double(), stride, usual)
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a.double(), b, atol=1e-4, rtol=1e-4)


def test_depthwise_gradient_reaches_the_shared_weight():
    shared = torch.randn(8, 1, 5, 5, requires_grad=True)
    depthwise(torch.randn(4, 6, 4, 4), shared[:6, :, 1:4, 1:4], 1).sum().backward()
    inside = torch.zeros(8, 1, 5, 5, dtype=torch.bool)
    inside[:6, :, 1:4, 1:4] = True
    assert torch.equal(shared.grad != 0, inside)


def test_depthwise_on_large_maps_is_the_usual_one():
    size = LARGEST + 1
    x, weight = torch.randn(2, 4, size, size), torch.randn(4, 1, 3, 3)
    for got, wanted in zip(both(x, weight, 1, depthwise), both(x, weight, 1, usual), strict=True):
        assert torch.equal(got, wanted)
