"""The main job from data to report, stage after stage; every stage goes on where it was stopped."""

import json
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from images.datasets import Dataset, load_dataset
from nas_space.presets import find_space
from noises.presets import find_protocol
from noises.protocol import Protocol
from robustscope.memory import Peak
from robustscope.networks import choose_networks, listed_networks, supernet_plans, with_extra
from robustscope.presets import find_preset
from robustscope.progress import Progress
from robustscope.settings import FILE, Settings, check_folder
from robustscope.versions import versions
from sampling.campaign import (
    SupernetPlan,
    campaign_record,
    evaluate_pending,
    train_supernets,
)
from sampling.conditions import Cache, Prepared, prepare
from sampling.store import Journal, Network, write_results

RECORD = "run.json"


@dataclass
class Run:
    """A run under way: what is known and what it has cost so far."""

    settings: Settings
    out: Path
    workers: int
    progress: Progress
    cache: int
    seconds: dict[str, float] = field(default_factory=dict)
    memory: Peak = field(default_factory=Peak)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the seconds spent inside to the stage, also when it is stopped."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - begin
            self.memory.look()
            self.seconds[name] = round(self.seconds.get(name, 0.0) + spent, 2)
            write_json(self.out / RECORD, {"finished": False, "seconds": self.seconds})


def run(
    settings: Settings, out: Path, workers: int, progress: Progress, cache: int
) -> dict[str, Any]:
    """Do whatever is not done yet and return the finished record, which lies in out/run.json.

    Args:
        settings: What is asked.
        out: Folder of the run.
        workers: Processes; 0 runs everything in this one.
        progress: Shows what is going on.
        cache: Bytes of noised copies that may lie on disk.

    Raises:
        ValueError: Bad input, named; whatever was finished before stays.
    """
    check_folder(out, settings)
    check_device(settings.device)
    preset = find_preset(settings.preset)
    protocol = protocol_of(settings)
    for family in settings.spaces:
        find_space(f"{family}-{preset.scale}")
    dataset = load_dataset(settings.data, preset.size, progress.track)
    listed = listed_networks(settings)
    plans = supernet_plans(settings, out, len(dataset.classes), tuple(listed))
    networks = choose_networks(settings, plans, listed)
    make_folder(out)
    with hold(out):
        write_json(out / FILE, json.loads(settings.to_json()))
        (out / "supernets").mkdir(exist_ok=True)
        job = Run(settings, out, workers, progress, cache, earlier_seconds(out))
        return _stages(job, protocol, dataset, plans, networks)


def protocol_of(settings: Settings) -> Protocol:
    """The protocol a run evaluates under, drawn with its seed."""
    protocol = find_protocol(settings.protocol, find_preset(settings.preset).size)
    return replace(protocol, seed=protocol.seed + settings.seed)


def _stages(
    job: Run,
    protocol: Protocol,
    dataset: Dataset,
    plans: list[SupernetPlan],
    networks: list[Network],
) -> dict[str, Any]:
    out, settings = job.out, job.settings
    with job.stage("train"):
        train(job, plans, dataset)
    with job.stage("noise"):
        prepared = make_copies(job, dataset, protocol, [p.name for p in plans])
    campaign = campaign_record(dataset, prepared, plans, settings.device)
    identity = {
        "settings": json.loads(settings.to_json()),
        "protocol": campaign.protocol_hash,
        "dataset": campaign.dataset_sha256,
        "supernets": {name: json.loads(text) for name, text in campaign.supernets.items()},
    }
    with Journal.open(out / "journal.sqlite", json.dumps(identity)) as journal:
        journal.add(networks)
        with job.stage("evaluate"):
            arguments = journal, plans, prepared, job.workers, settings.device
            evaluate(job, journal, evaluate_pending(*arguments))
        counts = journal.counts()
        with job.stage("export"):
            provenance = {f"version_{k}": v for k, v in versions().items()}
            provenance["command"] = " ".join(["robustscope", *sys.argv[1:]])
            content = write_results(out / "results.h5", campaign, journal.outcomes(), provenance)
    with job.stage("analyze"):
        from analysis.pipeline import analyze  # seconds, which training need not wait for

        summary = analyze(out / "results.h5", out, job.progress.steps("Analysing"))
    shutil.rmtree(out / "cache", ignore_errors=True)
    record = {
        "finished": True,
        "seconds": job.seconds | {"total": round(sum(job.seconds.values()), 2)},
        "peak_memory_mb": job.memory.mb,
        "counts": {
            "networks": counts.total,
            "done": counts.done,
            "failed": counts.failed,
            "conditions": len(campaign.conditions),
            "images": len(campaign.image_ids),
            "attacked_images": len(prepared.attacked),
        },
        "versions": versions(),
        "content_hash": content,
        "protocol_hash": campaign.protocol_hash,
        "summary": list(summary.sentences),
        "files": file_sizes(out),
    }
    write_json(out / RECORD, record)
    return record


