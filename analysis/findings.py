"""Everything the analysis computes from one results file, before anything is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.attenuation import Key, Shared, read_shared, shrink, shrunk_words
from analysis.claims import Evidence, judge_claims
from analysis.correlations.table import DRAWS, SEED, CorrelationTables, correlation_tables
from analysis.counted.examination import Counted, examine_counts
from analysis.counted.groups import counted_groups
from analysis.flags import LeaveOut
from analysis.importance.forest_table import forest_table
from analysis.importance.table import importance_table
from analysis.marks import Marks, find_marks, mark_sentences, marked
from analysis.pairs.agreement import agreement_table
from analysis.pairs.interactions import interactions_table
from analysis.pairs.table import pairs_table
from analysis.parallel import do
from analysis.prediction.table import prediction_sentences, prediction_table
from analysis.regressions import (
    RegressionTables,
    model_sentences,
    models_table,
    regression_tables,
    terms_table,
)
from analysis.sharing_report import notices
from analysis.stages import stages_table
from analysis.standings import Standings, standing_sentences, standings
from analysis.study import Study, group_networks, read_study
from analysis.summary import closing, opening, sentences
from analysis.tradeoffs import tradeoff_sentences
from sampling.store import Results


@dataclass(frozen=True)
class Choices:
    """What the user asked of an analysis.

    Attributes:
        leave_out: Whether networks, or conditions, for which an alarm is raised stay out.
        shrink: Whether effects are taken for what they are worth in networks trained alone, where
            a weight-sharing study says so (`analysis.attenuation`).
    """

    leave_out: LeaveOut = ""
    shrink: bool = False


EVERYTHING = Choices()
"""Nothing is left out, nothing shrunk."""


@dataclass(frozen=True)
class Findings:
    """A study with its statistics.

    Attributes:
        path: The results file.
        study: Networks, scores, supernets.
        standings: Ranks by each headline outcome, and the Pareto front.
        correlations: Factor by outcome and outcome by outcome.
        regressions: Outcome on design factors.
        models: The main outcomes by every model of regression.
        terms: Curved effects and interactions.
        importance: Shares of every outcome's variance by kind of choice.
        forest: Shares by gene and pair of genes, from a forest.
        pairs: What changing one gene does.
        interactions: How the effects of two genes depend on each other.
        agreement: Matched pairs against the regression.
        prediction: How well unseen networks are predicted.
        stages: What each factor does in each stage, the others held.
        claims: One row per claim and part of it, with its verdict.
        marks: Which numbers something speaks against.
        shared: What a weight-sharing study beside the file says, empty without one.
        sentences: The findings in plain words.
        doubts: What is not known, or is doubtful, of the supernets' weights: "may change ranks".
        counted: What only counted files have.
    """

    path: Path
    study: Study
    standings: Standings
    correlations: CorrelationTables
    regressions: RegressionTables
    models: pd.DataFrame
    terms: pd.DataFrame
    importance: pd.DataFrame
    forest: pd.DataFrame
    pairs: pd.DataFrame
    interactions: pd.DataFrame
    agreement: pd.DataFrame
    prediction: pd.DataFrame
    stages: pd.DataFrame
    claims: pd.DataFrame
    marks: Marks
    shared: Mapping[Key, Shared]
    sentences: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    counted: Counted | None = None


def examine(
    results: Results,
    draws: int = DRAWS,
    seed: int = SEED,
    begin: Callable[[], object] = lambda: None,
    choices: Choices = EVERYTHING,
    processes: int = 1,
) -> Findings:
    """Score the networks of an open results file and relate factors to outcomes.

    Args:
        results: The open file.
        draws: Random draws behind every interval of a rank or a correlation.
        seed: Of those draws; the same file and seed give the same findings.
        begin: Called before every step of `analysis.pipeline.STEPS` up to pairs, for progress.
        choices: What is left out, and whether effects are shrunk.
        processes: How many share the steps, see `analysis.parallel`.
    """
    begin()
    study = read_study(results, choices.leave_out)
    if study.counted:
        return _counted(study, results, begin, (draws, seed))
    steps = do(_steps(draws, seed), study, processes)
    begin()
    found = next(steps)
    begin()
    correlations = next(steps)
    begin()
    regressions, models, terms = next(steps)
    begin()
    importance, forest = next(steps)
    begin()
    prediction = next(steps)
    begin()
    pairs, interactions, stages = next(steps)
    shared = read_shared(study, results.path)
    made = Findings(
        path=results.path,
        study=study,
        standings=found,
        correlations=correlations,
        regressions=regressions,
        models=models,
        terms=terms,
        importance=importance,
        forest=forest,
        pairs=pairs,
        interactions=interactions,
        agreement=agreement_table(study, regressions),
        prediction=prediction,
        stages=stages,
        claims=pd.DataFrame(),
        marks=find_marks(study, shared),
        shared=shared,
        sentences=(
            *sentences(study, regressions),
            *model_sentences(models, terms),
            *prediction_sentences(prediction),
            *tradeoff_sentences(correlations.between, study),
            *standing_sentences(found),
        ),
        doubts=tuple(notices(study, results.path)),
    )
    return weighed(made, choices.shrink)


def _steps(draws: int, seed: int) -> list[Callable[[Study], Any]]:
    """What is computed of a study, in the order of `analysis.pipeline.STEPS`."""
    return [
        partial(standings, draws=draws, seed=seed),
        partial(correlation_tables, draws=draws, seed=seed),
        _regressions,
        _importance,
        prediction_table,
        _pairs,
    ]


def _regressions(study: Study) -> tuple[RegressionTables, pd.DataFrame, pd.DataFrame]:
    return regression_tables(study), models_table(study), terms_table(study)


def _importance(study: Study) -> tuple[pd.DataFrame, pd.DataFrame]:
    return importance_table(study), forest_table(study)


def _pairs(study: Study) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return pairs_table(study), interactions_table(study), stages_table(study)


def _counted(
    study: Study, results: Results, begin: Callable[[], object], drawn: tuple[int, int]
) -> Findings:
    """Findings from counts; tables of what needs the outcomes of single images are empty."""
    grouped = replace(
        study, groups=counted_groups(study.networks, str(study.attributes["dataset"]))
    )
    begin()
    ranked = standings(study, *drawn)
    found = examine_counts(grouped, begin)
    begin()
    nothing = RegressionTables(found.regressions.table, ())
    supernets = replace(study, groups=group_networks(study.networks))
    made = Findings(
        path=results.path,
        study=grouped,
        standings=ranked,
        correlations=found.correlations,
        regressions=found.regressions,
        models=models_table(study),
        terms=terms_table(study),
        importance=found.importance,
        forest=forest_table(study),
        pairs=pairs_table(study),
        interactions=interactions_table(study),
        agreement=agreement_table(study, nothing),
        prediction=prediction_table(study),
        stages=stages_table(study),
        claims=pd.DataFrame(),
        marks=find_marks(study, {}),
        shared={},
        sentences=(
            *opening(study),
            *found.sentences,
            *closing(study),
            *standing_sentences(ranked),
        ),
        doubts=tuple(notices(supernets, results.path)),
        counted=found,
    )
    return weighed(made, shrinking=False)


EFFECT = ("effect_pp", "low", "high")
"""What is shrunk in the tables of pairs, interactions and stages."""

REGRESSED = (
    *("effect_pp", "effect_low", "effect_high"),
    *("per_unit", "per_unit_low", "per_unit_high"),
)


def weighed(made: Findings, shrinking: bool) -> Findings:
    """The findings with claims judged, doubtful rows marked, and effects shrunk if asked."""
    marks, shared = made.marks, made.shared
    bare = replace(made.study, groups=()) if made.study.counted else made.study
    claims = judge_claims(Evidence(bare, made.pairs, marks, shared if shrinking else {}))
    regressed, told = made.regressions.table, [*made.sentences, *mark_sentences(made.study, marks)]
    effects = [made.pairs, made.interactions, made.stages]
    if shrinking:
        effects = [shrink(table, shared, EFFECT) for table in effects]
        regressed = shrink(regressed, shared, REGRESSED)
        told.append(shrunk_words(shared))
    pairs, interactions, stages = (marked(table, marks) for table in effects)
    correlations = replace(
        made.correlations,
        factors=marked(made.correlations.factors, marks),
        between=marked(made.correlations.between, marks),
    )
    return replace(
        made,
        claims=claims,
        sentences=tuple(told),
        correlations=correlations,
        regressions=replace(made.regressions, table=marked(regressed, marks)),
        models=marked(made.models, marks),
        terms=marked(made.terms, marks),
        importance=marked(made.importance, marks),
        forest=marked(made.forest, marks),
        agreement=marked(made.agreement, marks),
        pairs=pairs,
        interactions=interactions,
        stages=stages,
    )
