"""forest.csv: functional ANOVA of a forest over the genes of every supernet's networks."""

import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.bootstrap import MIN_UNITS
from analysis.genes import ABSENT, Genes, read_genes
from analysis.importance.forest import Ints, Variances, decompose, grow
from analysis.importance.table import CONSTANT, SEED, common_cells, is_constant
from analysis.scores import Score
from analysis.study import Group, Study
from analysis.summary import HEADLINES
from metrics import LEVEL, Floats
from nas_space.pairs import kind

COLUMNS = [
    *("supernet", "outcome", "level", "gene", "other", "share", "low", "high"),
    *("trees", "n", "units", "images", "conditional_on", "reason"),
]


def forest_table(study: Study, seed: int = SEED) -> pd.DataFrame:
    """One row per supernet, headline outcome and gene, kind of gene, or pair of genes.

    `share` is in [0, 1] of the variance of a tree's predictions under uniform, independent choices
    of all genes, mean over trees: of the mean given one gene (`level` "gene"; "kind" is the sum
    over the genes of a kind), or of the interaction of two ("pair"). `low` and `high` bound 95 % of
    the trees, each grown on another resample of design units. The choice of a gene that a network
    lacks is drawn at random, as it changes nothing.
    """
    rows: list[dict[str, object]] = []
    for position, group in enumerate(study.groups):
        genes = read_genes(study, group)
        rng = np.random.default_rng([seed, position, 1])
        for score in study.scores:
            if score.outcome.name in HEADLINES:
                why = genes if isinstance(genes, str) else _impossible(genes, group, score)
                cells = {**common_cells(group, score), "gene": "", "other": "", "level": ""}
                if why or isinstance(genes, str):
                    rows.append({**cells, "reason": why})
                else:
                    rows += [{**cells, **row} for row in _rows(genes, group, score, rng)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _impossible(genes: Genes, group: Group, score: Score) -> str:
    """Why no forest can be grown, "" if one can."""
    if group.n_units < MIN_UNITS:
        return f"needs {MIN_UNITS} independent design units; has {group.n_units}"
    if not genes.places:
        return "no gene offers a choice"
    return CONSTANT if is_constant(score, group) else ""


def filled(genes: Genes, rng: np.random.Generator) -> tuple[Ints, list[Floats]]:
    """(n, G) places of choices, random where a network lacks the gene; uniform weights per gene."""
    columns, weights = [], []
    for name, places in genes.places.items():
        count = len(genes.choices(name))
        drawn = rng.integers(count, size=len(places))
        columns.append(np.where(places == ABSENT, drawn, places))
        weights.append(np.full(count, 1 / count))
    return np.stack(columns, axis=1).astype(np.int64), weights


def _rows(
    genes: Genes, group: Group, score: Score, rng: np.random.Generator
) -> list[dict[str, object]]:
    """Rows of one outcome of one supernet."""
    places, weights = filled(genes, rng)
    outcome = score.in_points[group.rows].mean(-1)
    trees = decompose(grow(places, outcome, group.units, rng), weights)
    return [
        {
            **dict(zip(("level", "gene", "other"), key, strict=True)),
            "share": float(shares.mean()),
            "low": float(np.quantile(shares, (1 - LEVEL) / 2)),
            "high": float(np.quantile(shares, (1 + LEVEL) / 2)),
            "trees": len(shares),
        }
        for key, shares in _shares(trees, list(genes.places)).items()
    ]


def _shares(trees: Variances, names: list[str]) -> Mapping[tuple[str, str, str], Floats]:
    """(level, gene, other) to (T,) shares."""
    single, pair = trees.single_share, trees.pair_share
    found = {("gene", name, ""): single[:, i] for i, name in enumerate(names)}
    for own in dict.fromkeys(map(kind, names)):
        members = [i for i, name in enumerate(names) if kind(name) == own]
        found["kind", own, ""] = single[:, members].sum(1)
    for i, j in itertools.combinations(range(len(names)), 2):
        found["pair", names[i], names[j]] = pair[:, i, j]
    return found
