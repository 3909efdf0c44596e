"""Weight-sharing bias: what supernets say of networks against what trainings alone say.

Reads the results file of a study, in which the same networks stand with the weights of several
supernets and trained alone from several seeds. The estimand of every number is in
`metrics.agreement`.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.scores import Score
from analysis.study import Study, read_study
from analysis.summary import HEADLINES
from metrics import SHARES, Agreement, Estimate, agreement, best_of, difference_of_means
from metrics.agreement import tau_difference
from sampling.store import open_results

DRAWS = 1000
SEED = 2020  # of the bootstrap draws
COMPARISONS = CROSS, CEILING, SUPERNETS = (
    "supernet_standalone",
    "standalone_seeds",
    "supernet_seeds",
)
"""Comparisons: the question; its ceiling; whether another supernet would say the same."""


@dataclass(frozen=True)
class Runs:
    """The networks of one family as they were trained R times.

    Attributes:
        family: Of the networks.
        ids: (N,) architectures that have an outcome in every run.
        origins: (R,) "supernet" or "standalone".
        seeds: (R,) of the trainings.
        rows: (R, N) positions among the evaluated networks of the study.
    """

    family: str
    ids: tuple[str, ...]
    origins: tuple[str, ...]
    seeds: tuple[int, ...]
    rows: NDArray[np.intp]

    def of(self, origin: str) -> list[int]:
        """Numbers of the runs of an origin."""
        return [r for r, o in enumerate(self.origins) if o == origin]

    @property
    def comparisons(self) -> dict[str, list[tuple[int, int]]]:
        """Name to pairs of runs; without those that need a second seed where there is none."""
        supernets, alone = self.of("supernet"), self.of("standalone")
        pairs = {
            CROSS: list(itertools.product(supernets, alone)),
            CEILING: list(itertools.combinations(alone, 2)),
            SUPERNETS: list(itertools.combinations(supernets, 2)),
        }
        return {name: found for name, found in pairs.items() if found}


def find_runs(study: Study, design: str) -> list[Runs]:
    """The runs of every family, over the networks of one design."""
    networks = study.networks[study.networks["design"] == design]
    found = []
    for family, part in networks.groupby("family", sort=True):
        wide = part.reset_index().pivot_table(
            index=["origin", "seed"], columns="id", values="index", sort=True
        )
        wide = wide.sort_index(ascending=[False, True]).dropna(axis="columns")
        origins, seeds = zip(*wide.index, strict=True)
        rows = wide.to_numpy().astype(np.intp)
        found.append(Runs(str(family), tuple(wide.columns), origins, seeds, rows))
    return found


def examine_sharing(results: Path, run: str, draws: int = DRAWS) -> tuple[Study, dict[str, Any]]:
    """Everything a study found, as plain data.

    Args:
        results: The results file of the study.
        run: Content hash of the results that the study is of.
        draws: Bootstrap draws behind every interval.
    """
    with open_results(results) as file:
        study = read_study(file)
    families = {
        runs.family: {
            "networks": len(runs.ids),
            "supernet_seeds": [runs.seeds[r] for r in runs.of("supernet")],
            "standalone_seeds": [runs.seeds[r] for r in runs.of("standalone")],
            "by_chance": [best_of(len(runs.ids), share) / len(runs.ids) for share in SHARES],
            "outcomes": {s.outcome.name: compare(s, runs, draws) for s in study.scores},
        }
        for runs in find_runs(study, "stratified")
    }
    largest = {
        runs.family: {
            "seeds": len(runs.of("standalone")),
            "outcomes": {s.outcome.name: quality(s, runs) for s in study.scores},
        }
        for runs in find_runs(study, "largest")
    }
    found = {"run": run, "shares": SHARES, "families": families, "largest": largest}
    return study, {**found, "sentences": sentences(found)}


def compare(score: Score, runs: Runs, draws: int) -> dict[str, Any]:
    """Every comparison of one family for one outcome, and how far the first is from the second."""
    scores = score.per_image[runs.rows]
    made = agreement(scores, runs.comparisons, draws, np.random.default_rng(SEED))
    told: dict[str, Any] = {"images": scores.shape[-1]}
    told |= {name: _told(found) for name, found in made.items()}
    if CEILING in made:
        gap = tau_difference(made[CEILING], made[CROSS], len(runs.ids))
        told["below_ceiling"] = interval(gap)
    return told


def _told(found: Agreement) -> dict[str, Any]:
    overlap = [
        interval(Estimate(*map(np.asarray, limits)))
        for limits in zip(found.overlap.value, found.overlap.low, found.overlap.high, strict=True)
    ]
    numbers = {name: interval(getattr(found, name)) for name in ("tau", "correlation", "slope")}
    return {**numbers, "overlap": overlap}


def quality(score: Score, runs: Runs) -> dict[str, Any]:
    """Mean of the largest network with supernet weights and alone, and their difference."""
    rows = runs.rows[:, 0]
    shared, alone = (score.per_image[rows[runs.of(o)]] for o in ("supernet", "standalone"))
    return {
        "supernet": float(shared.mean()),
        "standalone": float(alone.mean()),
        "difference": interval(difference_of_means(shared, alone)),
    }


def interval(estimate: Estimate) -> list[float | None]:
    """Value, lower and upper limit; None where there is none."""
    numbers = (float(n) for n in (estimate.value, estimate.low, estimate.high))
    return [round(n, 6) if np.isfinite(n) else None for n in numbers]


def sentences(found: Mapping[str, Any]) -> list[str]:
    """What was found, in plain words."""
    said = []
    for family, told in found["families"].items():
        parts = [
            _agreement_text(name, told["outcomes"][name])
            for name in HEADLINES
            if name in told["outcomes"]
        ]
        said.append(
            f"{family}: rank agreement (Kendall's tau) of {told['networks']} networks with "
            f"supernet weights and trained alone: {'; '.join(parts)}."
        )
    for family, told in found["largest"].items():
        clean = told["outcomes"]["clean"]
        said.append(
            f"{family}: the largest network is right on {100 * clean['supernet']:.1f} % of images "
            f"with supernet weights and on {100 * clean['standalone']:.1f} % trained alone, over "
            f"{told['seeds']} seed{'s' * (told['seeds'] > 1)}: "
            f"{in_words(clean['difference'], 100, '+.2f')} points."
        )
    return said


def _agreement_text(name: str, told: Mapping[str, Any]) -> str:
    text = f"{name} {in_words(told[CROSS]['tau'])}"
    if CEILING in told:
        text += f", where two trainings alone agree at {in_words(told[CEILING]['tau'])}"
    return text


def in_words(numbers: list[float | None], scale: float = 1.0, form: str = ".2f") -> str:
    """A value with its interval, "-" where there is none."""
    value, low, high = ("-" if n is None else format(scale * n, form) for n in numbers)
    return f"{value} [{low}, {high}]"
