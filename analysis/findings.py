"""Everything the analysis computes from one results file, before anything is written."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from analysis.correlations import DRAWS, SEED, CorrelationTables, correlation_tables
from analysis.importance.forest_table import forest_table
from analysis.importance.table import importance_table
from analysis.pairs.agreement import agreement_table
from analysis.pairs.interactions import interactions_table
from analysis.pairs.table import pairs_table
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
        importance: Shares of every outcome's variance by kind of choice.
        forest: Shares by gene and pair of genes, from a forest.
        pairs: What changing one gene does.
        interactions: How the effects of two genes depend on each other.
        agreement: Matched pairs against the regression.
        sentences: The findings in plain words.
        doubts: What is not known, or is doubtful, of the supernets' weights: "may change ranks".
    """

    study: Study
    correlations: CorrelationTables
    regressions: RegressionTables
    importance: pd.DataFrame
    forest: pd.DataFrame
    pairs: pd.DataFrame
    interactions: pd.DataFrame
    agreement: pd.DataFrame
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
        begin: Called before scores, correlations, regressions, importance, pairs: for progress.
    """
    begin()
    study = read_study(results)
    begin()
    correlations = correlation_tables(study, draws, seed)
    begin()
    regressions = regression_tables(study)
    begin()
    importance, forest = importance_table(study), forest_table(study)
    begin()
    return Findings(
        study=study,
        correlations=correlations,
        regressions=regressions,
        importance=importance,
        forest=forest,
        pairs=pairs_table(study),
        interactions=interactions_table(study),
        agreement=agreement_table(study, regressions),
        sentences=sentences(study, regressions),
        doubts=tuple(notices(study, results.path)),
    )
