"""Checkpoints: one safetensors file of weights and momentum, with JSON settings in its header.

Reading one never runs code. A checkpoint is replaced atomically: a kill leaves the old one whole.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

MOMENTUM = "momentum."


def tensors_hash(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names, shapes, types and bytes of tensors, in name order."""
    digest = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        digest.update(f"{name}:{tuple(value.shape)}:{value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def save_checkpoint(
    path: Path,
    settings: str,
    model: nn.Module,
    optimizer: torch.optim.SGD,
    progress: tuple[int, float],
) -> None:
    """Write weights, momentum and (finished epochs, mean loss) beside the settings."""
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()
    }
    for name, parameter in model.named_parameters():
        momentum = optimizer.state[parameter].get("momentum_buffer")
        if momentum is not None:
            tensors[MOMENTUM + name] = momentum.detach().cpu().contiguous()
    metadata = {
        "settings": settings,
        "progress": json.dumps(progress),
        "sha256": tensors_hash(tensors),
    }
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata)
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(path)


def load_checkpoint(
    path: Path, settings: str, model: nn.Module, optimizer: torch.optim.SGD
) -> tuple[int, float]:
    """Put weights and momentum in place; (0, nan) and nothing changed when there is no file.

    Raises:
        ValueError: The file is damaged, or was made with other settings or another space.
    """
    if not path.exists():
        return 0, float("nan")
    tensors, metadata = read_checkpoint(path)
    if metadata.get("settings") != settings:
        raise ValueError(
            f"Checkpoint.settings must be those of this run; got another "
            f"{_first_difference(settings, metadata.get('settings', '{}'))} in {path}. "
            "Use another output folder, or the settings and data of before."
        )
    load_weights(path, model, tensors)
    for name, parameter in model.named_parameters():
        if MOMENTUM + name in tensors:
            buffer = tensors[MOMENTUM + name].to(parameter.device)
            optimizer.state[parameter]["momentum_buffer"] = buffer
    epochs, loss = json.loads(metadata["progress"])
    return int(epochs), float(loss)


def _first_difference(wanted: str, got: str) -> str:
    """Name of the first setting that differs between two JSON objects."""
    now, before = json.loads(wanted), json.loads(got)
    differing = (n for n in sorted({*now, *before}) if now.get(n) != before.get(n))
    return str(next(differing))


def load_weights(path: Path, model: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Load the model's own tensors, refusing missing, extra or misshapen ones."""
    weights = {k: v for k, v in tensors.items() if not k.startswith(MOMENTUM)}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"Checkpoint.weights must fit the space and the classes; got {path} which does not: "
            f"{str(error).splitlines()[-1].strip()} Train it again."
        ) from error


def read_checkpoint(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors and header of a checkpoint.

    Raises:
        ValueError: The file is missing, damaged or no safetensors file.
    """
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"Checkpoint.file must be a whole safetensors file; got {path} ({error}). "
            "Delete it to train again."
        ) from error
    if metadata.get("sha256") != tensors_hash(tensors):
        raise ValueError(
            f"Checkpoint.tensors must have the checksum in the header; got {path} with others: "
            "it is damaged. Delete it to train again."
        )
    return tensors, metadata
