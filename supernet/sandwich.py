"""Training a supernet: the sandwich rule with in-place distillation.

Source: Yu & Huang, "Universally Slimmable Networks and Improved Training Techniques", ICCV 2019, as
used by BigNAS (Yu et al., ECCV 2020): each step trains the largest network on the labels, and the
smallest and some random ones on the soft predictions of the largest. Resolution is a gene, so every
step trains at several.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from nas_space.architecture import Architecture
from nas_space.space import Space
from supernet.network import SuperNet
from training.augmentation.protocol import Augmentation
from training.contrastive import SimCLR, nt_xent
from training.forward import Forward
from training.loop import Examples, Report, Step, fit
from training.objectives import Objective
from training.recipe import Recipe
from training.regularisation import Drops
from training.techniques import choose

RANDOM_SUBNETS = 2
"""Networks drawn per step, beside the largest and the smallest."""


def sandwich(space: Space, rng: np.random.Generator, drawn: int) -> Iterator[Architecture]:
    """The largest network, the smallest, and `drawn` random ones, drawn when asked for."""
    yield space.extreme(largest=True)
    yield space.extreme(largest=False)
    for _ in range(drawn):
        yield space.sample(rng)


def sandwich_step(
    supernet: SuperNet,
    recipe: Recipe,
    objective: Objective | None = None,
    drawn: int = RANDOM_SUBNETS,
) -> Step:
    """A training step over 2 + `drawn` networks, that of the largest first.

    Every network minimises the objective, with itself as the network that is attacked; the targets
    of all but the largest are what the largest says of the clean images.

    Args:
        supernet: Receives the sum of all gradients.
        recipe: Its objective, its dropping and its precision.
        objective: In place of the recipe's.
        drawn: Random networks per step.
    """
    chosen = choose(recipe.techniques)
    goal = objective or chosen.objective

    def step(images: Tensor, targets: Tensor, rng: np.random.Generator) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}
        drops = Drops(*chosen.rates, rng) if any(chosen.rates) else None
        for architecture in sandwich(supernet.space, rng, drawn):
            subnet = Forward(supernet, architecture, drops=drops, precision=recipe.precision)
            loss = goal.loss(subnet, images, targets, rng)
            torch.autograd.backward(loss)
            if not losses:
                targets = subnet.answer(images).softmax(1)
            losses[architecture.id] = loss.detach()
        return losses

    return step


class Contrast(nn.Module):
    """A supernet under contrastive pre-training and the projection its features are compared in.

    Args:
        supernet: What is pre-trained; its classifier is not used.
        width: Of the projection.
    """

    def __init__(self, supernet: SuperNet, width: int) -> None:
        super().__init__()
        features = supernet.head.in_features
        self.supernet = supernet
        self.hidden, self.out = nn.Linear(features, features), nn.Linear(features, width)

    def forward(self, x: Tensor, architecture: Architecture) -> Tensor:
        """(B, width) projections of one slice, from the leading features."""
        features = self.supernet.features(x, architecture)
        weight = self.hidden.weight[:, : features.shape[1]]
        hidden = nn.functional.linear(features, weight, self.hidden.bias).relu()
        return self.out(hidden)  # type: ignore[no-any-return]


def contrastive_step(
    model: Contrast, phase: SimCLR, views: tuple[Augmentation, ...], drawn: int = RANDOM_SUBNETS
) -> Step:
    """A step in which every network of the sandwich tells two views of each image from the rest."""

    def step(images: Tensor, targets: Tensor, rng: np.random.Generator) -> dict[str, Tensor]:
        pair = [images, images]
        for i in range(2):
            for augmentation in views:
                pair[i], _ = augmentation.apply(pair[i], targets, rng)
        losses = {}
        for architecture in sandwich(model.supernet.space, rng, drawn):
            first, second = model(torch.cat(pair), architecture).chunk(2)
            loss = nt_xent(first, second, phase.temperature)
            torch.autograd.backward(loss)
            losses[architecture.id] = loss.detach()
        return losses

    return step


def fit_supernet(
    supernet: SuperNet,
    data: Examples,
    recipe: Recipe,
    checkpoint: Path,
    report: Report = lambda epochs: None,
    objective: Objective | None = None,
) -> float:
    """Train a supernet by the sandwich rule, after a contrastive phase where the recipe has one.

    The phase has a checkpoint of its own beside the other, and reports nothing. Arguments, result
    and errors are those of `training.loop.fit`; `objective` is in place of the recipe's.
    """
    chosen = choose(recipe.techniques)
    phase = chosen.pretraining
    if phase is not None:
        kept = tuple(t for t in recipe.techniques if t.partition(":")[0] == chosen.optimizer.name)
        alone = replace(recipe, epochs=phase.epochs, techniques=kept)
        device = next(supernet.parameters()).device
        model = Contrast(supernet, phase.width).to(device)
        step = contrastive_step(model, phase, chosen.augmentations)
        fit(model, step, data, alone, checkpoint.with_suffix(".pretrained.safetensors"))
    return fit(
        supernet, sandwich_step(supernet, recipe, objective), data, recipe, checkpoint, report
    )
