"""The training loop: any optimizer, cosine schedule with warm-up, resumable by epoch, many ranks.

Every epoch draws its order and its techniques from a generator of its own (seed, epoch), and the
checkpoint holds everything that steps depend on, so a killed and resumed training ends with the
same bits. In a process group every rank makes the same global batch and learns from its share.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from training import ranks
from training.checkpoint import load_checkpoint, save_checkpoint
from training.forward import Forward
from training.objectives import Objective
from training.recipe import Recipe as Recipe
from training.regularisation import Drops, Kurtosis
from training.techniques import choose

Step = Callable[[Tensor, Tensor, np.random.Generator], Mapping[str, Tensor]]
"""Images (B, 3, s, s) in [0, 1] and targets (B, K) to the losses of the networks trained, by id,
that of the report first; gradients are left in the parameters."""

Report = Callable[[float], None]


class Examples(NamedTuple):
    """What is learned from.

    Attributes:
        pixels: (I, s, s, 3) uint8.
        labels: (I,) int64 in [0, K).
        classes: K.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: int


def network_step(network: nn.Module, recipe: Recipe, objective: Objective | None = None) -> Step:
    """A training step of one network with the objective of the recipe, or with another."""
    chosen = choose(recipe.techniques)
    goal = objective or chosen.objective

    def step(images: Tensor, targets: Tensor, rng: np.random.Generator) -> dict[str, Tensor]:
        drops = Drops(*chosen.rates, rng) if any(chosen.rates) else None
        forward = Forward(network, drops=drops, precision=recipe.precision)
        loss = goal.loss(forward, images, targets, rng)
        torch.autograd.backward(loss)
        return {"network": loss.detach()}

    return step


