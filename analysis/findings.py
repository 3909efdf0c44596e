"""Everything the analysis computes from one results file, before anything is written."""

from collections.abc import Callable
from dataclasses import dataclass

from analysis.correlations import DRAWS, SEED, CorrelationTables, correlation_tables
from analysis.regressions import RegressionTables, regression_tables
from analysis.sharing_report import notices
from analysis.study import Study, read_study
from analysis.summary import sentences
from sampling.store import Results


@dataclass(frozen=True)
class Findings:
    """A study with its statistics.

    Attributes:
        study: Networks, scores, supernets.
        correlations: Factor by outcome and outcome by outcome.
        regressions: Outcome on design factors.
        sentences: The findings in plain words.
        doubts: What is not known, or is doubtful, of the supernets' weights: "may change ranks".
    """

    study: Study
    correlations: CorrelationTables
    regressions: RegressionTables
    sentences: tuple[str, ...]
    doubts: tuple[str, ...] = ()


def examine(
    results: Results,
    draws: int = DRAWS,
    seed: int = SEED,
    begin: Callable[[], object] = lambda: None,
) -> Findings:
    """Score the networks of an open results file and relate factors to outcomes.

    Args:
        results: The open file.
        draws: Bootstrap draws behind every interval of a correlation.
        seed: Of those draws; the same file and seed give the same findings.
        begin: Called before scores, correlations and regressions, to show progress.
    """
    begin()
    study = read_study(results)
    begin()
    correlations = correlation_tables(study, draws, seed)
    begin()
    regressions = regression_tables(study)
    said, doubts = sentences(study, regressions), notices(study, results.path)
    return Findings(study, correlations, regressions, said, tuple(doubts))
