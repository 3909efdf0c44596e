"""BatchNorm over the batch at hand, on one process or on all that share it.

torch's SyncBatchNorm refuses CPU tensors and keeps running statistics; here the moments of all
ranks meet in one differentiable exchange, so gradients are those of the whole batch.
"""

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from training.ranks import place


class _Sum(torch.autograd.Function):
    """Sum over the ranks; every rank's loss depends on it, so gradients are summed as well."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


def batch_norm(x: Tensor, scale: Tensor, shift: Tensor, epsilon: float) -> Tensor:
    """Normalise (B, C, H, W) per channel by the moments of the batch of all ranks.

    Args:
        x: This rank's share, of equal size on every rank.
        scale: (C,).
        shift: (C,).
        epsilon: Added to the variance.
    """
    rank, world = place()
    if world == 1:
        return F.batch_norm(x, None, None, scale, shift, training=True, eps=epsilon)
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    variance, mean = torch.var_mean(wide, (0, 2, 3), correction=0)
    # every rank fills its own row, so that the sum holds all moments and nothing cancels
    rows = mean.new_zeros(world, 2, len(mean))
    rows = rows.index_put((torch.tensor(rank),), torch.stack((mean, variance)))
    means, variances = _Sum.apply(rows).unbind(1)
    middle = means.mean(0)
    spread = variances.mean(0) + (means - middle).square().mean(0)
    factor = scale * (spread + epsilon).rsqrt()
    offset = shift - middle * factor
    normal: Tensor = x * factor[:, None, None].to(x.dtype) + offset[:, None, None].to(x.dtype)
    return normal
