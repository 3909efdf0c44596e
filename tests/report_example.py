"""Results files and pages for the tests of the report; markup in every text of a file."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.figures.drawing import Saved
from sampling.store import (
    Campaign,
    Condition,
    Network,
    Outcome,
    SequenceOutcome,
    SequenceRecord,
    write_results,
)

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NETWORKS = 12


def markup(field_name: str) -> str:
    """Text that becomes an element, ends a script or runs wherever it is not escaped."""
    return (
        f"{field_name}<x-planted></x-planted><img src=x onerror=\"planted('{field_name}')\">"
        f"<script>planted('{field_name}')</script></script><!--\u2028-->'\"&amp;{{{{7*7}}}}$\\frac{{$"
    )


def link(field_name: str) -> str:
    """The same without a slash: names of groups and datasets can hold none."""
    return markup(field_name).replace("/", "")


@dataclass
class Watched:
    """What a page did besides showing itself."""

    requests: list[str] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser; the test is skipped with the reason where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def open_page(browser: Any, path: Path, **settings: Any) -> tuple[Any, Watched]:
    """A page that shows a file from disk, and what it did."""
    page = browser.new_context(**settings).new_page()
    page.set_default_timeout(10_000)
    watched = Watched()
    page.on("request", lambda request: watched.requests.append(request.url))
    page.on("requestfailed", lambda r: watched.blocked.add(r.url) if r.failure == "csp" else None)
    page.on("console", lambda message: watched.complaints.append(message.text))
    page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    page.goto(path.as_uri())
    return page, watched


def _network(k: int) -> Network:
    return Network(
        id=markup(f"id{k:02d}"),
        architecture=json.dumps({"family": markup("architecture"), "k": k}),
        family=markup("family"),
        origin="supernet",
        supernet=link("supernet"),
        technique=markup("technique") + str(k % 2),
        seed=0,
        design=markup("design"),
        pair=markup(f"pair{k}"),
        factors={"depth": float(k % 5), "macs": 1e6 * (1 + k), link("factor"): float(k % 3)},
    )


def _conditions() -> tuple[Condition, ...]:
    odd = json.dumps({"noise": markup("noise"), "group": markup("group"), "x": markup("parameter")})
    return (
        Condition("clean", "clean", 0, json.dumps({"note": markup("clean")}), "clean"),
        Condition(markup("condition"), "natural", 1, odd, "clean"),
        Condition(markup("attack") + "_e1", "adversarial", 1, "{}", "clean"),
        Condition("fgsm_e1", "adversarial", 1, "{}", "clean"),
    )


def _campaign(images: int) -> Campaign:
    moves = SequenceRecord(
        name=link("sequence set"),
        sequences=(markup("sequence"),),
        references=("first",),
        frames=(3,),
        image_ids=("a", "b"),
        labels=np.arange(2),
    )
    return Campaign(
        protocol=json.dumps({"name": markup("protocol"), "seed": markup("protocol seed")}),
        protocol_hash=markup("protocol hash"),
        dataset=markup("dataset"),
        dataset_sha256=markup("dataset hash"),
        device=markup("device"),
        conditions=_conditions(),
        image_set=link("image set"),
        image_ids=tuple(markup(f"image{j}") for j in range(images)),
        labels=np.arange(images) % 2,
        classes=(markup("class0"), markup("class1")),
        spaces={link("space"): json.dumps({"name": markup("space text")})},
        supernets={link("supernet"): json.dumps({"name": markup("settings")})},
        factor_units={"depth": markup("unit"), "macs": "MACs", link("factor"): markup("unit")},
        notes=(markup("note"),),
        sequence_sets=(moves,),
    )


def write_marked(path: Path, images: int = 30) -> Path:
    """A results file with markup in every text field; returns its path."""
    rng = np.random.default_rng(5)
    rows = []
    for k in range(NETWORKS):
        correct = rng.random((4, images)) < 0.4 + 0.04 * k
        answers = SequenceOutcome(rng.integers(0, 2, (1, 3, 2)).astype(np.uint16))
        outcome = Outcome(
            f"{k:064x}",
            np.ones_like(correct),
            correct,
            alarms={link("alarm"): np.array([np.nan, np.nan, 0.5, 0.5])},
            sequences={link("sequence set"): answers},
        )
        rows.append((_network(k), outcome, "done", ""))
    rows.append((_network(NETWORKS), None, "failed", markup("failure")))
    provenance = {"command": markup("command"), f"version_{link('package')}": markup("version")}
    write_results(path, _campaign(images), rows, provenance | {link("other"): markup("text")})
    return path


def stand_in_figure(folder: Path) -> Saved:
    """A tiny figure with markup in its name and caption."""
    from PIL import Image

    png, csv = folder / "f.png", folder / "f.csv"
    Image.new("RGBA", (4, 3), (200, 80, 0, 128)).save(png)
    csv.write_text("a\n1\n")
    return Saved(markup("figure"), markup("caption"), png, csv)
