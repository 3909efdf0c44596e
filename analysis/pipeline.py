"""From a results file to tables, figures and the report: the one entry of the analysis."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from analysis.claims import claim_sentences
from analysis.decided import decided_table
from analysis.figures.drawing import Saved
from analysis.figures.table import check_names, draw, figures_of
from analysis.findings import EVERYTHING, Choices, Findings, examine
from analysis.front import pareto_table
from analysis.marks import alarm_names
from analysis.parallel import do, processes
from analysis.report import render
from analysis.standings import ranks_table
from analysis.tables import conditions_table, networks_table, write_csv
from analysis.trust import alarms_table, sequences_table
from sampling.store import open_results

STEPS = (
    *("scores", "ranks", "correlations", "regressions", "importance", "prediction", "pairs"),
    *("tables", "figures", "report"),
)
Step = Callable[[Findings], Any]
Track = Callable[[Sequence[str]], Iterable[str]]


@dataclass(frozen=True)
class AnalysisSummary:
    """What an analysis found and wrote.

    Attributes:
        sentences: The findings in plain words, with their uncertainty.
        claims: Every claim with its verdict, in plain words.
        tables: Table name to CSV file.
        figures: Figures with their captions and files.
        missing: In words, figures that could not be drawn.
        report: The HTML file.
    """

    sentences: tuple[str, ...]
    claims: tuple[str, ...]
    tables: Mapping[str, Path]
    figures: tuple[Saved, ...]
    missing: tuple[str, ...]
    report: Path


def analyze(
    results_path: Path,
    out: Path,
    track: Track | None = None,
    choices: Choices = EVERYTHING,
) -> AnalysisSummary:
    """Analyse a results file and write out/tables, out/figures and out/report.html.

    Args:
        results_path: The results file.
        out: Folder to write to; made if absent, files of the same name are replaced.
        track: Shows progress over the step names, `tqdm` for instance; silent when None.
        choices: What is left out, and whether effects are shrunk.

    Raises:
        ValueError: If the file is no readable results file, holds no evaluated network, or `out`
            cannot be written.
    """
    steps = iter(STEPS if track is None else track(STEPS))

    def begin() -> object:
        return next(steps, None)

    with open_results(results_path) as results, processes(len(results.networks)) as count:
        findings = examine(results, begin=begin, choices=choices, processes=count)
        tables, figures, missing = save_parts(findings, out, begin, processes=count)
        begin()
        report = save_report(findings, figures, missing, out)
        begin()  # past the end, so that a progress bar closes
    claims = tuple(claim_sentences(findings.claims))
    return AnalysisSummary(findings.sentences, claims, tables, figures, missing, report)


def draw_figures(
    results_path: Path, out: Path, only: Sequence[str] = (), track: Track | None = None
) -> tuple[tuple[Saved, ...], tuple[str, ...]]:
    """Write the figures of a results file into `out` as PNG, PDF and CSV.

    Args:
        results_path: The results file.
        out: Folder to write to; made if absent, files of the same name are replaced.
        only: Names of the figures to draw; all when empty.
        track: As in `analyze`.

    Returns:
        The figures and, in words, those that could not be drawn.

    Raises:
        ValueError: As `analyze`, or if a name in `only` is of no figure.
    """
    check_names(only)
    wanted = [*STEPS[: STEPS.index("tables")], "figures"]
    steps = iter(wanted if track is None else track(wanted))

    def begin() -> object:
        return next(steps, None)

    with open_results(results_path) as results, processes(len(results.networks)) as count:
        make_folder(out)
        findings = examine(results, begin=begin, processes=count)
        begin()
        made = save_figures(findings, out, only, pdf=True, processes=count)
        begin()
    return made


def save_parts(
    findings: Findings, out: Path, begin: Callable[[], object], processes: int = 1
) -> tuple[Mapping[str, Path], tuple[Saved, ...], tuple[str, ...]]:
    """Write out/tables and out/figures at the same time.

    Args:
        findings: What is written.
        out: Where to; made if absent.
        begin: Called before either, for progress.
        processes: How many write, see `analysis.parallel`.

    Returns:
        Tables by name, figures, and, in words, those that could not be drawn.
    """
    make_folder(out)
    steps: list[Step] = [partial(save_tables, out=out), *_drawing(findings, out / "figures")]
    made = do(steps, findings, processes)
    begin()
    tables = next(made)
    begin()
    return tables, *_told_apart(made)


def save_tables(findings: Findings, out: Path) -> Mapping[str, Path]:
    """Write out/tables: identity, ranks, statistics of factors, and what makes numbers doubtful."""
    tables = {
        "networks": networks_table(findings.study).assign(
            alarms=alarm_names(findings.study, findings.marks)
        ),
        "ranks": ranks_table(findings.study, findings.standings),
        "pareto": pareto_table(findings.study, findings.standings.front),
        "conditions": conditions_table(findings.study),
        "alarms": alarms_table(findings.study),
        "sequences": sequences_table(findings.study),
        "decided": decided_table(findings.study),
        "correlations": findings.correlations.factors,
        "tradeoffs": findings.correlations.between,
        "regressions": findings.regressions.table,
        "regression_models": findings.models,
        "regression_terms": findings.terms,
        "importance": findings.importance,
        "forest": findings.forest,
        "pairs": findings.pairs,
        "interactions": findings.interactions,
        "pairs_regression": findings.agreement,
        "prediction": findings.prediction,
        "stages": findings.stages,
        "claims": findings.claims,
    }
    if findings.counted is not None:
        tables |= {"explained": findings.counted.explained, "levels": findings.counted.levels}
    return write_csv(tables, make_folder(out / "tables"))


def save_figures(
    findings: Findings,
    folder: Path,
    only: Sequence[str] = (),
    pdf: bool = False,
    processes: int = 1,
) -> tuple[tuple[Saved, ...], tuple[str, ...]]:
    """Write figures; return them and, in words, those that could not be drawn.

    Args:
        findings: What is drawn.
        folder: Where to; made if absent.
        only: Names of the figures to draw; all when empty.
        pdf: Whether to write them for print, too.
        processes: How many draw, see `analysis.parallel`.
    """
    return _told_apart(do(_drawing(findings, folder, only, pdf), findings, processes))


def _drawing(
    findings: Findings, folder: Path, only: Sequence[str] = (), pdf: bool = False
) -> list[Step]:
    """A step for every figure."""
    make_folder(folder)
    return [partial(draw, figure, folder, pdf) for figure in figures_of(findings, only)]


def _told_apart(made: Iterable[Saved | str]) -> tuple[tuple[Saved, ...], tuple[str, ...]]:
    """Figures, and why others were not drawn."""
    found = list(made)
    saved = tuple(figure for figure in found if isinstance(figure, Saved))
    return saved, tuple(why for why in found if isinstance(why, str))


def save_report(
    findings: Findings, figures: Sequence[Saved], missing: Sequence[str], out: Path
) -> Path:
    """Write out/report.html and return its path."""
    path = make_folder(out) / "report.html"
    path.write_text(render(findings, figures, missing), encoding="utf-8")
    return path


def make_folder(folder: Path) -> Path:
    """The folder, made if need be.

    Raises:
        ValueError: If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"analyze.out must be a folder that can be written; got {folder} "
            f"({error.strerror or error}). Choose another one."
        ) from error
    return folder
