"""Training a supernet: the sandwich rule with in-place distillation.

Source: Yu & Huang, "Universally Slimmable Networks and Improved Training Techniques", ICCV 2019, as
used by BigNAS (Yu et al., ECCV 2020): each step trains the largest network on the labels, and the
smallest and some random ones on the soft predictions of the largest.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from supernet.network import SuperNet
from training.loop import Step

RANDOM_SUBNETS = 2
"""Networks drawn per step, beside the largest and the smallest."""


def sandwich_step(supernet: SuperNet, smoothing: float, drawn: int = RANDOM_SUBNETS) -> Step:
    """A training step over 2 + `drawn` networks; returns the loss of the largest.

    Args:
        supernet: Receives the sum of all gradients.
        smoothing: Label smoothing of the largest network's loss.
        drawn: Random networks per step.
    """
    space = supernet.space
    largest, smallest = space.extreme(largest=True), space.extreme(largest=False)

    def step(images: Tensor, labels: Tensor, rng: np.random.Generator) -> float:
        logits = supernet(images, largest)
        loss = F.cross_entropy(logits, labels, label_smoothing=smoothing)
        torch.autograd.backward(loss)
        teacher = logits.detach().softmax(1)
        for architecture in [smallest, *(space.sample(rng) for _ in range(drawn))]:
            student = supernet(images, architecture)
            torch.autograd.backward(F.cross_entropy(student, teacher))
        return float(loss.detach())

    return step