def to_float(pixels: NDArray[np.uint8], device: str) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) float32 in [0, 1], laid out channels last."""
    return as_float(torch.from_numpy(np.ascontiguousarray(pixels)).to(device))


def as_float(pixels: Tensor) -> Tensor:
    """(B, 3, H, W) float32 in [0, 1] of (B, H, W, 3) bytes, on their device."""
    return pixels.permute(0, 3, 1, 2).float().div_(255.0)


def to_targets(labels: NDArray[np.int64], classes: int, device: str) -> Tensor:
    """(B,) labels to (B, K) float32 rows of one 1."""
    return F.one_hot(torch.from_numpy(labels).to(device), classes).float()


def batches(data: Examples, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """(B,) indices of one shuffled epoch; what does not fill a batch is left out of this epoch."""
    order = rng.permutation(len(data.labels))
    for start in range(0, len(order) - size + 1, size):
        yield order[start : start + size]


def data_hash(data: Examples) -> str:
    """SHA-256 of what is trained on."""
    digest = hashlib.sha256(f"{data.pixels.shape}".encode())
    for part in (data.pixels, data.labels):
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def fit(
    model: nn.Module,
    step: Step,
    data: Examples,
    recipe: Recipe,
    checkpoint: Path,
    report: Report = lambda epochs: None,
) -> float:
    """Train in place and leave the weights in `checkpoint`; go on from there when it exists.

    Where the recipe averages weights, the model ends with the average.

    Args:
        model: What is trained; its device decides where.
        step: Computes the losses and the gradients.
        data: What is learned from.
        recipe: How to train.
        checkpoint: A .safetensors file, written after every epoch by the first rank.
        report: Called with the epochs done, within an epoch as a fraction.

    Returns:
        Mean loss of the last epoch.

    Raises:
        ValueError: A loss or the gradient is not finite, and the last good checkpoint is kept; or
            the checkpoint is damaged, of another recipe or of other data; or a batch is too small.
    """
    size = batch_size(data, recipe)
    learner = _Learner(model, recipe)
    settings = json.dumps(asdict(recipe) | {"data": data_hash(data)}, sort_keys=True)
    state = model, learner.optimizer, learner.averaged
    done, loss = load_checkpoint(checkpoint, settings, state)
    report(done)
    for epoch in range(done, recipe.epochs):
        rng = np.random.default_rng([recipe.seed, epoch])
        losses, steps = [], len(data.labels) // size
        for i, index in enumerate(batches(data, size, rng)):
            images, targets = learner.batch(data, index, rng)
            learner.optimizer.zero_grad()
            found = learner.reduced(step(images, targets, rng))
            where = f"epoch {epoch}, step {i}"
            learner.update(found, (epoch + (i + 1) / steps) / recipe.epochs, where, checkpoint)
            losses.append(next(iter(found.values())))
            if i + 1 < steps:
                report(epoch + (i + 1) / steps)
        learner.average((epoch + 1) / recipe.epochs, epoch_ends=True)
        loss = float(np.mean(losses))
        if ranks.place()[0] == 0:
            save_checkpoint(checkpoint, settings, state, (epoch + 1, loss))
        ranks.wait()
        report(epoch + 1)
    learner.finish()
    return loss


def batch_size(data: Examples, recipe: Recipe) -> int:
    """Images in a step; all of them when they are fewer than the recipe's batch.

    Raises:
        ValueError: They do not divide among the ranks, two for each, or a label is no class.
    """
    size, world = min(recipe.batch, len(data.labels)), ranks.place()[1]
    if size % world or size < 2 * world:
        raise ValueError(
            f"Recipe.batch must be a multiple of {world} processes, at least 2 images each; got "
            f"{size} of {len(data.labels)} images. BatchNorm compares the images of a batch."
        )
    low, high = int(data.labels.min()), int(data.labels.max())
    if not 0 <= low <= high < data.classes:
        raise ValueError(
            f"Examples.labels must lie in [0, {data.classes}); got {low} to {high}. "
            "Check that data and network have the same classes."
        )
    return size


class _Learner:
    """A model with what its recipe makes of gradients."""

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
        self.model, self.recipe = model, recipe.resolved()
        self.chosen = choose(recipe.techniques)
        self.device = str(next(model.parameters()).device)
        self.parameters = list(model.parameters())
        self.optimizer = self.chosen.optimizer.build(model, self.recipe.momentum, self.recipe.decay)
        averaging = self.chosen.averaging
        self.averaged = None if averaging is None else averaging.build(model)
        self.penalties = [r for r in self.chosen.regularisations if isinstance(r, Kurtosis)]

    def batch(
        self, data: Examples, index: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """This rank's images and targets, augmented and smoothed."""
        images = to_float(data.pixels[index], self.device)
        images = images.contiguous(memory_format=torch.channels_last)
        targets = to_targets(data.labels[index], data.classes, self.device)
        for augmentation in self.chosen.augmentations:
            images, targets = augmentation.apply(images, targets, rng)
        smoothing = self.recipe.smoothing
        targets = targets * (1.0 - smoothing) + smoothing / data.classes
        return ranks.share(images), ranks.share(targets)

    def reduced(self, losses: Mapping[str, Tensor]) -> dict[str, float]:
        """Losses as numbers; they and the gradients, penalties included, averaged over ranks."""
        for penalty in self.penalties:
            torch.autograd.backward(penalty.penalty(self.model))
        values = torch.stack([value.float() for value in losses.values()])
        ranks.average([values, *(p.grad for p in self.parameters if p.grad is not None)])
        return dict(zip(losses, values.tolist(), strict=True))

    def update(
        self, losses: dict[str, float], progress: float, where: str, checkpoint: Path
    ) -> None:
        """One step of the optimizer.

        Raises:
            ValueError: A loss or the gradient is not finite; the weights are as before.
        """
        # the gradient of all is looked at too: it may overflow where no loss does
        norm = float(nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip))
        bad = [name for name, loss in losses.items() if not math.isfinite(loss)]
        if bad or not math.isfinite(norm):
            kept = f"the last good checkpoint, {checkpoint}, is kept"
            raise ValueError(
                "The learning rate must keep loss and gradient finite; got losses "
                f"{[losses[n] for n in bad] or list(losses.values())}, gradient {norm} of "
                f"{', '.join(bad or losses)} in {where}. Train with a lower one in another folder; "
                f"{kept if checkpoint.exists() else 'no epoch was finished'}."
            )
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate_at(progress)
        self.optimizer.step()
        self.average(progress, epoch_ends=False)

    def average(self, progress: float, epoch_ends: bool) -> None:
        """Let the weights enter their average, when it is time."""
        averaging = self.chosen.averaging
        if averaging is None or self.averaged is None:
            return
        # after the last step of an epoch both are asked: a rule follows steps or epochs
        if averaging.due(progress, epoch_ends):
            self.averaged.update_parameters(self.model)

    def finish(self) -> None:
        """Put the average in place of the last weights."""
        if self.averaged is not None and int(self.averaged.n_averaged) > 0:
            self.model.load_state_dict(self.averaged.module.state_dict())
