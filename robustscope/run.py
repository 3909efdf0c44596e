"""The main job from data to report, stage after stage; every stage goes on where it was stopped."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from images.datasets import Dataset, load_dataset
from metrics.until import read_until, until_note
from nas_space.presets import find_space
from noises.presets import find_protocol
from noises.protocol import Protocol
from robustscope.job import (
    JOURNAL,
    Job,
    check_device,
    conclude,
    earlier_seconds,
    evaluate,
    hold,
    identity_of,
    make_folder,
    remember,
    write_json,
)
from robustscope.networks import choose_networks, listed_networks, supernet_plans, with_extra
from robustscope.presets import find_preset
from robustscope.progress import Progress
from robustscope.settings import FILE, Settings, check_folder
from sampling.campaign import SupernetPlan, campaign_record, evaluation_of, train_supernets
from sampling.conditions import Cache, Prepared, attack_conditions, prepare
from sampling.executors import Execution, Setup
from sampling.recording import record_pending
from sampling.store import Journal, Network
from sampling.turns import check_goal, record_turns, sequel


def run(
    settings: Settings, out: Path, how: Execution, progress: Progress, cache: int
) -> dict[str, Any]:
    """Do whatever is not done yet and return the finished record, which lies in out/run.json.

    Args:
        settings: What is asked.
        out: Folder of the run.
        how: What trains and evaluates.
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
    if settings.until:
        check_goal(read_until(settings.until), attack_conditions(protocol), len(networks))
    make_folder(out)
    with hold(out):
        write_json(out / FILE, json.loads(settings.to_json()))
        (out / "supernets").mkdir(exist_ok=True)
        job = Job(out, how, progress, cache, earlier_seconds(out))
        return _stages(job, settings, protocol, dataset, plans, networks)


def protocol_of(settings: Settings) -> Protocol:
    """The protocol a run evaluates under, drawn with its seed."""
    protocol = find_protocol(settings.protocol, find_preset(settings.preset).size)
    return replace(protocol, seed=protocol.seed + settings.seed)


def _stages(
    job: Job,
    settings: Settings,
    protocol: Protocol,
    dataset: Dataset,
    plans: list[SupernetPlan],
    networks: list[Network],
) -> dict[str, Any]:
    with job.stage("train"):
        train(job, plans, dataset, settings.device)
    with job.stage("noise"):
        prepared = make_copies(job, dataset, protocol, settings.images, [p.name for p in plans])
    campaign = campaign_record(dataset, prepared, plans, settings.device)
    if settings.until:
        note = until_note(settings.until, len(prepared.attacked))
        campaign = replace(campaign, notes=(*campaign.notes, note))
    identity = identity_of(json.loads(settings.to_json()), campaign)
    with Journal.open(job.out / JOURNAL, identity) as journal:
        remember(job, journal, campaign)
        journal.add(networks)
        with job.stage("evaluate"):
            work = evaluation_of(plans, prepared, settings.device)
            if settings.until:
                _evaluate_in_rounds(job, journal, settings.until, prepared, work)
            else:
                evaluate(job, journal, record_pending(journal, *work, job.how))
        return conclude(job, journal, campaign, len(prepared.attacked))


def _evaluate_in_rounds(
    job: Job,
    journal: Journal,
    goal: str,
    prepared: Prepared,
    work: tuple[Setup, tuple[Any, ...]],
) -> None:
    """Attack in rounds until the goal is reached."""
    rest = sequel(read_until(goal), prepared.conditions, prepared.attacked, prepared.order)
    while turns := rest.turns(journal):
        events = record_turns(journal, turns, *work, job.how)
        if turns[0].begin == 0:
            evaluate(job, journal, events)
            continue
        shown = f"networks, images {min(t.begin for t in turns) + 1} on"
        with job.progress.bar("Attacking", len(turns), shown) as bar:
            for _ in events:
                job.memory.look()
                bar.update()


def train(job: Job, plans: list[SupernetPlan], dataset: Dataset, device: str) -> None:
    """Train the supernets side by side, with a bar over all their epochs."""
    names = ", ".join(p.name for p in plans)
    total = sum(p.recipe.epochs for p in plans)
    at: dict[int, float] = {}
    with job.progress.bar("Training", total, f"epochs of {names}") as bar:
        bar.set_postfix_str("workers start")
        folder = job.out / "cache" / "training"
        images = with_extra(dataset, plans[0].recipe, job.progress.track)
        for plan, epoch in train_supernets(plans, images, folder, job.how, device):
            job.memory.look()
            bar.set_postfix_str("", refresh=False)
            if plan not in at and not bar.disable:
                bar.initial += epoch  # done before: not part of the rate
            at[plan] = epoch
            bar.n = round(sum(at.values()), 1)
            bar.update(0)


def make_copies(
    job: Job, dataset: Dataset, protocol: Protocol, images: int, sources: Sequence[str]
) -> Prepared:
    """Noise the images once for all networks."""
    total = 1 + len(protocol.natural) * len(protocol.severities) + len(protocol.system)
    with job.progress.bar("Noising", total, "conditions") as bar:
        cache = Cache(job.out / "cache", job.cache)
        return prepare(dataset, protocol, images, cache, bar.update, sources)
