"""interactions.csv: how the effect of one kind of gene depends on another, from whole cubes."""

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pandas as pd

from analysis.genes import Genes, read_genes
from analysis.importance.table import CONSTANT, common_cells, is_constant
from analysis.pairs.contrasts import Faces, find_faces
from analysis.pairs.crossed import crossed_mean
from analysis.pairs.table import finish
from analysis.scores import Score
from analysis.study import Group, Study

NO_CUBES = "no design unit varies two genes at once"
COLUMNS = [
    *("supernet", "outcome", "first", "second", "effect_pp", "low", "high", "p"),
    *("se_units", "se_images", "degrees", "faces", "units", "n", "images"),
    *("conditional_on", "reason"),
]


def interactions_table(study: Study) -> pd.DataFrame:
    """One row per supernet, outcome and two kinds of gene that vary together in some cube.

    `effect_pp` is the difference of differences in percentage points, per step of both genes: by
    how much a step of the first does more when the second is a step larger. q is the
    Benjamini-Hochberg adjusted p over the whole table.
    """
    rows: list[dict[str, object]] = []
    for group in study.groups:
        genes = read_genes(study, group)
        faces = genes if isinstance(genes, str) else _faces(study, group, genes)
        for score in study.scores:
            if isinstance(faces, str):
                rows.append({**common_cells(group, score), "reason": faces})
            else:
                rows += _rows(group, score, faces)
    return finish(rows, COLUMNS)


def _faces(study: Study, group: Group, genes: Genes) -> Faces | str:
    design = study.networks["design"].to_numpy(dtype=str)[group.rows].tolist()
    faces = find_faces(genes, group.units, design)
    return faces if len(faces.steps) else NO_CUBES


def _rows(group: Group, score: Score, faces: Faces) -> Iterator[dict[str, object]]:
    """Rows of one outcome of one supernet."""
    points = score.in_points[group.rows]
    constant = is_constant(score, group)
    for first, second in dict.fromkeys(faces.kinds):
        rows = np.flatnonzero([kinds == (first, second) for kinds in faces.kinds])
        corners = faces.corners[rows]
        low, one, other, both = (points[corners[:, c]] for c in range(4))
        difference = (both - one - other + low) / faces.steps[rows, None]
        units = group.units[corners[:, 0]]
        cells = {**common_cells(group, score), "first": first, "second": second, "faces": len(rows)}
        made = CONSTANT if constant else crossed_mean(difference, units)
        if isinstance(made, str):
            yield {**cells, "units": len(np.unique(units)), "reason": made}
        else:
            numbers = asdict(made)
            yield {**cells, **numbers, "effect_pp": numbers.pop("estimate")}
