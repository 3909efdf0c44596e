"""The study of a run: can the weights of its supernets be believed?

Networks of the run are evaluated with the weights of several supernets and trained alone several
times; the largest network of each family is compared with plain training. Everything lies in
RUN/study and goes on where it was stopped.
"""

import itertools
import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from analysis.attenuation import PLACE
from analysis.pipeline import analyze
from analysis.sharing_report import write_sharing
from images.datasets import Dataset, load_dataset
from nas_space.presets import find_space
from robustscope.job import (
    JOURNAL,
    RECORD,
    RESULTS,
    Job,
    check_device,
    earlier_seconds,
    evaluate,
    finished_settings,
    hold,
    write_json,
)
from robustscope.networks import supernet_plans
from robustscope.presets import find_preset
from robustscope.progress import Progress
from robustscope.run import make_copies, protocol_of, train
from robustscope.settings import Settings
from robustscope.versions import versions
from sampling.campaign import SupernetPlan, campaign_record, enlist
from sampling.design import Draw
from sampling.executors import Execution
from sampling.recording import record_pending
from sampling.standalone import alone, stratified_networks, study_handler
from sampling.store import Journal, Network, open_results, write_results
from training import techniques

FOLDER = PLACE.parent
"""Of the study, in the folder of the run."""

PLAN = "plan"
"""Note in the study's journal: how large it was asked to be."""


@dataclass(frozen=True)
class Plan:
    """How large a study is.

    Attributes:
        networks: Of each family, stratified over accuracy.
        seeds: Supernets per family, and trainings alone per network.
        largest: The same for the largest network alone.
        how: What trains and evaluates.
    """

    networks: int
    seeds: int
    largest: int
    how: Execution


def study(run: Path, plan: Plan, progress: Progress) -> list[str]:
    """Do whatever is not done yet of the study of a run; return what was found, in words.

    Raises:
        ValueError: The folder holds no finished run, or bad input, named.
    """
    settings = read_run(run)
    check_device(settings.device)
    dataset = load_dataset(settings.data, find_preset(settings.preset).size, progress.track)
    chosen = choose(run, plan.networks, settings.seed)
    plan = _grown(plan, run / FOLDER / JOURNAL)
    plans = all_plans(settings, run, list(chosen), dataset, max(plan.seeds, plan.largest))
    out = run / FOLDER
    for name in ("supernets", "standalone"):
        (out / name).mkdir(parents=True, exist_ok=True)
    with hold(out):
        job = Job(out, plan.how, progress, 20 << 30, earlier_seconds(out))
        return _stages(job, settings, plan, dataset, plans, chosen)


def _stages(
    job: Job,
    settings: Settings,
    plan: Plan,
    dataset: Dataset,
    plans: list[list[SupernetPlan]],
    chosen: dict[str, list[Network]],
) -> list[str]:
    out, flat = job.out, list(itertools.chain(*plans))
    protocol = protocol_of(settings)
    identity = {
        "settings": asdict(settings),
        "protocol": protocol.hash,
        "dataset": dataset.sha256,
        "supernets": {p.name: p.describe() for p in plans[0]},
        "networks": plan.networks,
    }
    with Journal.open(out / JOURNAL, json.dumps(identity)) as journal:
        journal.note(PLAN, json.dumps({"seeds": plan.seeds, "largest": plan.largest}))
        journal.add(all_networks(plan, plans, chosen))
        with job.stage("train"):
            train(job, flat, dataset, settings.device)
        with job.stage("noise"):
            prepared = make_copies(
                job, dataset, protocol, settings.images, [p.name for p in plans[0]]
            )
        with job.stage("evaluate"):
            folders = {"home": prepared.home, "training": out / "cache" / "training"}
            folders["standalone"] = out / "standalone"
            arguments = ({p.name: p for p in flat}, folders, protocol, settings.device)
            evaluate(job, journal, record_pending(journal, study_handler, arguments, job.how))
        with job.stage("export"):
            campaign = campaign_record(dataset, prepared, flat, settings.device)
            provenance = {f"version_{k}": v for k, v in versions().items()}
            write_results(out / RESULTS, campaign, journal.outcomes(), provenance)
    with job.stage("analyze"):
        with open_results(out.parent / RESULTS) as results:
            content = results.attributes["content_hash"]
        sentences = write_sharing(out / RESULTS, out, content)
        # the report of the run says how far it can be trusted
        analyze(out.parent / RESULTS, out.parent, job.progress.steps("Analysing"))
    shutil.rmtree(out / "cache", ignore_errors=True)
    write_json(out / RECORD, {"finished": True, "seconds": job.seconds, "summary": sentences})
    return [*sentences, "", f"Study: {out / PLACE.name}"]


