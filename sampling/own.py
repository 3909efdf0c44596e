"""Networks that no space describes, a user's own: any torch classifier as a row of the results."""

import copy
import hashlib
import json
import time
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from nas_space.costs import unit
from noises.adversarial.victim import check_logits, check_network
from sampling.examination import Examination
from sampling.store import Network, Outcome
from supernet.calibration import weights_hash

ORIGIN = "own"
"""Of these networks in the results."""

FACTORS = {name: unit(name) for name in ("parameters", "macs")}
"""Factor name to unit, of what is known of them."""


def deployed(model: nn.Module, device: str) -> nn.Module:
    """A copy in eval mode with frozen parameters on the device; the model stays as it is.

    Raises:
        ValueError: It is no module, or cannot be copied.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(
            f"evaluate.model must be a torch.nn.Module; got {type(model).__name__}. "
            "Return one from the function."
        )
    try:
        return copy.deepcopy(model).eval().requires_grad_(False).to(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"evaluate.model must be one that copy.deepcopy can copy; got {error}. "
            "Detach the tensors it keeps."
        ) from error


def check_model(network: nn.Module, images: Tensor, classes: int) -> None:
    """Refuse a network that cannot be asked what the protocol asks.

    Args:
        network: In eval mode.
        images: (B, 3, s, s) float32 in [0, 1], on its device.
        classes: K of the data set.

    Raises:
        ValueError: It fails on the images, returns no finite logits, or has another K.
    """
    check_network(network)
    try:
        with torch.no_grad():
            logits = network(images)
    except Exception as error:
        raise ValueError(
            f"evaluate.model must take images {tuple(images.shape)} in [0, 1]; got "
            f"{type(error).__name__}: {error}. Change --size, or wrap the network."
        ) from error
    if not isinstance(logits, Tensor):
        raise ValueError(
            f"evaluate.model must return a tensor of logits; got {type(logits).__name__}. "
            "Wrap the network in one that picks them."
        )
    check_logits(logits, torch.zeros(len(images), dtype=torch.int64))
    if logits.shape[1] != classes:
        raise ValueError(
            f"evaluate.model must have the {classes} classes of the data; got {logits.shape[1]} "
            "logits. Give the network the data it was trained for."
        )


def count_macs(network: nn.Module, size: int, device: str) -> float:
    """Multiply-adds for one image of `size` pixels: half of what torch's FlopCounterMode counts.

    Attention runs as the matrix products that it is made of, which the counter would not see else.
    """
    image = torch.zeros(1, 3, size, size, device=device)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network(image)
    return float(counter.get_total_flops()) / 2


def own_network(network: nn.Module, name: str, size: int, device: str) -> Network:
    """Row of the results; two networks of one name and one training have the same id."""
    record = {"family": ORIGIN, "name": name, "weights": weights_hash(network)}
    architecture = json.dumps(record, sort_keys=True, separators=(",", ":"))
    parameters = sum(p.numel() for p in network.parameters())
    return Network(
        id=hashlib.sha256(architecture.encode()).hexdigest()[:12],
        architecture=architecture,
        family=ORIGIN,
        origin=ORIGIN,
        supernet="",
        technique="",
        seed=0,
        design=name,
        pair="",
        factors={"parameters": float(parameters), "macs": count_macs(network, size, device)},
    )


def examine_own(network: nn.Module, examination: Examination) -> Outcome:
    """Outcome of a network as it is: nothing is recalibrated or folded."""
    begin = time.perf_counter()
    outcome = examination.ask(network, weights_hash(network))
    return replace(outcome, seconds=time.perf_counter() - begin)
