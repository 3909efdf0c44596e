"""Puts one network after the other through everything a prepared protocol asks."""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor, nn

from sampling.conditions import Prepared
from sampling.evaluation import Evaluator
from sampling.sequences import NAME, answer_sequences, protocol_frames
from sampling.store import Outcome
from sampling.transfers import transfer_images
from supernet.network import SuperNet


class Examination:
    """What networks are asked on one device: image sets and perturbation sequences.

    Args:
        prepared: Noised copies.
        device: "cpu" or "cuda".
        supernets: Name to supernet, at least of the sources of the protocol's transfer attacks.
    """

    def __init__(
        self, prepared: Prepared, device: str, supernets: Mapping[str, SuperNet] | None = None
    ) -> None:
        sources = supernets if prepared.sources else None
        transfers = transfer_images(sources, prepared, device) if sources else None
        self._frames = protocol_frames(prepared)
        self._evaluator = Evaluator(prepared, device, transfers)
        self.protocol, self.device = prepared.protocol, device
        self._attacked = len(prepared.attacked)

    @property
    def recalibration(self) -> list[Tensor]:
        """Batches of training images, (R, 3, s, s) in all, that BatchNorm is re-estimated on."""
        return self._evaluator.recalibration

    def ask(self, network: nn.Module, weights: str, deployed: nn.Module | None = None) -> Outcome:
        """Outcome of a network; arguments and errors are those of `Evaluator.evaluate`."""
        outcome = self._evaluator.evaluate(network, weights, deployed)
        if not self._frames:
            return outcome
        batch = self.protocol.batch
        answer = answer_sequences(network, self._frames, self._attacked, batch, self.device)
        return replace(outcome, sequences={NAME: answer})
