"""Training alone: the supernets of a run, by one process or by all that torchrun starts.

`robustscope run` with the same settings and folder goes on from there.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
import torch.distributed as dist

from images.datasets import load_dataset
from robustscope.job import Job, check_device, hold, make_folder, write_json
from robustscope.networks import listed_networks, supernet_plans
from robustscope.presets import find_preset
from robustscope.progress import Progress
from robustscope.run import train
from robustscope.settings import FILE, Settings, check_folder
from sampling.executors import Execution
from training.ranks import place, wait


@contextmanager
def joined(device: str) -> Iterator[str]:
    """The device of this process, inside the process group that torchrun asks for, if any."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("gloo" if device == "cpu" else "nccl")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def train_alone(settings: Settings, out: Path, workers: int, progress: Progress) -> list[Path]:
    """Train every supernet of the settings; returns their checkpoints.

    Args:
        settings: As of a run.
        out: Folder of the run.
        workers: Processes that train side by side, where torchrun has started none.
        progress: Shows what is going on.

    Raises:
        ValueError: Bad input, named; whatever was finished before stays.
    """
    check_folder(out, settings)
    check_device(settings.device)
    with joined(settings.device) as device:
        rank, world = place()
        size = find_preset(settings.preset).size
        dataset = load_dataset(settings.data, size, progress.track)
        listed = tuple(listed_networks(settings))
        plans = supernet_plans(settings, out, len(dataset.classes), listed)
        if rank == 0:
            make_folder(out / "supernets")
        with hold(out) if rank == 0 else nullcontext():
            if rank == 0:
                write_json(out / FILE, json.loads(settings.to_json()))
            wait()  # for the folder
            own = out / "cache" / f"rank{rank}"
            how = Execution(workers if world == 1 else 0)
            train(Job(own, how, progress, 0), plans, dataset, device)
            shutil.rmtree(own)
            wait()  # with the lock, until nobody writes
    return [plan.checkpoint for plan in plans]
