"""BatchNorm over the batch at hand, on one process or on all that share it.

torch's SyncBatchNorm refuses CPU tensors and keeps running statistics; here the moments of all
ranks meet in one differentiable exchange, so gradients are those of the whole batch.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributed.nn.functional import all_reduce

from training.ranks import place


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
    variance, mean = torch.var_mean(x.float(), (0, 2, 3), correction=0)
    # every rank fills its own row, so that the sum holds all moments and nothing cancels
    rows = mean.new_zeros(world, 2, len(mean))
    rows = rows.index_put((torch.tensor(rank),), torch.stack((mean, variance)))
    means, variances = all_reduce(rows).unbind(1)
    middle = means.mean(0)
    spread = variances.mean(0) + (means - middle).square().mean(0)
    factor = scale * (spread + epsilon).rsqrt()
    offset = shift - middle * factor
    return x * factor[:, None, None].to(x.dtype) + offset[:, None, None].to(x.dtype)
