"""Half precision on a CPU against numpy's float16, and against PyTorch's own slow kernels."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from noises.system.precision import HalfPrecision
from tests.network_example import digits, trained

every_format = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])


class Steps(nn.Module):
    """Element by element: views, changes in place, an island of float32.

    Constants are exact in every format: native kernels round them first on a CPU, not on CUDA.
    """

    def __init__(self, form):
        super().__init__()
        self.form = form

    def forward(self, x):
        return getattr(self, self.form)(x * 1.25)

    def in_place(self, y):
        y[:, 0] += 0.75
        y.view(-1)[3:9].mul_(3.0)
        return F.relu_(y - 0.5)

    def island(self, y):
        wide = y.float() / 3
        assert wide.dtype == torch.float32
        assert (wide * 1.5 + y).dtype == torch.float32
        return (wide * 1.5 + y).to(y.dtype)

    def reduced(self, y):
        return y.mean((2, 3)) + y.amax((2, 3)) * y.new_full((), 0.25)

    def resized(self, y):
        return F.interpolate(y, (5, 5), mode="nearest")


@every_format
@pytest.mark.parametrize("form", ["in_place", "island", "reduced", "resized"])
def test_half_precision_is_pytorchs_own_element_by_element(form, dtype):
    x = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 0.5
    native = Steps(form)(x.to(dtype)).float()
    assert torch.equal(HalfPrecision(Steps(form), dtype)(x), native)


def test_half_precision_rounds_weights_inputs_and_sums():
    torch.manual_seed(0)
    layer, x = nn.Linear(64, 5), torch.rand(7, 64)
    weight, bias, inputs = (
        t.detach().numpy().astype(np.float16).astype(np.float64)
        for t in (layer.weight, layer.bias, x)
    )
    exact = inputs @ weight.T + bias  # products of 11-bit numbers, summed in 53 bits
    found = HalfPrecision(layer, torch.float16)(x).detach().numpy()
    rounded = exact.astype(np.float16)
    assert (found == rounded).mean() > 0.9  # float32 sums round to the neighbour now and then
    step = np.spacing(np.abs(rounded)).astype(np.float64)
    assert (np.abs(found - exact) <= 0.51 * step).all()


def test_half_precision_overflows_like_its_format():
    large = nn.Linear(1, 1, bias=False)
    nn.init.constant_(large.weight, 300.0)
    x = torch.full((1, 1), 300.0)
    assert HalfPrecision(copy.deepcopy(large), torch.float16)(x).isinf().all()
    assert HalfPrecision(large, torch.bfloat16)(x).item() == pytest.approx(90_000, rel=0.01)


@every_format
def test_half_precision_does_what_half_kernels_lack(dtype):
    class Resize(nn.Module):
        def forward(self, x):
            return F.interpolate(x, (5, 5), mode="bilinear", antialias=True)

    x = torch.rand(1, 3, 8, 8)
    expected = Resize()(x.to(dtype).float()).to(dtype).float()
    assert torch.equal(HalfPrecision(Resize(), dtype)(x), expected)


@pytest.mark.peer
@every_format
def test_half_precision_agrees_with_native_kernels_and_autocast(dtype):
    images = digits()[0][:100]
    ours = HalfPrecision(copy.deepcopy(trained()), dtype)(images)
    native = copy.deepcopy(trained()).to(dtype)(images.to(dtype)).float()
    with torch.autocast("cpu", dtype):
        autocast = trained()(images).float()
    assert (ours == native).float().mean() > 0.95  # sums in another order, then one more rounding
    for other in (native, autocast):
        assert (ours.argmax(1) == other.argmax(1)).all()
        assert (ours - other).abs().max() <= 4 * torch.finfo(dtype).eps * ours.abs().max()
