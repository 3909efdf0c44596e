"""Evaluates one network under everything a protocol asks."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from noises.adversarial.engine import Armed, arm, run_attacks
from noises.adversarial.plan import QUANTUM
from noises.adversarial.table import ATTACKS
from noises.system.inference import INFERENCE_NOISES
from sampling.answers import confident_class, finite_logits
from sampling.conditions import Prepared
from sampling.store import Outcome
from sampling.store.layers import LAYERS
from training.loop import as_float, to_float

RESIDENT = 1 << 29
"""Bytes of float images a worker keeps between networks; more are converted anew each time."""

SPARE = 0.5
"""Share of a GPU's free memory that copies of images may take when they do not fit as floats."""

BROKEN = "not_finite"
"""Alarm: share of the images shown that were answered by no finite numbers."""

Alarms = dict[str, NDArray[np.float64]]
"""Name to (M,) shares, NaN where an alarm does not apply."""


def recalibration_batches(prepared: Prepared, device: str) -> list[Tensor]:
    """The images that BatchNorm is re-estimated on, in the fewest batches that the plan allows.

    Every k-th image is in the same of k batches, so that classes that lie in order are mixed.
    """
    images = prepared.recalibration
    k = -(-len(images) // prepared.protocol.plan.batch)
    return [to_float(np.array(images[j::k]), device) for j in range(k)]


def spare_memory(device: str) -> int:
    """Bytes of a GPU that copies may take; 0 on the CPU, whose memory maps are at hand anyway."""
    return int(SPARE * torch.cuda.mem_get_info()[0]) if device.startswith("cuda") else 0


class Evaluator:
    """Puts networks through one prepared protocol on one device.

    Args:
        prepared: Noised copies.
        device: "cpu" or "cuda".
        transfers: (T, A, 3, s, s) images of the transfer conditions, None when there are none.
        kept: Bytes of float images that are kept between networks.
        attacks_alone: Ask nothing but attacks, and the attacked images as they are.
    """

    def __init__(
        self,
        prepared: Prepared,
        device: str,
        transfers: NDArray[np.float32] | None = None,
        kept: int = RESIDENT,
        *,
        attacks_alone: bool = False,
    ) -> None:
        self.kept, self.attacks_alone = kept, attacks_alone
        self.prepared, self.device, self.transfers = prepared, device, transfers
        self.batch = prepared.protocol.batch
        self.labels = torch.from_numpy(np.array(prepared.labels))
        self.copies = len(prepared.copies)

    @cached_property
    def recalibration(self) -> list[Tensor]:
        """Batches of training images, (R, 3, s, s) in all, that BatchNorm is re-estimated on."""
        return recalibration_batches(self.prepared, self.device)

    @cached_property
    def armed(self) -> list[Armed]:
        """The attacks with the keys of the attacked images."""
        protocol = self.prepared.protocol
        ids = [self.prepared.ids[i] for i in self.prepared.attacked]
        return [arm(a, ids, protocol.seed, self.device) for a in protocol.attacks]

    @cached_property
    def resident(self) -> list[Tensor] | None:
        """Every forward batch as floats when they fit, else None."""
        size = 4 * self.copies * int(np.prod(self.prepared.copies.shape))
        return list(self._convert()) if size <= self.kept else None

    @cached_property
    def resident_bytes(self) -> list[Tensor] | None:
        """Every forward batch as (B, s, s, 3) bytes on a GPU when they fit there, else None."""
        size = self.copies * int(np.prod(self.prepared.copies.shape))
        if self.resident is not None or not self.kept or size > spare_memory(self.device):
            return None
        batches = self.prepared.copies.batches(self.batch)
        return [torch.from_numpy(np.array(pixels)).to(self.device) for pixels in batches]

    def _images(self) -> Iterator[Tensor]:
        """Forward batches: all copies of all images in one stream, cut into equal batches."""
        if self.resident is not None:
            yield from self.resident
        elif self.resident_bytes is not None:
            yield from map(as_float, self.resident_bytes)
        else:
            yield from self._convert()

    def _convert(self) -> Iterator[Tensor]:
        """The same, read and sent to the device anew."""
        for pixels in self.prepared.copies.batches(self.batch):
            yield to_float(pixels, self.device)

    def smaller(self, parts: int) -> "Evaluator":
        """What asks the same in batches a `parts`-th as large and keeps no images.

        This one, too, lets go of the images it keeps, until it is asked again.
        """
        for name in ("resident", "resident_bytes", "attacked_images", "armed"):
            self.__dict__.pop(name, None)
        protocol = self.prepared.protocol
        lanes = max(QUANTUM, protocol.plan.batch // parts // QUANTUM * QUANTUM)
        plan = replace(protocol.plan, batch=lanes)
        fewer = replace(protocol, batch=max(1, protocol.batch // parts), plan=plan)
        prepared, alone = replace(self.prepared, protocol=fewer), self.attacks_alone
        return Evaluator(prepared, self.device, self.transfers, 0, attacks_alone=alone)

    def part(self, begin: int, end: int) -> "Evaluator":
        """What attacks the images from `begin` to `end` of the order of attack.

        The rest is asked in the first part alone, with the images that this one keeps.
        """
        prepared = self.prepared
        chosen = prepared.order[begin:end]
        transfers = None if self.transfers is None else self.transfers[:, chosen]
        fewer = replace(prepared, attacked=prepared.attacked[chosen])
        part = Evaluator(fewer, self.device, transfers, self.kept, attacks_alone=begin > 0)
        if not begin:
            part.__dict__ |= {"resident": self.resident, "resident_bytes": self.resident_bytes}
        return part

    def evaluate(
        self, network: nn.Module, weights: str, deployed: nn.Module | None = None
    ) -> Outcome:
        """Outcome of a network in eval mode with frozen parameters.

        Args:
            network: (B, 3, s, s) in [0, 1] to logits (B, K).
            weights: SHA-256 of its weights, copied into the outcome.
            deployed: The network with its convolutions as they are, for inference noises; the
                network itself when not given.

        Raises:
            ValueError: The network's outputs are not finite.
        """
        prepared = self.prepared
        m, i = len(prepared.conditions), len(self.labels)
        evaluated = np.zeros((m, i), np.bool_)
        correct = np.zeros((m, i), np.bool_)
        alarms: Alarms = {}
        kept: dict[str, NDArray[Any]] = {}
        if self.attacks_alone:
            chosen = prepared.attacked
            evaluated[0, chosen] = True
            labels = self.labels[torch.from_numpy(np.array(chosen))]
            correct[0, chosen], _ = self._right(network, self.attacked_images, labels)
        else:
            prediction, kept = self._forward(network)
            right = prediction == prepared.labels
            for c, row in enumerate(prepared.row):
                if row >= 0:
                    evaluated[c], correct[c] = True, right[row]
            self._infer(deployed or network, right[0], evaluated, correct, alarms)
        distance = self._attack(network, evaluated, correct, alarms)
        self._transfer(network, evaluated, correct, alarms)
        return Outcome(
            weights,
            evaluated,
            correct,
            alarms,
            prediction=kept.get("prediction"),
            confidence=kept.get("confidence"),
            distance=distance,
        )

    def _of(self, family: str) -> list[int]:
        """Places of the conditions of a family."""
        return [c for c, k in enumerate(self.prepared.conditions) if k.family == family]

    def _infer(
        self,
        network: nn.Module,
        right: NDArray[np.bool_],
        evaluated: NDArray[np.bool_],
        correct: NDArray[np.bool_],
        alarms: Alarms,
    ) -> None:
        """The clean images under every inference noise; `right` stands where nothing changes."""
        images = np.array(self.prepared.copies.clean) if self.prepared.protocol.inference else None
        for c in self._of("inference"):
            noise = INFERENCE_NOISES[self.prepared.conditions[c].name]
            evaluated[c], correct[c] = True, right
            _of_all(alarms, BROKEN, evaluated)[c] = 0.0
            if noise.changes(network):
                assert images is not None
                noised = noise.apply(network, torch.cat(self.recalibration))
                floats = to_float(images, self.device)
                correct[c], alarms[BROKEN][c] = self._right(noised, floats, self.labels)

    def _right(
        self, network: nn.Module, images: Tensor, labels: Tensor
    ) -> tuple[NDArray[np.bool_], float]:
        """(B,) whether images are classified right, and the share answered by no finite numbers.

        These are wrong.
        """
        with torch.no_grad():
            logits = torch.cat([network(part) for part in torch.split(images, self.batch)]).cpu()
        right: NDArray[np.bool_] = (logits.argmax(1) == labels).numpy()
        finite: NDArray[np.bool_] = logits.isfinite().all(1).numpy()
        return right & finite, float((~finite).mean())

    def _forward(self, network: nn.Module) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
        """(F, I) predicted class of each image of each copy, and (M, I) what the protocol keeps."""
        keep = self.prepared.protocol.keep
        predictions, confidences = [], []
        for images in self._images():
            logits = finite_logits(network, images)
            predictions.append(logits.argmax(1).cpu().numpy())
            if "confidence" in keep:
                confidences.append(confident_class(logits)[1])
        shape = self.copies, len(self.labels)
        prediction = np.concatenate(predictions).reshape(shape)
        found = {"prediction": prediction}
        if "confidence" in keep:
            found["confidence"] = np.concatenate(confidences).reshape(shape)
        return prediction, {name: self._by_condition(name, found[name]) for name in keep}

    def _by_condition(self, name: str, found: NDArray[Any]) -> NDArray[Any]:
        """(M, I) of a layer from (F, I): conditions that read no copy have none."""
        row = np.array(self.prepared.row)
        values = LAYERS[name].empty((len(row), len(self.labels)))
        values[row >= 0] = found[row[row >= 0]]
        return values

    @cached_property
    def attacked_images(self) -> Tensor:
        """(A, 3, s, s) images that attacks run on."""
        chosen = self.prepared.copies.clean[self.prepared.attacked]
        return to_float(np.array(chosen), self.device)

    def _attack(
        self,
        network: nn.Module,
        evaluated: NDArray[np.bool_],
        correct: NDArray[np.bool_],
        alarms: Alarms,
    ) -> NDArray[np.float32] | None:
        """Fill in the adversarial conditions and their alarms; distances (M, I) if any."""
        distances = LAYERS["distance"].empty(evaluated.shape)
        places = self._of("adversarial")
        if not places:
            return None
        chosen = self.prepared.attacked
        labels = self.labels[torch.from_numpy(np.array(chosen))].to(self.device)
        plan = self.prepared.protocol.plan
        outcomes = run_attacks(network, self.attacked_images, labels, self.armed, plan)
        for c in places:
            name, rank = self.prepared.conditions[c].name.rsplit("_e", 1)
            e = int(rank) - 1
            evaluated[c, chosen] = True
            correct[c, chosen] = ~outcomes[name].fooled[e]
            for alarm, shares in outcomes[name].alarms.items():
                _of_all(alarms, alarm, evaluated)[c] = shares[e]
            least = outcomes[name].distance
            if least is not None and e == 0:  # all budgets of the attack share it
                distances[c, chosen] = least
        return None if np.isnan(distances).all() else distances

    def _transfer(
        self,
        network: nn.Module,
        evaluated: NDArray[np.bool_],
        correct: NDArray[np.bool_],
        alarms: Alarms,
    ) -> None:
        """Fill in the transfer conditions and the alarm of those that beat the white box."""
        places = self._of("transfer")
        if not places:
            return
        assert self.transfers is not None
        chosen = self.prepared.attacked
        labels = self.labels[torch.from_numpy(np.array(chosen))]
        wins = _of_all(alarms, "transfer_wins", evaluated)
        broken = _of_all(alarms, BROKEN, evaluated)
        white = self._white_boxes()
        clean = correct[0, chosen]
        for t, c in enumerate(places):
            images = torch.from_numpy(np.array(self.transfers[t])).to(self.device)
            evaluated[c, chosen] = True
            correct[c, chosen], broken[c] = self._right(network, images, labels)
            same = white.get(self._budget(c))
            if same and clean.any():
                robust = correct[same][:, chosen].all(0)
                wins[c] = (robust & clean & ~correct[c, chosen]).sum() / clean.sum()

    def _budget(self, condition: int) -> tuple[str, float]:
        """Norm and radius of an adversarial or transfer condition."""
        parameters = json.loads(self.prepared.conditions[condition].parameters)
        return parameters["norm"], parameters["budget"]

    def _white_boxes(self) -> dict[tuple[str, float], list[int]]:
        """Norm and radius to the white-box conditions there."""
        white: dict[tuple[str, float], list[int]] = {}
        for c in self._of("adversarial"):
            kind = json.loads(self.prepared.conditions[c].parameters)["kind"]
            if not ATTACKS[kind].describes.black_box:
                white.setdefault(self._budget(c), []).append(c)
        return white


def _of_all(alarms: Alarms, name: str, evaluated: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(M,) shares of an alarm, to be filled in."""
    return alarms.setdefault(name, np.full(len(evaluated), np.nan))
