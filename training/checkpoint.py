"""Checkpoints: one safetensors file of all a training needs, with JSON settings in its header.

Weights under their own names, the optimizer's state as `optimizer.<key>.<parameter>`, averaged
weights as `averaged.<name>`. Reading one never runs code. A checkpoint is replaced atomically: a
kill or a full disk leaves the old one whole.
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
from torch.optim.swa_utils import AveragedModel

OPTIMIZER, AVERAGED = "optimizer.", "averaged."
AVERAGED_WEIGHTS, COUNT = f"{AVERAGED}module.", f"{AVERAGED}n_averaged"

State = tuple[nn.Module, torch.optim.Optimizer, AveragedModel | None]
"""A model, its optimizer and its average."""


def tensors_hash(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names, shapes, types and bytes of tensors, in name order."""
    digest = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        digest.update(f"{name}:{tuple(value.shape)}:{value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _checksum(tensors: Mapping[str, torch.Tensor], header: Mapping[str, str]) -> str:
    """SHA-256 over tensors and header."""
    text = json.dumps(dict(sorted(header.items()))) + tensors_hash(tensors)
    return hashlib.sha256(text.encode()).hexdigest()


def save_checkpoint(path: Path, settings: str, state: State, progress: tuple[int, float]) -> None:
    """Write the state and (finished epochs, mean loss) beside the settings.

    Raises:
        ValueError: The file cannot be written; an older one stays as it was.
    """
    model, optimizer, averaged = state
    tensors = dict(model.state_dict())
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state[parameter].items():
            tensors[f"{OPTIMIZER}{key}.{name}"] = value
    if averaged is not None:
        tensors |= {AVERAGED + name: value for name, value in averaged.state_dict().items()}
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    metadata = {"settings": settings, "progress": json.dumps(progress)}
    metadata["checksum"] = _checksum(tensors, metadata)
    part = path.with_suffix(".part")
    try:
        save_file(tensors, part, metadata)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except (SafetensorError, OSError) as error:
        part.unlink(missing_ok=True)
        raise ValueError(
            f"Checkpoint.file must be writable; got {path} ({error}). Make room or choose another "
            "folder: the checkpoint of before is kept, and training goes on from there."
        ) from error


def load_checkpoint(path: Path, settings: str, state: State) -> tuple[int, float]:
    """Put the state in place; (0, nan) and nothing changed when there is no file.

    Raises:
        ValueError: The file is damaged, or was made with other settings or another space.
    """
    if not path.exists():
        return 0, float("nan")
    model, optimizer, averaged = state
    tensors, metadata = read_checkpoint(path)
    if metadata.get("settings") != settings:
        raise ValueError(
            f"Checkpoint.settings must be those of this run; got other "
            f"{_first_difference(settings, metadata.get('settings', '{}'))} in {path}. "
            "Use another output folder, or the settings and data of before."
        )
    _load(path, model, _named(tensors, ""))
    if averaged is not None:
        _load(path, averaged, _named(tensors, AVERAGED))
    parameters = dict(model.named_parameters())
    for label, value in _named(tensors, OPTIMIZER).items():
        key, _, name = label.partition(".")
        parameter = parameters[name]
        # counts of steps stay on the CPU, as torch keeps them
        optimizer.state[parameter][key] = value.to(parameter.device if value.ndim else "cpu")
    epochs, loss = json.loads(metadata["progress"])
    return int(epochs), float(loss)


def _named(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Tensors of one part of the state, without its prefix; "" for the weights."""
    if prefix:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    return {k: v for k, v in tensors.items() if not k.startswith((OPTIMIZER, AVERAGED))}


def _first_difference(wanted: str, got: str) -> str:
    """The first setting that differs between two JSON objects, both values beside it."""
    now, before = json.loads(wanted), json.loads(got)
    name = next(n for n in sorted({*now, *before}) if now.get(n) != before.get(n))
    return f"{name} ({before.get(name)}, not {now.get(name)})"


def load_weights(path: Path, model: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Load what is to be evaluated: the averaged weights where there are any, else the last ones.

    Raises:
        ValueError: A tensor is missing, too many or misshapen.
    """
    averaged = COUNT in tensors and int(tensors[COUNT]) > 0
    _load(path, model, _named(tensors, AVERAGED_WEIGHTS if averaged else ""))


def _load(path: Path, model: nn.Module, weights: dict[str, torch.Tensor]) -> None:
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
    # files of before 0.3 have a checksum of the tensors alone
    old = metadata.get("sha256") if "checksum" not in metadata else None
    stored = metadata.pop("checksum", None)
    if (old or stored) != (tensors_hash(tensors) if old else _checksum(tensors, metadata)):
        raise ValueError(
            f"Checkpoint.tensors must have the checksum in the header; got {path} with others: "
            "it is damaged. Delete it to train again."
        )
    return tensors, metadata
