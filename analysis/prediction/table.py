"""prediction.csv: how well the robustness of unseen networks of each supernet is predicted.

**Estimand.** The accuracy that another network, drawn as a random member of a random design unit of
this campaign, would be measured to have with these weights on these images. Other images, another
training of the supernet, and networks chosen for their prediction are not covered.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.genes import read_genes
from analysis.importance.table import CONSTANT, common_cells, is_constant
from analysis.prediction.conformal import clopper_pearson
from analysis.prediction.features import gene_features, usable
from analysis.prediction.held_out import HeldOut, held_out, needed
from analysis.prediction.models import Sample
from analysis.scores import Score
from analysis.study import Group, Study
from analysis.summary import HEADLINES
from metrics import LEVEL, Floats

SEED = 2018  # of folds, splits, members and forests
FIXED = ("largest", "smallest")
"""Designs of networks that every campaign of a space has: no example of those to come."""

COLUMNS = [
    *("supernet", "outcome", "r2", "error", "half_width", "level", "coverage", "coverage_low"),
    *("coverage_high", "held_out_units", "calibration_units", "model", "features", "n", "units"),
    *("images", "conditional_on", "reason"),
]


@dataclass(frozen=True)
class Known:
    """The evaluated networks of one supernet as examples for predictions.

    Attributes:
        features: (n, F) what is looked at.
        sample: The same with outcomes and units.
        drawn: (n,) whether each was drawn at random.
        scores: (K,) the outcomes that can be predicted.
    """

    features: pd.DataFrame
    sample: Sample
    drawn: NDArray[np.bool_]
    scores: tuple[Score, ...]

    @property
    def units(self) -> int:
        """Design units that were drawn."""
        return len(np.unique(self.sample.units[self.drawn]))


def known(study: Study, group: Group) -> Known:
    """The networks of a group, with the headline outcomes that differ between them."""
    table = usable(study.factors.iloc[group.rows].reset_index(drop=True))
    genes = read_genes(study, group)
    if not isinstance(genes, str):
        table = pd.concat([gene_features(genes.space, genes.architectures), table], axis=1)
    asked = [s for s in study.scores if s.outcome.name in HEADLINES]
    scores = tuple(s for s in asked if not is_constant(s, group))
    outcomes: Floats = np.zeros((len(group.rows), len(scores)))
    for k, score in enumerate(scores):
        outcomes[:, k] = score.in_points[group.rows].mean(-1)
    x = table.to_numpy(dtype=np.float64)
    designs = study.networks["design"].iloc[group.rows]
    sample = Sample(x, outcomes, group.units)
    return Known(table, sample, ~designs.isin(FIXED).to_numpy(dtype=bool), scores)


def prediction_table(study: Study, seed: int = SEED) -> pd.DataFrame:
    """One row per supernet and headline outcome: performance on unseen units, or why it is unknown.

    `error` (mean absolute) and `half_width` are percentage points; `coverage` is the share of
    held-out units, one random member each, within their intervals of nominal `level`, with exact
    limits (of the intervals' coverage with these calibration units: folds share them).
    """
    rows: list[dict[str, object]] = []
    for position, group in enumerate(study.groups):
        examples = known(study, group)
        why = _impossible(examples)
        rng = np.random.default_rng([seed, position])
        made = None if why else held_out(examples.sample, examples.drawn, rng)
        for score in study.scores:
            if score.outcome.name in HEADLINES:
                cells = common_cells(group, score) | {"features": examples.features.shape[1]}
                names = [s.outcome.name for s in examples.scores]
                if score.outcome.name not in names:
                    rows.append({**cells, "reason": CONSTANT})
                elif made is None:
                    rows.append({**cells, "reason": why})
                else:
                    rows.append({**cells, **_cells(made, names.index(score.outcome.name))})
    return pd.DataFrame(rows, columns=COLUMNS)


def _impossible(examples: Known) -> str:
    """Why nothing can be shown, "" if it can."""
    if examples.units < needed(folds=True):
        return f"needs {needed(folds=True)} independent design units; has {examples.units}"
    if not examples.features.shape[1]:
        return "no factor or gene of its networks is known"
    return "" if examples.scores else CONSTANT


def _cells(made: HeldOut, k: int) -> dict[str, object]:
    hits = int(made.hits[k])
    low, high = clopper_pearson(hits, made.units)
    return {
        "r2": float(made.r2[k]),
        "error": float(made.error[k]),
        "half_width": float(made.half_width[k]),
        "level": LEVEL,
        "coverage": hits / made.units,
        "coverage_low": low,
        "coverage_high": high,
        "held_out_units": made.units,
        "calibration_units": made.calibration,
        "model": made.models[k],
    }


def prediction_sentences(table: pd.DataFrame) -> Sequence[str]:
    """How well unseen networks are predicted, one sentence per supernet."""
    return [_sentence(str(name), rows) for name, rows in table.groupby("supernet", sort=False)]


def _sentence(name: str, rows: pd.DataFrame) -> str:
    shown = rows[rows["reason"] == ""]
    if not len(shown):
        why = "; ".join(dict.fromkeys(map(str, rows["reason"])))
        return f"{name}: the accuracy of unseen networks was not predicted ({why})."
    parts = [
        f"{r['outcome']} to within {r['half_width']:.1f} points (mean error {r['error']:.1f}, "
        f"R2 {r['r2']:.2f}; covers {100 * r['coverage']:.1f} % "
        f"[{100 * r['coverage_low']:.1f}, {100 * r['coverage_high']:.1f}])"
        for r in shown.to_dict("records")
    ]
    first = shown.iloc[0]
    return (
        f"{name}: predicted measured accuracy of an unseen network of this design, "
        f"{100 * LEVEL:.0f} % intervals tried on {first['held_out_units']:.0f} held-out design "
        f"units: {'; '.join(parts)}. Conditional on the {first['conditional_on']} and on these "
        "images."
    )
