"""What each design factor does to robustness with the others held, by several models."""

from analysis.regressions.design import (
    DESIGN_FACTORS,
    independent_factors,
    partial_r2,
    standardise,
    variance_inflation,
)
from analysis.regressions.differing import model_sentences
from analysis.regressions.models import MODELS
from analysis.regressions.models_table import models_table
from analysis.regressions.ordinary import Fit, fit_outcome, reliability
from analysis.regressions.table import COLUMNS, Regression, RegressionTables, regression_tables
from analysis.regressions.terms_table import terms_table

__all__ = [
    "COLUMNS",
    "DESIGN_FACTORS",
    "MODELS",
    "Fit",
    "Regression",
    "RegressionTables",
    "fit_outcome",
    "independent_factors",
    "model_sentences",
    "models_table",
    "partial_r2",
    "regression_tables",
    "reliability",
    "standardise",
    "terms_table",
    "variance_inflation",
]
