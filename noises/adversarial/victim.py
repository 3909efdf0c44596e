"""The network under attack: what is asked of it, and what is refused."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from noises.adversarial.losses import Loss
from noises.adversarial.plan import QUANTUM

UNTOUCHED = float("inf")
"""Reach of an iterate that fools nobody."""


class Answer(NamedTuple):
    """Logits (B, K), losses (B,) and the losses' gradients (B, 3, s, s) at B images."""

    logits: Tensor
    loss: Tensor
    gradient: Tensor


class Victim:
    """Asks a network in batches filled up to few sizes, as new shapes cost time to prepare.

    Args:
        network: (B, 3, s, s) in [0, 1] to logits (B, K), in eval mode, parameters frozen.
        batch: Images asked at once at most.
    """

    def __init__(self, network: nn.Module, batch: int) -> None:
        self.network, self.batch = network, batch

    def logits(self, x: Tensor) -> Tensor:
        """(B, K) logits of any number of images, without gradients."""
        with torch.no_grad():
            return torch.cat(
                [self._asked(_filled(p))[: len(p)] for p in torch.split(x, self.batch)]
            )

    def _asked(self, x: Tensor) -> Tensor:
        """The network's answer, which must be numbers.

        Raises:
            ValueError: It is something else, or the network cannot take float32 images.
        """
        try:
            answer = self.network(x)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise ValueError(
                f"Attack.network must take float32 images {tuple(x.shape)}; got: {reason}. "
                "Convert or wrap it."
            ) from error
        if not isinstance(answer, Tensor) or not answer.is_floating_point():
            kind = answer.dtype if isinstance(answer, Tensor) else type(answer).__name__
            raise ValueError(
                f"Attack.network must return logits as a tensor of floats; got {kind}. "
                "Wrap it so that it returns them alone."
            )
        return answer

    def gradient(self, x: Tensor, loss: Loss, samples: int = 1) -> Answer:
        """Logits of the first pass, mean loss and mean gradient of several passes.

        Args:
            x: (B, 3, s, s), at most one batch.
            loss: Of the logits.
            samples: Passes, for networks that are random (expectation over transformation, Athalye
                et al., ICML 2018).

        Raises:
            ValueError: The logits do not depend on the images in a way that can be differentiated.
        """
        first = self._once(x, loss)
        rest = [self._once(x, loss) for _ in range(samples - 1)]
        if not rest:
            return first
        loss_mean = torch.stack([first.loss, *(a.loss for a in rest)]).mean(0)
        gradient = torch.stack([first.gradient, *(a.gradient for a in rest)]).mean(0)
        return Answer(first.logits, loss_mean, gradient)

    def _once(self, x: Tensor, loss: Loss) -> Answer:
        filled = _filled(x).detach().requires_grad_()
        with torch.enable_grad():
            logits = self._asked(filled)[: len(x)]
            if not logits.requires_grad:
                raise ValueError(
                    "Attack.network must be differentiable; got logits without a gradient. "
                    "Remove detach() and no_grad() from its forward pass."
                )
            values = loss(logits)
            (gradient,) = torch.autograd.grad(values.sum(), filled)
        # a gradient that is no number moves nothing, and counts as none
        gradient = gradient[: len(x)].nan_to_num(0.0, 0.0, 0.0)
        return Answer(logits.detach(), values.detach(), gradient)


def _filled(x: Tensor) -> Tensor:
    """The batch with its last image repeated: few shapes occur, and few images stay few."""
    few = next((q for q in (1, 2, 4) if len(x) <= q), 8)
    missing = -len(x) % (few if len(x) <= 2 * QUANTUM else QUANTUM)
    return torch.cat((x, x[-1:].expand(missing, -1, -1, -1))) if missing else x


def reach(logits: Tensor, label: Tensor) -> Tensor:
    """(B,) 0 where misclassified, infinity where not, NaN where the logits are not finite."""
    wrong = torch.where(logits.argmax(1) != label, 0.0, UNTOUCHED)
    return torch.where(logits.isfinite().all(1), wrong, torch.nan)


def check_network(network: nn.Module) -> None:
    """Refuse a network whose answers depend on who else is in the batch.

    Raises:
        ValueError: It is no module, or a module is in train mode or normalises by the batch.
    """
    if not isinstance(network, nn.Module):
        raise ValueError(
            f"Attack.network must be a torch module; got {type(network).__name__}. Wrap it in one."
        )
    for name, module in network.named_modules():
        where = f"{type(module).__name__} {name!r}" if name else "the network"
        if module.training:
            raise ValueError(
                f"Attack.network must be in eval mode; got train mode in {where}. "
                "Call .eval() first."
            )
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None:
            raise ValueError(
                "Attack.network must normalise by running statistics; got none in "
                f"{where}. Build it with track_running_stats=True."
            )


def check_inputs(images: Tensor, labels: Tensor) -> None:
    """Refuse what would make an attack's number wrong.

    Raises:
        ValueError: Images that are not float32 (B, 3, H, W) in [0, 1], no images, or labels that
            are not (B,) class indices.
    """
    if images.ndim != 4 or images.shape[1] != 3 or images.dtype != torch.float32 or not len(images):
        raise ValueError(
            "Attack.images must be float32 (B, 3, H, W) with B > 0; "
            f"got {images.dtype} {tuple(images.shape)}. Convert them first."
        )
    low, high = float(images.min()), float(images.max())
    if not (low >= 0.0 and high <= 1.0):
        raise ValueError(
            f"Attack.images must lie in [0, 1]; got [{low:g}, {high:g}]. "
            "Give unnormalised pixels; the network normalises."
        )
    if labels.shape != images.shape[:1] or labels.dtype != torch.int64 or labels.min() < 0:
        raise ValueError(
            f"Attack.labels must be int64 ({len(images)},) and not negative; got {labels.dtype} "
            f"{tuple(labels.shape)}. Give one class index per image."
        )


def check_logits(logits: Tensor, labels: Tensor) -> None:
    """Refuse clean answers (B, K) that are not the logits of the labels' classes.

    Raises:
        ValueError: Another shape, a label without a logit, probabilities, or no finite numbers.
    """
    if logits.ndim != 2 or len(logits) != len(labels) or logits.shape[1] < 2:
        raise ValueError(
            f"Attack.network must return logits ({len(labels)}, K) of K > 1 classes; got "
            f"{tuple(logits.shape)}. Return one row of class scores per image."
        )
    if int(labels.max()) >= logits.shape[1]:
        raise ValueError(
            f"Attack.labels must be below the network's {logits.shape[1]} classes; got "
            f"{int(labels.max())}. Check that network and data have the same classes."
        )
    if not bool(logits.isfinite().all()):
        raise ValueError(
            "Attack.network must return finite logits; got NaN or infinity. Check its weights."
        )
    sums = logits.sum(1)
    if logits.shape[1] > 1 and bool((logits >= 0).all() & ((sums - 1).abs() < 1e-4).all()):
        raise ValueError(
            "Attack.network must return logits; got probabilities, rows that sum to 1. "
            "Remove the softmax: it hides the gradient."
        )