def check_device(device: str) -> None:
    """Refuse a device that is not there."""
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "run.device must be available; got cuda, and torch sees no CUDA device. "
            "Use --device cpu."
        )


@contextmanager
def hold(out: Path) -> Iterator[None]:
    """Keep a second run off the folder."""
    lock = FileLock(out / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ValueError(
            f"run.out must not be in use; got {out}, on which another run works. "
            "Wait for it or choose another --out."
        ) from error
    try:
        yield
    finally:
        lock.release()


def make_folder(path: Path) -> None:
    """Make a folder and those above it.

    Raises:
        ValueError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"run.out must be a folder that can be made; got {path} ({error.strerror}). "
            "Choose another --out."
        ) from error


def file_sizes(out: Path) -> dict[str, int]:
    """Path in the folder to bytes, of everything a finished run leaves for its reader."""
    files = [out / "results.h5", out / "report.html"]
    files += sorted([*(out / "tables").iterdir(), *(out / "figures").iterdir()])
    return {str(path.relative_to(out)): path.stat().st_size for path in files}


def train(job: Run, plans: list[SupernetPlan], dataset: Dataset) -> None:
    """Train the supernets side by side, with a bar over all their epochs."""
    names = ", ".join(p.name for p in plans)
    total = sum(p.recipe.epochs for p in plans)
    at: dict[int, float] = {}
    with job.progress.bar("Training", total, f"epochs of {names}") as bar:
        bar.set_postfix_str("workers start")
        folder = job.out / "cache" / "training"
        images = with_extra(dataset, plans[0].recipe, job.progress.track)
        for plan, epoch in train_supernets(plans, images, folder, job.workers, job.settings.device):
            job.memory.look()
            bar.set_postfix_str("", refresh=False)
            if plan not in at and not bar.disable:
                bar.initial += epoch  # done before: not part of the rate
            at[plan] = epoch
            bar.n = round(sum(at.values()), 1)
            bar.update(0)


def make_copies(job: Run, dataset: Dataset, protocol: Protocol, sources: Sequence[str]) -> Prepared:
    """Noise the images once for all networks."""
    total = 1 + len(protocol.natural) * len(protocol.severities) + len(protocol.system)
    with job.progress.bar("Noising", total, "conditions") as bar:
        cache = Cache(job.out / "cache", job.cache)
        return prepare(dataset, protocol, job.settings.images, cache, bar.update, sources)


def evaluate(job: Run, journal: Journal, events: Iterable[str]) -> None:
    """Evaluate what is pending, an event for each network, with a bar over all networks."""
    counts = journal.counts()
    failed = counts.failed
    done = counts.done + counts.failed
    with job.progress.bar("Evaluating", counts.total, "networks", done) as bar:
        for kind in events:
            job.memory.look()
            failed += kind == "failed"
            bar.set_postfix_str(f"{failed} failed" if failed else "", refresh=False)
            bar.update()


def earlier_seconds(out: Path) -> dict[str, float]:
    """Seconds that earlier, stopped runs on this folder spent per stage."""
    try:
        seconds = json.loads((out / RECORD).read_text())["seconds"]
        return {str(k): float(v) for k, v in seconds.items() if k != "total"}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Replace a JSON file in one step."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(data, indent=1))
    part.replace(path)
