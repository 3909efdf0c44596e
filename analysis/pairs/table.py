"""pairs.csv: what changing one gene does, everything else equal, or at equal MACs."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.correlations import false_discovery
from analysis.genes import Genes, read_genes, shown
from analysis.importance.table import CONSTANT, common_cells, is_constant
from analysis.pairs.contrasts import Contrasts, find_contrasts
from analysis.pairs.crossed import crossed_mean
from analysis.scores import Score
from analysis.study import Group, Study

PER_STEP = "per step"
NO_PAIRS = "no two networks of a design unit differ in one gene alone"
COLUMNS = [
    *("supernet", "outcome", "comparison", "level", "kind", "gene", "change"),
    *("effect_pp", "low", "high", "p", "se_units", "se_images", "degrees"),
    *("pairs", "units", "n", "images", "conditional_on", "reason"),
]


@dataclass(frozen=True)
class Question:
    """Pairs whose differences are averaged.

    Attributes:
        cells: comparison, level, kind, gene and change of the row.
        rows: (P,) which pairs.
        scale: (P,) what a pair's difference is multiplied with: 1, or one over its steps.
    """

    cells: dict[str, object]
    rows: NDArray[np.intp]
    scale: NDArray[np.float64]


def pairs_table(study: Study) -> pd.DataFrame:
    """One row per supernet, outcome and change of a gene; pooled per gene and kind of gene, too.

    `effect_pp` is the mean difference in percentage points over the pairs, larger choice minus
    smaller; with `change` "per step" each pair's difference is divided by the number of choices it
    moves. `comparison` is "matched" (one gene differs) or "equal_macs" (widths or ratios elsewhere
    pay for it). Intervals cover another draw of design units and of images; q is the
    Benjamini-Hochberg adjusted p over the whole table.
    """
    rows: list[dict[str, object]] = []
    for group in study.groups:
        genes = read_genes(study, group)
        if isinstance(genes, str):
            rows += [{**common_cells(group, score), "reason": genes} for score in study.scores]
            continue
        design = study.networks["design"].to_numpy(dtype=str)[group.rows].tolist()
        found = find_contrasts(genes, group.units, design)
        asked = [(found[str(q.cells["comparison"])], q) for q in questions(genes, found)]
        for score in study.scores:
            rows += _rows(group, score, asked)
    return finish(rows, COLUMNS)


def finish(rows: list[dict[str, object]], columns: list[str]) -> pd.DataFrame:
    """Table of rows with q after p; absent texts are empty."""
    table = pd.DataFrame(rows, columns=columns)
    table.insert(columns.index("p") + 1, "q", false_discovery(table["p"].astype(float)))
    return table


def questions(genes: Genes, found: dict[str, Contrasts]) -> Iterator[Question]:
    """Every kind of gene, gene, and change of a gene that some pair shows."""
    for comparison, pairs in found.items():
        steps = (pairs.stop - pairs.start).astype(float)
        kinds = pairs.kind
        for level, names in (("kind", kinds), ("gene", pairs.gene)):
            for name in dict.fromkeys(names.tolist()):
                rows = np.flatnonzero(names == name)
                own, gene = str(kinds[rows[0]]), name if level == "gene" else ""
                cells = {"comparison": comparison, "kind": own, "gene": gene}
                pooled = {**cells, "level": level, "change": PER_STEP}
                yield Question(pooled, rows, 1 / steps[rows])
                if level == "gene":
                    yield from _changes(genes, pairs, rows, cells)


def _changes(
    genes: Genes, pairs: Contrasts, rows: NDArray[np.intp], cells: dict[str, object]
) -> Iterator[Question]:
    """One question per two choices of a gene."""
    gene = str(cells["gene"])
    choices = genes.choices(gene)
    ends = np.stack([pairs.start[rows], pairs.stop[rows]], axis=1)
    for start, stop in np.unique(ends, axis=0).tolist():
        chosen = rows[(ends == (start, stop)).all(1)]
        text = f"{shown(gene, choices[start])} -> {shown(gene, choices[stop])}"
        yield Question({**cells, "level": "change", "change": text}, chosen, np.ones(len(chosen)))


def _rows(
    group: Group, score: Score, asked: list[tuple[Contrasts, Question]]
) -> Iterator[dict[str, object]]:
    """Rows of one outcome of one supernet."""
    common = common_cells(group, score)
    if not asked:
        yield {**common, "reason": NO_PAIRS}
    points = score.in_points[group.rows]
    constant = is_constant(score, group)
    for pairs, question in asked:
        rows = question.rows
        cells = {**common, **question.cells, "pairs": len(rows)}
        units = group.units[pairs.low[rows]]
        difference = (points[pairs.high[rows]] - points[pairs.low[rows]]) * question.scale[:, None]
        made = CONSTANT if constant else crossed_mean(difference, units)
        if isinstance(made, str):
            yield {**cells, "units": len(np.unique(units)), "reason": made}
        else:
            numbers = asdict(made)
            yield {**cells, **numbers, "effect_pp": numbers.pop("estimate")}
