"""All statistics of a counted file, in the order in which they need each other."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from analysis.correlations.table import CorrelationTables
from analysis.counted.correlation_tables import counted_correlations
from analysis.counted.importance_tables import counted_importance, explained_table
from analysis.counted.levels import levels_table
from analysis.counted.models import Model, fit_models
from analysis.counted.regression_tables import counted_regressions
from analysis.counted.sentences import counted_sentences
from analysis.regressions import RegressionTables
from analysis.study import Study


@dataclass(frozen=True)
class Counted:
    """What is found from counts.

    Attributes:
        models: Main effects of every group.
        correlations: Factor by outcome and outcome by outcome.
        regressions: Coefficients.
        importance: LMG shares per factor.
        explained: What choices explain of every condition, and its rank correlation with clean.
        levels: Effects of levels that several factors share.
        sentences: The findings in words.
    """

    models: tuple[Model, ...]
    correlations: CorrelationTables
    regressions: RegressionTables
    importance: pd.DataFrame
    explained: pd.DataFrame
    levels: pd.DataFrame
    sentences: tuple[str, ...]


def examine_counts(study: Study, begin: Callable[[], object]) -> Counted:
    """Statistics of a counted study.

    Args:
        study: With its groups.
        begin: Called before correlations, regressions and importance, for progress.
    """
    begin()
    correlations = counted_correlations(study)
    begin()
    models = fit_models(study)
    regressions = counted_regressions(study, models)
    begin()
    importance, explained = counted_importance(models), explained_table(study, models)
    levels = levels_table(models)
    tables = (regressions.table, importance, levels, explained)
    said = counted_sentences(study, models, correlations, tables)
    return Counted(models, correlations, regressions, importance, explained, levels, tuple(said))
