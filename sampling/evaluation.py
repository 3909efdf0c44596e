"""Evaluates one network under everything a protocol asks."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from noises.adversarial.engine import Armed, AttackOutcome, arm, run_attacks
from sampling.conditions import Prepared
from sampling.store import Outcome
from training.loop import to_float

RESIDENT = 1 << 29
"""Bytes of float images a worker keeps between networks; more are converted anew each time."""


class Evaluator:
    """Puts networks through one prepared protocol on one device.

    Args:
        prepared: Noised copies.
        device: "cpu" or "cuda".
    """

    def __init__(self, prepared: Prepared, device: str) -> None:
        self.prepared, self.device = prepared, device
        self.batch = prepared.protocol.batch
        self.labels = torch.from_numpy(np.array(prepared.labels))
        self.copies = len(prepared.copies)

    @cached_property
    def recalibration(self) -> list[Tensor]:
        """The one batch of training images that BatchNorm is re-estimated on."""
        return [to_float(np.array(self.prepared.recalibration), self.device)]

    @cached_property
    def armed(self) -> list[Armed]:
        """The attacks with the keys of the attacked images."""
        protocol = self.prepared.protocol
        ids = [self.prepared.ids[i] for i in self.prepared.attacked]
        return [arm(a, ids, protocol.seed, self.device) for a in protocol.attacks]

    @cached_property
    def resident(self) -> list[Tensor] | None:
        """Every forward batch as floats when they fit, else None."""
        shape = self.prepared.copies.shape[1:]
        size = 4 * self.copies * int(np.prod(shape))
        return list(self._convert()) if size <= RESIDENT else None

    def _convert(self) -> Iterator[Tensor]:
        """Forward batches: all copies of all images in one stream, cut into equal batches."""
        flat = self.prepared.copies.reshape(-1, *self.prepared.copies.shape[2:])
        total = self.copies * len(self.labels)
        for start in range(0, total, self.batch):
            yield to_float(np.array(flat[start : min(start + self.batch, total)]), self.device)

    def evaluate(self, network: nn.Module, weights: str) -> Outcome:
        """Outcome of a network in eval mode with frozen parameters.

        Args:
            network: (B, 3, s, s) in [0, 1] to logits (B, K).
            weights: SHA-256 of its weights, copied into the outcome.

        Raises:
            ValueError: The network's outputs are not finite.
        """
        prepared = self.prepared
        m, i = len(prepared.conditions), len(self.labels)
        evaluated = np.zeros((m, i), np.bool_)
        correct = np.zeros((m, i), np.bool_)
        right = self._forward(network)
        for c, row in enumerate(prepared.row):
            if row >= 0:
                evaluated[c], correct[c] = True, right[row]
        alarms: dict[str, NDArray[np.float64]] = {}
        if prepared.protocol.attacks:
            outcomes = self._attack(network)
            for c, condition in enumerate(prepared.conditions):
                if condition.family == "adversarial":
                    name, e = condition.name.rsplit("_e", 1)
                    evaluated[c, prepared.attacked] = True
                    correct[c, prepared.attacked] = ~outcomes[name].fooled[int(e) - 1]
                    for alarm, shares in outcomes[name].alarms.items():
                        alarms.setdefault(alarm, np.full(m, np.nan))[c] = shares[int(e) - 1]
        return Outcome(weights, evaluated, correct, alarms)

    def _forward(self, network: nn.Module) -> NDArray[np.bool_]:
        """(F, I) whether each image of each copy is classified right."""
        predictions = []
        with torch.no_grad():
            for images in self.resident or self._convert():
                logits = network(images)
                if not bool(logits.isfinite().all()):
                    raise ValueError("Network.outputs must be finite; got NaN or infinity.")
                predictions.append(logits.argmax(1).cpu())
        flat = torch.cat(predictions).view(self.copies, len(self.labels))
        return (flat == self.labels).numpy()

    def _attack(self, network: nn.Module) -> dict[str, AttackOutcome]:
        attacked = torch.from_numpy(np.array(self.prepared.attacked))
        images = to_float(np.array(self.prepared.copies[0][self.prepared.attacked]), self.device)
        labels = self.labels[attacked].to(self.device)
        return run_attacks(network, images, labels, self.armed, self.prepared.protocol.plan)