def _grown(plan: Plan, journal: Path) -> Plan:
    """The plan, at least as large as was asked before: its networks wait in the journal."""
    if not journal.is_file():
        return plan
    with Journal.view(journal) as earlier:
        before = json.loads(earlier.read(PLAN) or "{}")
    return replace(plan, **{name: max(getattr(plan, name), n) for name, n in before.items()})


def read_run(run: Path) -> Settings:
    """The settings of a finished run.

    Raises:
        ValueError: The folder holds none, or networks alone cannot be trained as they were.
    """
    settings = finished_settings("study.run", run)
    if techniques.choose(settings.technique).pretraining is not None:
        raise ValueError(
            "study.run must have supernets that were trained from scratch, as networks alone are; "
            f"got the techniques {', '.join(settings.technique)}. Study a run without pre-training."
        )
    return settings


def choose(run: Path, count: int, seed: int) -> dict[str, list[Network]]:
    """Supernet name to the networks of it that the study takes, from the journal of the run."""
    evaluated: dict[str, list[tuple[Network, float]]] = {}
    with Journal.view(run / JOURNAL) as journal:
        for network, outcome, _, _ in journal.outcomes():
            if outcome is not None and network.origin == "supernet":
                clean = outcome.correct[0].sum() / outcome.evaluated[0].sum()
                evaluated.setdefault(network.supernet, []).append((network, float(clean)))
    return {
        name: stratified_networks([n for n, _ in rows], [clean for _, clean in rows], count, seed)
        for name, rows in evaluated.items()
    }


def all_plans(
    settings: Settings, run: Path, names: list[str], dataset: Dataset, seeds: int
) -> list[list[SupernetPlan]]:
    """Per seed, the plans of all supernets; those of the first seed are the run's own."""
    classes, listed = len(dataset.classes), tuple(names)
    plans = [supernet_plans(settings, run, classes, listed)]
    for seed in range(settings.seed + 1, settings.seed + seeds):
        same = supernet_plans(replace(settings, seed=seed), run, classes, listed)
        plans.append([_of_study(p, run / FOLDER / "supernets") for p in same])
    return plans


def _of_study(plan: SupernetPlan, folder: Path) -> SupernetPlan:
    name = f"{plan.name}_seed{plan.recipe.seed}"
    return replace(plan, name=name, checkpoint=folder / f"{name}.safetensors")


def all_networks(
    plan: Plan, plans: list[list[SupernetPlan]], chosen: dict[str, list[Network]]
) -> list[Network]:
    """Every row of the study, seed by seed, so that it can be stopped after any."""
    rows: list[Network] = []
    turns = list(zip(*chosen.values(), strict=True))  # families in turn
    for k, supernets in enumerate(plans):
        by_name = dict(zip(chosen, supernets, strict=True))
        for network in itertools.chain(*turns) if k < plan.seeds else ():
            rows += _both(by_name[network.supernet], replace(network, design="stratified"))
        for supernet in supernets if k < plan.largest else ():
            space = find_space(supernet.space)
            draw = Draw(space.extreme(largest=True), "largest", f"{space.family}-largest")
            rows += _both(supernet, *enlist(supernet, [draw]))
    return rows


def _both(plan: SupernetPlan, network: Network) -> tuple[Network, Network]:
    """The rows of a network of this supernet and of the same network alone."""
    seed = plan.recipe.seed
    return replace(network, supernet=plan.name, seed=seed), alone(network, seed)
