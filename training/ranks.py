"""Several processes that train one model: who computes what, and how it comes together.

Without an initialised process group there is one rank, and nothing here does anything.
"""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor


def place() -> tuple[int, int]:
    """(rank of this process, number of processes)."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def share(batch: Tensor) -> Tensor:
    """This rank's rows of a batch (B, ...) that all ranks have; B is a multiple of their number."""
    rank, world = place()
    size = len(batch) // world
    return batch if world == 1 else batch[rank * size : (rank + 1) * size]


def average(tensors: Sequence[Tensor]) -> None:
    """Replace tensors of one device by their means over the ranks, in one exchange."""
    world = place()[1]
    if world == 1:
        return
    flat = torch.cat([t.flatten() for t in tensors])
    dist.all_reduce(flat)
    flat /= world
    for tensor, mean in zip(tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def wait() -> None:
    """Until every rank is here."""
    if place()[1] > 1:
        dist.barrier()
