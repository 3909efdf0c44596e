"""From a spawned subnet to the network that is evaluated: recalibrated, then folded.

A subnet shares weights with thousands of others but not their activation statistics, so its
BatchNorm must be re-estimated before it is evaluated (Yu & Huang, "Universally Slimmable Networks",
ICCV 2019). Ours pools first and second moments over all images, so variance between batches counts.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nas_space.layout import Conv, ops_of
from supernet.dense import dense_form
from supernet.network import ConvNorm, Subnet, key
from supernet.stem import LARGEST, StemConv
from training.checkpoint import tensors_hash


@torch.no_grad()
def recalibrate(network: Subnet, batches: Sequence[Tensor]) -> Subnet:
    """Set every BatchNorm's mean and variance to the moments of its input over all batches.

    Inputs of a layer are those of train mode: earlier layers normalise by the batch at hand.

    Args:
        network: Changed in place and left in eval mode.
        batches: Images (B, 3, s, s) in [0, 1], at least one batch.

    Returns:
        The network.

    Raises:
        ValueError: There is no batch.
    """
    if not batches:
        raise ValueError(
            "recalibrate.batches must be at least one; got none. Give training images."
        )
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    moments = [_Moments(norm.num_features) for norm in norms]
    hooks = [n.register_forward_hook(m.add) for n, m in zip(norms, moments, strict=True)]
    for norm in norms:
        norm.momentum = 1.0  # its statistics are then those of the batch at hand
    network.train()
    try:
        for images in batches:
            network(images)
    finally:
        for hook in hooks:
            hook.remove()
    for norm, found in zip(norms, moments, strict=True):
        norm.momentum = MOMENTUM
        found.put(norm)
    return network.eval()


MOMENTUM = 0.1
"""Of torch's BatchNorm, unused from then on."""


class _Moments:
    """First and second moment (C,) of what a BatchNorm was given, over all batches together."""

    def __init__(self, channels: int) -> None:
        self.sums = torch.zeros(2, channels, dtype=torch.float64)
        self.count = 0

    def add(self, norm: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        """Those of a batch, which the module has just computed; hook of its forward pass."""
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        n = inputs[0].numel() // inputs[0].shape[1]
        mean = norm.running_mean.double().cpu()
        var = norm.running_var.double().cpu() * ((n - 1) / n)  # torch keeps the unbiased one
        self.sums += n * torch.stack((mean, var + mean * mean))
        self.count += n

    def put(self, norm: nn.BatchNorm2d) -> None:
        """Makes them the statistics of the module."""
        assert norm.running_mean is not None
        assert norm.running_var is not None
        mean, square = self.sums / self.count
        norm.running_mean.copy_(mean)
        norm.running_var.copy_((square - mean * mean).clamp_min(0.0))


def fold(network: Subnet, *, specialised: bool = True) -> Subnet:
    """Merge every BatchNorm into its convolution and lay the weights out channels last, in place.

    The function the network computes is unchanged to float rounding.

    Args:
        network: Recalibrated.
        specialised: Swap convolutions for forms that a CPU computes faster; False keeps them, for
            noises that act on convolutions.

    Raises:
        ValueError: The network is in train mode, where BatchNorm depends on the batch.
    """
    if network.training:
        raise ValueError("fold.network must be in eval mode; got train mode. Recalibrate it first.")
    for unit in network.units.values():
        if not isinstance(unit, ConvNorm):
            continue
        if isinstance(unit.norm, nn.BatchNorm2d) and isinstance(unit.conv, nn.Conv2d):
            unit.conv = fuse_conv_bn_eval(unit.conv, unit.norm)
            unit.norm = None
    network.requires_grad_(False)
    network.to(memory_format=torch.channels_last)
    if specialised and not network.head.weight.is_cuda:
        specialise(network)
    network.eval()  # modules made on the way begin in train mode
    return network


def specialise(network: Subnet) -> None:
    """Swap convolutions of a folded network for equal forms that a CPU computes faster."""
    size = int(network.plan.resolution)
    for block in network.plan.blocks:
        inner = size
        for op in ops_of(block):
            unit = network.units[key(op)]
            if isinstance(op, Conv):
                assert isinstance(unit, ConvNorm)
                assert isinstance(unit.conv, nn.Conv2d)
                if block.name == "stem":
                    unit.conv = StemConv(unit.conv, size) if size <= LARGEST else unit.conv
                else:
                    unit.conv = dense_form(unit.conv, size if op is block.shortcut else inner)
            inner = int(op.size)
        size = int(block.ops[-1].size)


def weights_hash(network: nn.Module) -> str:
    """SHA-256 over every parameter and buffer, see `training.checkpoint.tensors_hash`."""
    return tensors_hash(network.state_dict())
