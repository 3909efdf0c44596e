"""What is correlated with the factors, and what groups of images contribute to each accuracy.

A measure is an outcome of the study, one noise (mean over its severities) or one severity. Where a
set holds more than 400 images they are put into 400 groups at random, and groups are resampled in
place of images: the variance over images has the same expectation, with 399 degrees of freedom.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.correlations.noises import plan_noises
from analysis.counts import score_counts
from analysis.outcomes import Outcome
from analysis.scores import Score, score
from analysis.study import Study
from metrics import Floats

MOST_GROUPS = 400
SEED = 2007  # of the groups of images
Level = Literal["outcome", "noise", "severity"]
Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Measure:
    """Something networks are judged by.

    Attributes:
        outcome: What it averages.
        level: An outcome of the study, one noise, or one severity of a noise.
        severity: Of a single severity, 0 otherwise.
    """

    outcome: Outcome
    level: Level
    severity: int


@dataclass(frozen=True)
class Judged:
    """Accuracies of n networks under O measures.

    Attributes:
        value: (O, n) accuracies.
        deviations: Per measure (n, G) sums over a group's images of score minus accuracy; G is 0
            where only counts are known.
        sizes: (O, G) images in each group.
    """

    value: Floats
    deviations: Sequence[Singles]
    sizes: Floats

    @property
    def groups(self) -> NDArray[np.intp]:
        """(O,) groups that hold an image: how many independent judgements there are."""
        held: NDArray[np.intp] = (self.sizes > 0).sum(1)
        return held

    @property
    def images(self) -> list[int]:
        """Images of each measure, O; 0 where only counts are known."""
        return [int(size) for size in self.sizes.sum(1)]

    def take(self, rows: NDArray[np.intp], measures: Sequence[int] | None = None) -> "Judged":
        """The same of some networks, under some of the measures."""
        chosen = list(range(len(self.value))) if measures is None else list(measures)
        return Judged(
            self.value[chosen][:, rows],
            [self.deviations[o][rows] for o in chosen],
            self.sizes[chosen],
        )


def study_measures(study: Study) -> tuple[list[Measure], Judged, dict[str, str]]:
    """Every measure that could be scored, its accuracies, and the others with the reason."""
    measures = [Measure(score.outcome, "outcome", 0) for score in study.scores]
    scores = list(study.scores)
    tried, right = study.counts
    noises = plan_noises(study.conditions, study.outcomes)
    absent = dict(noises.copies)
    for outcome, severity in noises.planned:
        made = (
            score_counts(outcome, tried, right)
            if study.counted
            else score(outcome, study.evaluated, study.correct)
        )
        if isinstance(made, str):
            absent[outcome.name] = made
            continue
        scores.append(made)
        measures.append(Measure(outcome, "severity" if severity else "noise", severity))
    return measures, judge(scores, study.evaluated.shape[-1]), absent


def judge(scores: Sequence[Score], images: int) -> Judged:
    """Accuracies and what groups of images contribute, of networks judged on a set of images.

    Args:
        scores: O measures of the same networks.
        images: Images of the set.
    """
    member = group_images(images)
    groups = int(member.max()) + 1 if images else 0
    parts = [contributions(s.per_image, member[s.images], groups) for s in scores]
    value = np.stack([s.estimate.value for s in scores]) if parts else np.zeros((0, 0))
    sizes = np.stack([size for _, size in parts]) if parts else np.zeros((0, groups))
    return Judged(value, [deviations for deviations, _ in parts], sizes)


def group_images(images: int) -> NDArray[np.intp]:
    """(I,) group of every image: its own, or one of 400 of about equal size drawn at random."""
    if images <= MOST_GROUPS:
        return np.arange(images)
    mixed = np.random.default_rng(SEED).permutation(images)
    member = np.empty(images, np.intp)
    member[mixed] = np.arange(images) % MOST_GROUPS
    return member


def contributions(scores: Floats, member: NDArray[np.intp], groups: int) -> tuple[Singles, Floats]:
    """(n, G) deviations and (G,) sizes of one measure.

    Args:
        scores: (n, J) per image.
        member: (J,) group of each image.
        groups: G.
    """
    sizes = np.bincount(member, minlength=groups).astype(float)
    away = scores - scores.mean(-1, keepdims=True) if groups else scores
    deviations = np.zeros((len(away), groups), np.float32)
    if groups:
        order = np.argsort(member, kind="stable")
        there, starts = np.unique(member[order], return_index=True)
        deviations[:, there] = np.add.reduceat(away[:, order], starts, axis=1)
    return deviations, sizes
