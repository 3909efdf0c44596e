"""The training loop: SGD with Nesterov momentum, cosine schedule with warm-up, resumable by epoch.

Every epoch draws its order and its techniques from a generator of its own (seed, epoch), and the
checkpoint holds weights and momentum, so a killed and resumed training ends with the same bits.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.checkpoint import load_checkpoint, save_checkpoint
from training.techniques import TECHNIQUES

Step = Callable[[Tensor, Tensor, np.random.Generator], float]
"""Images (B, 3, s, s) in [0, 1] and labels (B,) to the loss, gradients left in the parameters."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: Passes over the training images.
        batch: Images in a step.
        rate: Peak learning rate.
        momentum: Nesterov momentum.
        decay: Weight decay, on convolution and linear weights alone.
        warmup: Share of all steps over which the rate rises linearly from 0.
        smoothing: Label smoothing.
        clip: Largest norm of the gradient.
        seed: Of the initial weights, the order, the techniques and the sampled architectures.
        techniques: Names in `training.techniques.TECHNIQUES`, applied in order.
    """

    epochs: int
    batch: int
    rate: float
    momentum: float = 0.9
    decay: float = 1e-4
    warmup: float = 0.1
    smoothing: float = 0.1
    clip: float = 5.0
    seed: int = 0
    techniques: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = [name for name in self.techniques if name not in TECHNIQUES]
        if unknown:
            raise ValueError(
                f"Recipe.techniques must be among {', '.join(TECHNIQUES)}; got {unknown[0]!r}. "
                "Add new ones to training/techniques.py."
            )
        if self.epochs < 1:
            raise ValueError(f"Recipe.epochs must be at least 1; got {self.epochs}. Train longer.")
        if self.batch < 1:
            raise ValueError(f"Recipe.batch must be at least 1; got {self.batch}. Enlarge it.")
        if not 0.0 < self.rate < math.inf:
            raise ValueError(f"Recipe.rate must be positive; got {self.rate}. Start with 0.1.")
        if not 0.0 <= self.warmup < 1.0:
            raise ValueError(
                f"Recipe.warmup must be a share in [0, 1); got {self.warmup}. 0.1 is usual."
            )

    def rate_at(self, progress: float) -> float:
        """Learning rate after a share of all steps, 0 to 1."""
        if progress < self.warmup:
            return self.rate * progress / self.warmup
        done = (progress - self.warmup) / (1.0 - self.warmup)
        return self.rate * 0.5 * (1.0 + math.cos(math.pi * done))


def parameter_groups(model: nn.Module, decay: float) -> list[dict[str, object]]:
    """Matrices and filters decay; vectors (BatchNorm, biases) do not."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    free = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": decay}, {"params": free, "weight_decay": 0.0}]


def to_float(pixels: NDArray[np.uint8], device: str) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) float32 in [0, 1], laid out channels last."""
    tensor = torch.from_numpy(np.ascontiguousarray(pixels)).to(device)
    return tensor.permute(0, 3, 1, 2).float().div_(255.0)


def batches(
    pixels: NDArray[np.uint8], labels: NDArray[np.int64], recipe: Recipe, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """One shuffled epoch in full batches; what does not fill a batch is left out of this epoch."""
    order = rng.permutation(len(labels))
    size = min(recipe.batch, len(labels))
    for start in range(0, len(order) - size + 1, size):
        index = order[start : start + size]
        yield pixels[index], labels[index]


def data_hash(pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> str:
    """SHA-256 of what is trained on."""
    digest = hashlib.sha256(f"{pixels.shape}".encode())
    for part in (pixels, labels):
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def fit(
    model: nn.Module,
    step: Step,
    data: tuple[NDArray[np.uint8], NDArray[np.int64]],
    recipe: Recipe,
    checkpoint: Path,
    report: Callable[[float], None] = lambda epochs: None,
) -> float:
    """Train in place and leave the weights in `checkpoint`; go on from there when it exists.

    Args:
        model: What is trained; its device decides where.
        step: Computes the loss and its gradients.
        data: Pixels (I, s, s, 3) uint8 and labels (I,).
        recipe: How to train.
        checkpoint: A .safetensors file, written after every epoch.
        report: Called with the epochs done, within an epoch as a fraction.

    Returns:
        Mean loss of the last epoch.

    Raises:
        ValueError: The loss or the gradient is not finite, and the last good checkpoint is kept;
            or the checkpoint is damaged, of another recipe or of other data.
    """
    device = str(next(model.parameters()).device)
    groups = parameter_groups(model, recipe.decay)
    optimizer = torch.optim.SGD(groups, lr=0.0, momentum=recipe.momentum, nesterov=True)
    settings = json.dumps(asdict(recipe) | {"data": data_hash(*data)}, sort_keys=True)
    done, loss = load_checkpoint(checkpoint, settings, model, optimizer)
    report(done)
    for epoch in range(done, recipe.epochs):
        rng = np.random.default_rng([recipe.seed, epoch])
        losses = []
        size = min(recipe.batch, len(data[1]))
        per_epoch = len(data[1]) // size
        for i, (pixels, labels) in enumerate(batches(*data, recipe, rng)):
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate_at((epoch + (i + 1) / per_epoch) / recipe.epochs)
            images = to_float(pixels, device).contiguous(memory_format=torch.channels_last)
            for name in recipe.techniques:
                images = TECHNIQUES[name].apply(images, rng)
            optimizer.zero_grad()
            losses.append(step(images, torch.from_numpy(labels).to(device), rng))
            norm = float(nn.utils.clip_grad_norm_(model.parameters(), recipe.clip))
            # a step may report one loss of several, so the gradient of all is looked at too
            if not math.isfinite(losses[-1]) or not math.isfinite(norm):
                raise ValueError(
                    f"Recipe.rate must keep loss and gradient finite; got {losses[-1]} and {norm} "
                    f"in epoch {epoch}, step {i}. Lower it; the last good checkpoint is "
                    f"{checkpoint.name}."
                )
            optimizer.step()
            if i + 1 < per_epoch:
                report(epoch + (i + 1) / per_epoch)
        loss = float(np.mean(losses))
        save_checkpoint(checkpoint, settings, model, optimizer, (epoch + 1, loss))
        report(epoch + 1)
    return loss
