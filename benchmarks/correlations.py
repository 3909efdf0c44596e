"""CPU time of a draw of the crossed bootstrap, against a loop with NumPy and SciPy.

`python -m benchmarks.correlations` makes subnets x 130 conditions x 397 images and draws networks
and images for the correlation of every factor with every condition, Pearson's and Spearman's. Peers
are a loop over pairs with SciPy, and NumPy on whole matrices. Ours does more: outcomes and single
noises beside the conditions, everything given MACs and given clean accuracy, and the luck of every
draw. `--quick` takes a tenth of the draws.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import stats

from analysis.correlations import unusable_factors
from analysis.correlations.crossed import spread
from analysis.correlations.intervals import correlate
from analysis.correlations.judged import study_measures
from analysis.correlations.sample import Sample, prepare
from analysis.study import Group, Study, read_study
from benchmarks.analysis_files import make_bits
from benchmarks.table import Row, publish
from metrics import Floats
from sampling.store import open_results

NETWORKS = 400
DRAWS, QUICK = 1000, 10

Relate = Callable[[Floats, Floats], Floats]


def sample_of(study: Study, group: Group) -> tuple[Sample, list[str]]:
    """The networks of one supernet with all measures, and the names of the measures."""
    measures, judged, _ = study_measures(study)
    table = study.factors.iloc[group.rows]
    usable = [str(name) for name in table.columns if name not in unusable_factors(table)]
    names = [measure.outcome.name for measure in measures]
    own = judged.take(group.rows)
    sample = Sample(
        factors=table[usable].to_numpy(float).T,
        judged=own,
        units=group.units,
        among=list(range(len(names))),
        macs=usable.index("macs"),
        clean=names.index("clean"),
    )
    return sample, names


def plain_draw(
    study: Study, group: Group, factors: Floats, relate: Relate, rng: np.random.Generator
) -> Floats:
    """Correlations of a draw of design units and images, as one would write them.

    Args:
        study: The networks.
        group: Those that are drawn from.
        factors: (n, F) of the group.
        relate: Accuracies (n, M) and factors to (2, F, M) correlations.
        rng: Of the draw.
    """
    drawn = rng.choice(group.n_units, group.n_units)
    rows = np.concatenate([np.flatnonzero(group.units == unit) for unit in drawn])
    images = rng.integers(study.correct.shape[2], size=study.correct.shape[2])
    return relate(study.correct[group.rows[rows]][:, :, images].mean(2), factors[rows])


def by_matrices(accuracy: Floats, factors: Floats) -> Floats:
    """(2, F, M) Pearson's and Spearman's correlations of every column with every column."""
    both, f = np.hstack([factors, accuracy]), factors.shape[1]
    ranks = stats.rankdata(both, axis=0)
    whole = [np.atleast_2d(np.corrcoef(table.T)) for table in (both, ranks)]
    return np.stack([r[:f, f:] for r in whole])


def by_pairs(accuracy: Floats, factors: Floats) -> Floats:
    """The same, pair by pair."""
    return np.array(
        [
            [[measure(x, y).statistic for y in accuracy.T] for x in factors.T]
            for measure in (stats.pearsonr, stats.spearmanr)
        ]
    )


PEERS: dict[str, tuple[Relate, int]] = {
    "NumPy and SciPy, matrices": (by_matrices, 40),
    "SciPy, pair by pair": (by_pairs, 10),
}
"""Peer to how it relates, and how many draws are timed."""


def bootstrap_rows(study: Study, part: int) -> list[Row]:
    """One draw of ours against one of each loop; agreement is on the correlations themselves."""
    group = study.groups[0]
    sample, names = sample_of(study, group)
    made = prepare(sample, (0,))
    spread(made, 10, (0,))  # compiles
    start = time.process_time()
    spread(made, DRAWS // part, (1,))
    ours = (time.process_time() - start) / (DRAWS // part)
    factors = sample.factors.T
    known = [str(name) for name in study.conditions["name"]]
    columns = [k for k, name in enumerate(known) if name in names]
    places = [names.index(known[k]) for k in columns]
    found = correlate(sample, 10, (0,))
    own = [found[m][0].observed.estimate[0, places].T for m in ("pearson", "spearman")]
    accuracy = study.correct[group.rows].mean(2)
    rows = []
    for peer, (relate, draws) in PEERS.items():
        rng, count = np.random.default_rng(0), max(1, draws // part)
        start = time.process_time()
        for _ in range(count):
            plain_draw(study, group, factors, relate, rng)
        theirs = (time.process_time() - start) / count
        gap = np.abs(np.stack(own) - relate(accuracy[:, columns], factors))
        note = (
            f"per draw; {len(group.rows)} networks, {factors.shape[1]} factors, "
            f"{accuracy.shape[1]} conditions ({len(names)} measures ours), "
            f"{study.correct.shape[2]} images; {DRAWS // part:,} draws ours, {count} theirs; "
            "agreement of the correlations to 1e-8"
        )
        rows.append(Row("crossed_bootstrap", ours, peer, theirs, float((gap < 1e-8).mean()), note))
    return rows


def main() -> None:
    """Make the file, time both, publish the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.correlations", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the draws")
    part = QUICK if parser.parse_args().quick else 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.h5"
        make_bits(path, 3 * NETWORKS)
        with open_results(path) as results:
            study = read_study(results)
    publish("correlations_quick" if part > 1 else "correlations", bootstrap_rows(study, part))


if __name__ == "__main__":
    main()
