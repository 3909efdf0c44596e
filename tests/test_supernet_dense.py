"""Matrix forms of a frozen convolution compute the convolution, forward and input gradient."""

import pytest
import torch
from torch import nn

from supernet.dense import DenseConv, PointwiseConv, dense_form


def make_conv(kernel, stride, groups=1):
    torch.manual_seed(0)
    conv = nn.Conv2d(12, 12 if groups > 1 else 8, kernel, stride, kernel // 2, groups=groups)
    return conv.requires_grad_(False)


def assert_equal_function(form, conv, size):
    x = torch.randn(6, 12, size, size).contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    got, wanted = form(x), conv(x)
    torch.testing.assert_close(got, wanted, atol=2e-5, rtol=1e-5)
    g = torch.randn(wanted.shape)
    gradients = [torch.autograd.grad(y, x, g)[0] for y in (got, wanted)]
    torch.testing.assert_close(*gradients, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_dense_form_equals_the_convolution(size, kernel, stride):
    conv = make_conv(kernel, stride)
    assert_equal_function(DenseConv(conv, size), conv, size)
    assert_equal_function(dense_form(conv, size), conv, size)


@pytest.mark.parametrize("size", [1, 3, 4])
def test_pointwise_form_equals_the_convolution(size):
    conv = make_conv(1, 1)
    assert isinstance(dense_form(conv, size), PointwiseConv)
    assert_equal_function(PointwiseConv(conv), conv, size)


def test_large_maps_and_depthwise_convolutions_stay_as_they_are():
    for conv in (make_conv(3, 1), make_conv(1, 1), make_conv(1, 2), make_conv(3, 1, groups=12)):
        assert dense_form(conv, 16) is conv
