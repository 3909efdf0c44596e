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
    sums = [torch.zeros(2, norm.num_features, dtype=torch.float64) for norm in norms]
    counts = [0] * len(norms)
    hooks = [
        norm.register_forward_pre_hook(_gather(i, sums, counts)) for i, norm in enumerate(norms)
    ]
    network.train()
    try:
        for images in batches:
            network(images)
    finally:
        for hook in hooks:
            hook.remove()
    for norm, total, count in zip(norms, sums, counts, strict=True):
        mean, square = total / count
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.copy_(mean)
        norm.running_var.copy_((square - mean * mean).clamp_min(0.0))
    return network.eval()


def _gather(index: int, sums: list[Tensor], counts: list[int]):  # type: ignore[no-untyped-def]
    def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0]
        var, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        n = x.numel() // x.shape[1]
        mean, var = mean.double().cpu(), var.double().cpu()
        sums[index] += n * torch.stack((mean, var + mean * mean))
        counts[index] += n

    return hook


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
