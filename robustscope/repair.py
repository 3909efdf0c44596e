"""Makes a damaged run folder whole again: results from the journal, the journal from results."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from robustscope.job import JOURNAL, RESULTS, hold, identity_of
from robustscope.settings import FILE
from sampling.store import FAILED, Campaign, Journal, StoreError, open_results, write_results
from sampling.store.campaign_text import NAME, campaign_from_text, campaign_to_text
from sampling.store.guard import verify_apart
from sampling.store.salvage import Salvage, rewrite, salvage
from sampling.store.stored_rows import StoredRows, stored_campaign


def repair(folder: Path) -> list[str]:
    """What was found and done in a run folder, in words.

    Raises:
        ValueError: It is no run folder, one in use, or nothing in it can be read.
    """
    if not folder.is_dir() or not any((folder / n).exists() for n in (JOURNAL, RESULTS)):
        raise ValueError(f"repair.run must be the folder of a run; got {folder}. Correct the path.")
    with hold(folder):
        whole = _results_are_whole(folder / RESULTS)
        said = _repair_journal(folder, whole)
        return said + _repair_results(folder, whole)


def _results_are_whole(path: Path) -> bool:
    try:
        return path.is_file() and verify_apart(path).ok
    except StoreError:
        return False


def _repair_journal(folder: Path, whole: bool) -> list[str]:
    path = folder / JOURNAL
    wrong = _wrong_with(path)
    if not wrong:
        return [f"{JOURNAL} is whole."]
    found = _salvaged(path)
    before = len(found.outcomes)
    if whole:
        found = _with_results(found, folder)
    if found.settings is None:
        raise ValueError(
            f"repair.run must have a journal with settings, or whole results; got {folder} with "
            f"neither ({wrong}). Restore a copy, or start again in another folder."
        )
    fresh = folder / "journal.repaired"
    _remove(fresh)
    rewrite(found, fresh)
    aside = _set_aside(path)
    _move(fresh, path)
    said = [f"{JOURNAL} was damaged: {wrong}"]
    said += [f"Lost in it: {', '.join(found.lost)}."] if found.lost else []
    said.append(
        f"Kept {len(found.outcomes)} outcomes of {len(found.networks)} networks"
        + (f", {len(found.outcomes) - before} of them from {RESULTS}" if whole else "")
        + "; robustscope run evaluates what is missing."
    )
    return said + ([f"The damaged file is {aside}."] if aside else [])


def _wrong_with(path: Path) -> str:
    """Why a journal cannot be trusted; "" for one that can."""
    try:
        with Journal.view(path) as journal:
            for _ in journal.outcomes():
                pass
            if json.loads(journal.settings) == {}:
                return "it has no settings"
    except ValueError as error:
        return str(error)
    return ""


def _salvaged(path: Path) -> Salvage:
    try:
        return salvage(path)
    except StoreError:
        return Salvage(None, {}, {}, {}, {}, ("everything",))


def _with_results(found: Salvage, folder: Path) -> Salvage:
    """With what the results file knows and the journal has lost."""
    with open_results(folder / RESULTS) as results:
        campaign = stored_campaign(results)
        settings = found.settings or _identity(folder, campaign)
        networks, outcomes = dict(found.networks), dict(found.outcomes)
        failures = dict(found.failures)
        places = {network.key: position for position, network in networks.items()}
        rows = StoredRows(results)
        for row in rows:
            position = places.setdefault(row.network.key, max(places.values(), default=0) + 1)
            networks.setdefault(position, row.network)
            if row.outcome is not None:
                outcomes.setdefault(position, row.outcome)
            elif row.status == FAILED:
                failures.setdefault(position, row.failure)
    notes = {NAME: campaign_to_text(campaign)} | found.notes
    return Salvage(settings, notes, networks, outcomes, failures, found.lost)


def _identity(folder: Path, campaign: Campaign) -> str | None:
    """What the journal was made with, from the settings file and the results."""
    try:
        settings: dict[str, Any] = json.loads((folder / FILE).read_text())
    except (OSError, ValueError):
        return None
    return identity_of(settings, campaign)


def _repair_results(folder: Path, whole: bool) -> list[str]:
    path = folder / RESULTS
    with Journal.view(folder / JOURNAL) as journal:
        text, counts = journal.read(NAME), journal.counts()
        if whole:
            with open_results(path) as results:
                done = int((results.networks["status"] == "done").sum())
            if done >= counts.done:
                return [f"{RESULTS} is whole."]
        if text is None:
            return [f"{RESULTS} is made by robustscope run: the journal does not know its images."]
        campaign = campaign_from_text(text)
        aside = _set_aside(path)
        command = " ".join(["robustscope", *sys.argv[1:]])
        content = write_results(path, campaign, journal.outcomes(), {"command": command})
    said = [f"{RESULTS} was made anew from {counts.done} outcomes: content hash {content}."]
    return said + ([f"The former file is {aside}."] if aside else [])


def _set_aside(path: Path) -> Path | None:
    """Where a file is kept that is to be replaced; None when there is none."""
    if not path.exists():
        _remove(path)
        return None
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    _move(path, aside)
    return aside


BESIDE = ("-wal", "-shm")
"""Files of SQLite's beside a journal."""


def _move(path: Path, to: Path) -> None:
    for end in ("", *BESIDE):
        if path.with_name(path.name + end).exists():
            shutil.move(path.with_name(path.name + end), to.with_name(to.name + end))
    path.with_name(path.name + ".lock").unlink(missing_ok=True)


def _remove(path: Path) -> None:
    for end in ("", *BESIDE):
        path.with_name(path.name + end).unlink(missing_ok=True)
