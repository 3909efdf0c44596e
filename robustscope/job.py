"""The folder that a command works in: its lock, its record, and what is made at the end."""

import json
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from robustscope.memory import Peak
from robustscope.progress import Progress
from robustscope.settings import FILE, Settings
from robustscope.versions import versions
from sampling.executors import Execution
from sampling.store import Campaign, Journal, write_results
from sampling.store.campaign_text import NAME, campaign_to_text

RECORD, JOURNAL, RESULTS = "run.json", "journal.sqlite", "results.h5"


@dataclass
class Job:
    """Work under way in a folder, and what it has cost so far.

    Attributes:
        out: The folder.
        how: By whom the work is done.
        progress: Shows what is going on.
        cache: Bytes of noised copies that may lie on disk.
        seconds: Stage to seconds spent, by stopped commands too.
        memory: The most that was used.
    """

    out: Path
    how: Execution
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


def identity_of(settings: dict[str, Any], campaign: Campaign) -> str:
    """JSON of everything the outcomes of a run depend on, which its journal is made with."""
    return json.dumps(
        {
            "settings": settings,
            "protocol": campaign.protocol_hash,
            "dataset": campaign.dataset_sha256,
            "supernets": {name: json.loads(text) for name, text in campaign.supernets.items()},
        }
    )


def remember(job: Job, journal: Journal, campaign: Campaign) -> None:
    """Note what results can be made with from the journal alone, and how many processes work."""
    for name, text in ((NAME, campaign_to_text(campaign)), ("workers", str(job.how.workers or 1))):
        if journal.read(name) != text:
            journal.note(name, text)


def conclude(job: Job, journal: Journal, campaign: Campaign, attacked: int) -> dict[str, Any]:
    """Write results, tables, figures and report of a journal; the record, which lies in run.json.

    Args:
        job: Whose folder they go to; the noised copies in it are removed.
        journal: What came of the networks.
        campaign: What all of them share.
        attacked: Images that were attacked.
    """
    out, counts = job.out, journal.counts()
    remember(job, journal, campaign)
    with job.stage("export"):
        provenance = {f"version_{k}": v for k, v in versions().items()}
        provenance["command"] = " ".join(["robustscope", *sys.argv[1:]])
        content = write_results(out / RESULTS, campaign, journal.outcomes(), provenance)
    with job.stage("analyze"):
        from analysis.pipeline import analyze  # seconds, which training need not wait for

        summary = analyze(out / RESULTS, out, job.progress.steps("Analysing"))
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
            "attacked_images": attacked,
        },
        "versions": versions(),
        "content_hash": content,
        "protocol_hash": campaign.protocol_hash,
        "summary": list(summary.sentences),
        "files": file_sizes(out),
    }
    write_json(out / RECORD, record)
    return record


def file_sizes(out: Path) -> dict[str, int]:
    """Path in the folder to bytes, of everything a finished run leaves for its reader."""
    files = [out / RESULTS, out / "report.html"]
    files += sorted([*(out / "tables").iterdir(), *(out / "figures").iterdir()])
    return {str(path.relative_to(out)): path.stat().st_size for path in files}


def evaluate(job: Job, journal: Journal, events: Iterable[str]) -> None:
    """Evaluate what is pending, an event for each network, with a bar over all networks."""
    counts, begin = journal.counts(), time.perf_counter()
    failed = counts.failed
    done = counts.done + counts.failed
    with job.progress.bar("Evaluating", counts.total, "networks", done) as bar:
        for number, kind in enumerate(events, 1):
            job.memory.look()
            failed += kind == "failed"
            rate = f"{3600 * number / (time.perf_counter() - begin):,.0f} per hour"
            bar.set_postfix_str(f"{rate}, {failed} failed" if failed else rate, refresh=False)
            bar.update()


def is_held(out: Path) -> bool | None:
    """Whether a process works on the folder; None where it cannot be tried.

    The lock is taken for a moment if it is free; whoever starts then waits for it.
    """
    if not (out / ".lock").exists():
        return False
    lock = FileLock(out / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return None
    lock.release()
    return False


@contextmanager
def hold(out: Path) -> Iterator[None]:
    """Keep a second run off the folder."""
    lock = FileLock(out / ".lock")
    try:
        lock.acquire(timeout=1)  # `is_held` may have it for a moment
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


def finished_settings(owner: str, run: Path) -> Settings:
    """The settings of a finished run.

    Args:
        owner: The option that names the run, for the message.
        run: Its folder.

    Raises:
        ValueError: The folder holds none.
    """
    try:
        data = json.loads((run / FILE).read_text())
        finished = (run / RESULTS).is_file() and (run / JOURNAL).is_file()
        fields = {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}
        settings = Settings(**fields | {"files": tuple(map(tuple, fields["files"]))})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        finished = False
    if not finished:
        raise ValueError(
            f"{owner} must be the folder of a finished run; got {run}. "
            "Make one with robustscope run."
        )
    return settings


def check_device(device: str) -> None:
    """Refuse a device that is not there."""
    if device == "cuda" and not _cuda():
        raise ValueError(
            "run.device must be available; got cuda, and torch sees no CUDA device. "
            "Use --device cpu."
        )


def _cuda() -> bool:
    import torch  # seconds, which a run on the CPU need not wait for here

    return torch.cuda.is_available()


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
