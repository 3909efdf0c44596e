"""Puts one network after the other through everything a prepared protocol asks."""

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from noises.protocol import Protocol
from sampling.conditions import Prepared, load_prepared
from sampling.evaluation import Evaluator
from sampling.fitting import fitted
from sampling.proof import check_costs, counting
from sampling.sequences import NAME, FrameSource, answer_sequences, protocol_frames
from sampling.signs import signs
from sampling.store import Network, Outcome
from sampling.transfers import transfer_images
from supernet.calibration import fold, recalibrate, weights_hash
from supernet.network import Subnet, SuperNet

Span = tuple[int, int]
"""Images from one place to another in the order of attack."""


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
        self.prepared, self.device = prepared, device
        self._supernets = supernets if prepared.sources else None
        self._last: tuple[Span, Evaluator] | None = None

    @cached_property
    def evaluator(self) -> Evaluator:
        """Made when first asked: transfer images may take long, and signs are given by then."""
        sources, prepared = self._supernets, self.prepared
        made = transfer_images(sources, prepared, self.device) if sources else None
        return Evaluator(prepared, self.device, made)

    @cached_property
    def frames(self) -> list[FrameSource]:
        """The protocol's perturbation sequences."""
        return protocol_frames(self.prepared)

    @property
    def recalibration(self) -> list[Tensor]:
        """Batches of training images, (R, 3, s, s) in all, that BatchNorm is re-estimated on."""
        return self.evaluator.recalibration

    def ask(
        self,
        network: nn.Module,
        weights: str,
        deployed: nn.Module | None = None,
        span: Span | None = None,
    ) -> Outcome:
        """Outcome of a network, in the protocol's batches or the largest that fit the memory.

        Arguments and errors are those of `Evaluator.evaluate`, and of `fitted`. With a span, only
        those images are attacked, and nothing else is asked unless it begins at 0.
        """
        evaluator = self.evaluator if span is None else self._part(span)
        return fitted(evaluator, lambda e: self._asked(e, network, weights, deployed))

    def _part(self, span: Span) -> Evaluator:
        """Of the span that was asked for last: most networks of a round ask for the same."""
        if self._last is None or self._last[0] != span:
            self._last = span, self.evaluator.part(*span)
        return self._last[1]

    def _asked(
        self, evaluator: Evaluator, network: nn.Module, weights: str, deployed: nn.Module | None
    ) -> Outcome:
        outcome = evaluator.evaluate(network, weights, deployed)
        if evaluator.attacks_alone or not self.frames:
            return outcome
        asked = network, self.frames, len(self.prepared.attacked), evaluator.batch, self.device
        return replace(outcome, sequences={NAME: answer_sequences(*asked)})


Examine = Callable[[Network, Subnet, Callable[[Any], None], Span | None], Outcome]
"""Recalibrates, counts, folds and evaluates a subnet, which it uses up; tells that it lives."""


def examiner(
    supernets: Mapping[str, SuperNet], home: Path, protocol: Protocol, device: str
) -> Examine:
    """What puts one subnet after the other through a prepared protocol.

    It raises ValueError where a subnet's outputs are not finite, its costs are not those of its
    row, or it does not fit the memory.

    Args:
        supernets: Name to trained supernet.
        home: Folder of the noised copies.
        protocol: Of the copies.
        device: "cpu" or "cuda".
    """
    examination = Examination(load_prepared(home, protocol), device, supernets)

    def examine(
        network: Network, subnet: Subnet, report: Callable[[Any], None], span: Span | None
    ) -> Outcome:
        begin = time.perf_counter()
        with signs(report):
            batches = examination.recalibration
            with counting(subnet) as count:
                recalibrate(subnet, batches)
            check_costs(network, subnet, count, sum(map(len, batches)))
            weights = weights_hash(subnet)
            apart = fold(copy.deepcopy(subnet), specialised=False) if protocol.inference else None
            outcome = examination.ask(fold(subnet), weights, apart, span)
        return replace(outcome, seconds=time.perf_counter() - begin)

    return examine
