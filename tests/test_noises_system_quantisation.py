"""INT8 against its rule in numpy, integer arithmetic, and PyTorch's observers and engine."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.ao.quantization import MinMaxObserver, PerChannelMinMaxObserver

from noises.system.quantisation import (
    InputQuantiser,
    quantisable,
    quantise,
    quantise_weight,
)

RNG = torch.Generator().manual_seed(4)


def layer_and_images():
    torch.manual_seed(1)
    return nn.Conv2d(3, 8, 3, 2, 1).eval(), torch.rand(6, 3, 16, 16, generator=RNG) - 0.3


def quantiser_of(layer):
    (hook,) = layer._forward_pre_hooks.values()
    assert isinstance(hook, InputQuantiser)
    return hook


def test_weights_follow_the_rule_per_channel():
    weight = torch.randn(4, 3, 3, 3, generator=RNG)
    weight[2] = 0.0
    flat = weight.numpy().reshape(4, -1)
    scale = np.abs(flat).max(1, keepdims=True) / np.float32(127)
    levels = np.rint(flat[[0, 1, 3]] / scale[[0, 1, 3]])
    found = quantise_weight(weight).numpy().reshape(4, -1)
    np.testing.assert_allclose(found[[0, 1, 3]], levels * scale[[0, 1, 3]], rtol=1e-6)
    assert np.abs(levels).max(1).tolist() == [127.0] * 3
    assert (found[2] == 0).all()
    again = quantise_weight(quantise_weight(weight))
    torch.testing.assert_close(again, quantise_weight(weight), rtol=1e-6, atol=0)


def test_inputs_follow_the_rule_bit_for_bit():
    quantiser = InputQuantiser.of_range(-0.31, 0.74)
    x = torch.linspace(-0.6, 1.2, 20_001)
    scale = np.float32(quantiser.scale)
    inverse = np.float32(1) / scale
    levels = np.clip(np.rint(x.numpy() * inverse) + quantiser.zero, 0, 255)
    expected = (levels - quantiser.zero).astype(np.float32) * scale
    (found,) = quantiser(nn.Identity(), (x,))
    assert torch.equal(found, torch.from_numpy(expected))
    assert found.unique().numel() == 256
    assert quantiser(nn.Identity(), (torch.zeros(3),))[0].tolist() == [0.0] * 3  # padding is exact


@pytest.mark.parametrize(("low", "high", "zero"), [(0.0, 1.0, 0), (-1.0, 0.0, 255), (0.0, 0.0, 0)])
def test_range_always_holds_zero(low, high, zero):
    assert InputQuantiser.of_range(low, high).zero == zero


def test_scales_are_those_of_pytorchs_observers():
    layer, images = layer_and_images()
    inputs = MinMaxObserver(dtype=torch.quint8)
    weights = PerChannelMinMaxObserver(
        dtype=torch.qint8, qscheme=torch.per_channel_symmetric, quant_min=-127, quant_max=127
    )
    inputs(images)
    weights(layer.weight.detach())
    (scale, zero), (scales, _) = inputs.calculate_qparams(), weights.calculate_qparams()
    expected = torch.fake_quantize_per_channel_affine(
        layer.weight.detach(), scales, torch.zeros(8, dtype=torch.int32), 0, -127, 127
    )
    found = quantise(copy.deepcopy(layer), images)
    assert quantiser_of(found).zero == zero.item()
    assert quantiser_of(found).scale == pytest.approx(scale.item(), rel=1e-6)
    torch.testing.assert_close(found.weight.detach(), expected, rtol=1e-6, atol=0)


def test_layer_computes_what_integers_do():
    torch.manual_seed(2)
    layer, x = nn.Linear(40, 6), torch.rand(9, 40, generator=RNG) - 0.4
    weight = layer.weight.detach().numpy().astype(np.float64)
    found = quantise(copy.deepcopy(layer).eval(), x)
    s, z = quantiser_of(found).scale, quantiser_of(found).zero
    inputs = np.clip(np.rint(x.numpy() / s).astype(np.int32) + z, 0, 255)
    scales = np.abs(weight).max(1) / 127
    weights = np.rint(weight / scales[:, None]).astype(np.int32)
    sums = (inputs - z) @ weights.T  # int32, exact
    expected = sums * s * scales + layer.bias.detach().numpy()
    np.testing.assert_allclose(found(x).detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_ranges_are_those_of_calibration_whatever_its_batches():
    layer, images = layer_and_images()
    many = torch.cat([images] * 30)  # several batches, the extremes in any of them
    one, other = (quantise(copy.deepcopy(layer), part) for part in (images, many))
    assert quantiser_of(one) == quantiser_of(other)
    low, high = min(0, images.min().item()), max(0, images.max().item())
    assert quantiser_of(one) == InputQuantiser.of_range(low, high)


def test_layers_that_are_not_called_stay_as_they_are():
    class Skips(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.read = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            return nn.functional.linear(self.used(x), self.read.weight)

    network = Skips().eval()
    before = network.read.weight.detach().clone()
    assert quantisable(network) == [network.used, network.read]
    quantise(network, torch.rand(3, 4))
    assert torch.equal(network.read.weight, before)
    assert not network.read._forward_pre_hooks
    assert quantiser_of(network.used)


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor, torch.quantize_per_channel")
def test_layer_is_within_half_a_step_of_pytorchs_engine():
    if "qnnpack" not in torch.backends.quantized.supported_engines:
        pytest.skip("this PyTorch has no engine qnnpack")
    layer, images = layer_and_images()
    found = quantise(copy.deepcopy(layer), images)
    quantiser, ours = quantiser_of(found), found(images).detach()
    scales = (layer.weight.detach().flatten(1).abs().amax(1) / 127).double()
    weight = torch.quantize_per_channel(
        layer.weight.detach(), scales, torch.zeros(8, dtype=torch.long), 0, torch.qint8
    )
    x = torch.quantize_per_tensor(images, quantiser.scale, quantiser.zero, torch.quint8)
    step = (ours.max() - ours.min()).item() / 255  # the engine rounds its outputs as well
    zero = round(-ours.min().item() / step)
    engine = torch.backends.quantized.engine
    torch.backends.quantized.engine = "qnnpack"  # the others saturate on CPUs without VNNI
    try:
        theirs = torch.ao.nn.quantized.functional.conv2d(
            x, weight, layer.bias.detach(), 2, 1, scale=step, zero_point=zero
        ).dequantize()
    finally:
        torch.backends.quantized.engine = engine
    assert (ours - theirs).abs().max() <= 0.51 * step
