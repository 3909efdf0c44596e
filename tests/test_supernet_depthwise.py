"""The depthwise convolution equals the usual one, forward and both gradients."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from supernet.depthwise import depthwise, weight_gradient

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


@pytest.mark.parametrize(("shape", "kernel", "stride"), CASES)
def test_weight_gradient_equals_the_usual_one_on_every_map(shape, kernel, stride):
    torch.manual_seed(0)
    x = torch.randn(5, 6, *shape, dtype=torch.float64)
    weight = torch.randn(6, 1, kernel, kernel, dtype=torch.float64, requires_grad=True)
    y = usual(x, weight, stride)
    g = torch.randn(y.shape, dtype=torch.float64)
    (wanted,) = torch.autograd.grad(y, weight, g)
    torch.testing.assert_close(weight_gradient(x, g, kernel, stride), wanted, atol=1e-11, rtol=0)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_in_single_agrees_with_double(layout, stride):
    torch.manual_seed(0)
    x, shared = torch.randn(64, 24, 5, 5), torch.randn(40, 1, 7, 7)
    sliced = shared[:24, :, 1:6, 1:6]  # what a subnet uses: neither contiguous nor whole
    got = both(x.contiguous(memory_format=layout), sliced, stride, depthwise)
    wanted = both(x.double(), sliced.double(), stride, usual)
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a.double(), b, atol=1e-4, rtol=1e-4)


def test_depthwise_gradient_reaches_the_shared_weight():
    shared = torch.randn(8, 1, 7, 7, requires_grad=True)
    depthwise(torch.randn(4, 6, 4, 4), shared[:6, :, 1:6, 1:6], 1).sum().backward()
    inside = torch.zeros(8, 1, 7, 7, dtype=torch.bool)
    inside[:6, :, 1:6, 1:6] = True
    assert torch.equal(shared.grad != 0, inside)


@pytest.mark.parametrize(("size", "kernel"), [(3, 3), (7, 5), (9, 7)])
def test_depthwise_is_the_usual_one_where_that_is_fast(size, kernel):
    x, weight = torch.randn(2, 4, size, size), torch.randn(4, 1, kernel, kernel)
    for got, wanted in zip(both(x, weight, 1, depthwise), both(x, weight, 1, usual), strict=True):
        assert torch.equal(got, wanted)
