"""Images made on source networks of a campaign, shown to every network of it.

The sources are the largest network of each supernet, so they are rows of the results themselves.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from noises.adversarial.engine import arm
from noises.adversarial.transfer import last_iterates
from sampling.conditions import Prepared
from sampling.evaluation import recalibration_batches
from supernet.calibration import fold, recalibrate, weights_hash
from supernet.network import Subnet, SuperNet, spawn
from training.loop import to_float


def transfer_images(
    supernets: Mapping[str, SuperNet], prepared: Prepared, device: str
) -> NDArray[np.float32]:
    """(T, A, 3, s, s) the A attacked images under each of the T transfer conditions.

    Made once and kept beside the noised copies; whoever comes second reads them.

    Args:
        supernets: Source name to its trained supernet.
        prepared: Whose transfer conditions name the sources.
        device: "cpu" or "cuda".
    """
    recalibration = recalibration_batches(prepared, device)
    sources = {}
    for name in prepared.sources:
        supernet = supernets[name]
        subnet = spawn(supernet, supernet.space.extreme(largest=True)).to(device)
        sources[name] = recalibrate(subnet, recalibration)
    hashes = "".join(weights_hash(s) for s in sources.values())
    key = hashlib.sha256(f"{hashes} {prepared.protocol.hash} {device}".encode()).hexdigest()[:16]
    path = prepared.home / f"transfer-{key}.npy"
    if not path.exists():
        _save(path, _attacked({n: fold(s) for n, s in sources.items()}, prepared, device))
    made: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return made


def _attacked(
    sources: Mapping[str, Subnet], prepared: Prepared, device: str
) -> NDArray[np.float32]:
    protocol, chosen = prepared.protocol, prepared.attacked
    images = to_float(np.array(prepared.copies.clean[chosen]), device)
    labels = torch.from_numpy(np.array(prepared.labels[chosen])).to(device)
    ids = [prepared.ids[i] for i in chosen]
    parts = [
        last_iterates(
            sources[name], images, labels, arm(attack, ids, protocol.seed, device), protocol.plan
        )
        for name in prepared.sources
        for attack in protocol.transfer
    ]
    return torch.cat(parts).cpu().numpy()


def _save(path: Path, values: NDArray[np.float32]) -> None:
    """Whole or not at all, whoever else is writing the same."""
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, values)
    part.replace(path)
