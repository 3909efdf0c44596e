"""Self-supervised pre-training: SimCLR (Chen et al., ICML 2020).

Two views of every image shall be nearer to each other than to all other views in the batch. The
views are made by the recipe's own augmentations; labels are not looked at.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from training.checks import check_range


@dataclass(frozen=True)
class SimCLR:
    """A phase of contrastive learning before the labels are used.

    Attributes:
        epochs: Of the phase.
        temperature: Divides the cosines.
        width: Of the projection the views are compared in.
    """

    name: ClassVar[str] = "simclr"
    epochs: int = 10
    temperature: float = 0.5
    width: int = 64

    def __post_init__(self) -> None:
        check_range(self, "epochs", 1, 10**6, "10 is the default.")
        check_range(self, "temperature", 0.01, 100.0, "0.5 is published for small images.")
        check_range(self, "width", 2, 10**5, "64 is the default.")


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Normalised temperature-scaled cross-entropy of two views (B, D), a scalar (equation 1)."""
    z = F.normalize(torch.cat((first, second)), dim=1)
    count = len(z)
    alike = (z @ z.T / temperature).masked_fill(
        torch.eye(count, dtype=torch.bool, device=z.device), -torch.inf
    )
    partner = torch.arange(count, device=z.device).roll(count // 2)
    return F.cross_entropy(alike, partner)


PRETRAININGS: dict[str, SimCLR] = {p.name: p for p in (SimCLR(),)}
"""Name to pre-training."""
