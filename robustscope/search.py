"""Searches a trained supernet for the networks that are best clean and under noise together.

The test images are split in two: networks are chosen on one half, and the chosen ones are judged on
the other, since the best of many scores look better than they are. What a network did is kept in
the run's folder, so a search that was stopped, or another one on the same images, evaluates
nothing twice.
"""

from dataclasses import replace
from typing import Any

from nas_space.architecture import Architecture
from nas_space.nni_search import check_nni, evolve
from robustscope.job import make_folder
from robustscope.progress import Progress
from robustscope.search_judge import Judge, judging
from robustscope.search_report import (
    BEST,
    Finding,
    Found,
    best_and_front,
    best_file,
    write_found,
)
from robustscope.search_source import Search, Trained, halves, open_run
from robustscope.settings import check_file


def _is_result(found: Any) -> bool:
    """Whether JSON is the result of a search."""
    return isinstance(found, dict) and {"objective", "evolution"} <= {*found}


def search(query: Search, progress: Progress) -> Found:
    """Search, judge what was found on the images held out, and write both.

    Raises:
        ValueError: Bad input, named; what was evaluated before stays.
    """
    check_nni()
    if query.out.suffix != ".json" or query.out.is_dir():
        raise ValueError(f"search.out must be a .json file; got {query.out}. Name one.")
    if query.out.parent.exists():
        check_file("search", query.out, _is_result)
        check_file("search", best_file(query.out), lambda found: isinstance(found, list))
    trained = open_run(query, progress)
    chosen_on, held_out = halves(trained.dataset, query.images, trained.seed)
    home = query.folder / "search"
    for folder in (query.out.parent, home):
        make_folder(folder)
    with judging(trained, query.objective, chosen_on, home, progress) as judge:
        findings = _evolve(query, trained, judge, progress)
    best, front = best_and_front(findings, query.objective)
    with judging(trained, query.objective, held_out, home, progress) as judge:
        _judge_others(findings, [*best, *front, *range(BEST)], judge, progress)
    images = len(chosen_on.test), len(held_out.test)
    space, evolution = trained.space.name, query.evolution
    found = Found(space, query.objective, evolution, images, findings, best, front)
    write_found(found, query.out)
    return found


def _evolve(query: Search, trained: Trained, judge: Judge, progress: Progress) -> list[Finding]:
    """Every network that the evolution visited, in order."""
    findings = []
    with progress.bar("Searching", query.evolution.budget, "networks") as bar:

        def evaluate(architecture: Architecture) -> float:
            if architecture.id in judge.known and not bar.disable:
                bar.initial += 1  # done before: not part of the rate
            findings.append(judge(architecture))
            best = max(finding.score for finding in findings)
            bar.set_postfix_str(f"best {100 * best:.1f} %", refresh=False)
            bar.update()
            return findings[-1].score

        evolve(
            trained.space,
            evaluate,
            query.evolution,
            lambda architecture: trained.macs(architecture) <= query.max_macs,
        )
    if not findings:
        raise ValueError(
            f"search.max_macs must leave networks that a draw meets; got {query.max_macs:g} and "
            "none in 500 draws. Raise it."
        )
    if all(finding.failure for finding in findings):
        raise ValueError(
            f"search.folder must be of a supernet whose networks can be evaluated; got "
            f"{query.folder}, where all {len(findings)} failed: {findings[0].failure}"
        )
    return findings


def _judge_others(
    findings: list[Finding], places: list[int], judge: Judge, progress: Progress
) -> None:
    """Fill in what networks do on the images held out.

    Args:
        findings: Every visited network.
        places: Of those to judge: the chosen ones, and the first as a yardstick, which are random
            and were not chosen.
        judge: Of the images held out.
        progress: Shows how far it is.
    """
    distinct = [i for i in dict.fromkeys(places) if i < len(findings)]
    with progress.bar("Judging", len(distinct), "networks") as bar:
        for i in distinct:
            other = judge(findings[i].architecture)
            findings[i] = replace(findings[i], held_out=other.chosen_on)
            bar.update()
