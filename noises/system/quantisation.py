"""Static INT8 quantisation, simulated in float32 at every convolution and linear layer.

The usual scheme of inference engines (Jacob et al., CVPR 2018; SysNoise): weights symmetric per
output channel, inputs of a layer affine per tensor with a range seen on calibration images.

    weight  w' = s q,       q = clamp(round(w / s), -127, 127),     s = max |w of the channel| / 127
    input   x' = s (q - z), q = clamp(round(x / s) + z, 0, 255),    s = (high - low) / 255
            z = round(-low / s), low = min(0, seen), high = max(0, seen)

Rounding is to the nearest, halves to even, in float32 with 1 / s in place of the division. Biases,
sums and all between the layers stay float32: an engine's sums of integers are the same but for
float rounding. BatchNorm scales whole output channels, so merging it first changes no more either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

BATCH = 64
"""Calibration images in a forward batch."""

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
"""What is quantised; output channels come first in their weights."""

_LEAST = 2.0**-126
"""Smallest scale: of weights or inputs that are all zero."""


@dataclass
class _Range:
    """Forward pre-hook that keeps the range of a layer's inputs, zero included."""

    low: float = 0.0
    high: float = 0.0
    seen: bool = False

    def __call__(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        low, high = torch.aminmax(inputs[0])
        self.low, self.high = min(self.low, low.item()), max(self.high, high.item())
        self.seen = True


@dataclass(frozen=True)
class InputQuantiser:
    """Forward pre-hook that rounds a layer's inputs to 256 levels.

    Attributes:
        scale: Distance of the levels.
        zero: The level 0 to 255 that stands for 0.0.
    """

    scale: float
    zero: int

    @classmethod
    def of_range(cls, low: float, high: float) -> "InputQuantiser":
        """Levels from low (at most 0) to high (at least 0)."""
        scale = max((high - low) / 255, _LEAST)
        return cls(scale, round(-low / scale))

    def __call__(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The inputs with the first of them rounded."""
        levels = torch.fake_quantize_per_tensor_affine(inputs[0], self.scale, self.zero, 0, 255)
        return (levels, *inputs[1:])


def quantisable(network: nn.Module) -> list[nn.Module]:
    """Layers whose weights and inputs are quantised, each once."""
    return [module for module in network.modules() if isinstance(module, LAYERS)]


@torch.no_grad()
def quantise_weight(weight: Tensor) -> Tensor:
    """Weights (C', ...) rounded to 255 levels per output channel, symmetric around zero."""
    scale = (weight.flatten(1).abs().amax(1) / 127).clamp_min(_LEAST)
    zero = torch.zeros_like(scale, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -127, 127)


@torch.no_grad()
def quantise(network: nn.Module, calibration: Tensor) -> nn.Module:
    """Round the weights and, from now on, the inputs of every layer, in place.

    A layer whose forward is never called (its weights are read by another module) stays as it is.

    Args:
        network: In eval mode and float32.
        calibration: (R, 3, s, s) images in [0, 1] the ranges are taken from.

    Returns:
        The network.
    """
    ranges = {layer: _Range() for layer in quantisable(network)}
    hooks = [layer.register_forward_pre_hook(seen) for layer, seen in ranges.items()]
    try:
        for images in torch.split(calibration, BATCH):
            network(images)
    finally:
        for hook in hooks:
            hook.remove()
    for layer, seen in ranges.items():
        if seen.seen:
            layer.weight.copy_(quantise_weight(layer.weight))  # type: ignore[operator,arg-type]
            layer.register_forward_pre_hook(InputQuantiser.of_range(seen.low, seen.high))
    return network


def hidden_weights(network: nn.Module) -> Sequence[str]:
    """Names of layers that keep matrices as buffers, where this module does not see them."""
    return [
        name
        for name, module in network.named_modules()
        if not list(module.children())
        and any(b.dim() > 1 and b.is_floating_point() for b in module.buffers(recurse=False))
    ]
