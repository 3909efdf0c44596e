"""How long exact importance takes: functional ANOVA of a forest, and LMG over all subsets.

`python -m benchmarks.importance` makes 10,000 networks of 15 factors with four choices each and
times growing 64 trees and decomposing them, against optuna's fANOVA on the same data, and LMG of
14 groups over its 16,384 subsets against fitting each of them. `--quick` takes a fifth of the
networks, and 10 groups.
"""

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np

from analysis.importance import forest
from analysis.importance.shares import Moments, lmg
from benchmarks.table import Row, absent, publish
from metrics import Floats

FACTORS, CHOICES = 15, 4


def planted(n: int, rng: np.random.Generator) -> tuple[forest.Ints, Floats]:
    """(n, 15) choices and (n,) outcomes: two strong factors, their interaction, and noise."""
    x = rng.integers(CHOICES, size=(n, FACTORS))
    centred = x - (CHOICES - 1) / 2
    y = 3 * centred[:, 0] + 2 * centred[:, 1] + 1.5 * centred[:, 0] * centred[:, 1]
    return x, y + rng.normal(size=n)


def timed(work: Callable[[], Floats]) -> tuple[Floats, float]:
    """What some work gives, and its CPU seconds."""
    start = time.process_time()
    answer = work()
    return answer, time.process_time() - start


def ours(x: forest.Ints, y: Floats) -> Floats:
    """(15,) shares of the factors alone."""
    trees = forest.grow(x, y, np.arange(len(x)), np.random.default_rng(0))
    uniform = [np.full(CHOICES, 1 / CHOICES)] * FACTORS
    shares: Floats = forest.decompose(trees, uniform).single_share.mean(0)
    return shares


def by_optuna(x: forest.Ints, y: Floats) -> Floats:
    """(15,) shares from optuna's evaluator, normalised by it to sum to 1."""
    import optuna  # a peer that need not be installed

    names = [f"x{i}" for i in range(FACTORS)]
    offered = dict.fromkeys(names, optuna.distributions.IntDistribution(0, CHOICES - 1))
    study = optuna.create_study()
    study.add_trials(
        [
            optuna.trial.create_trial(
                params=dict(zip(names, row, strict=True)), distributions=offered, value=value
            )
            for row, value in zip(x.tolist(), y.tolist(), strict=True)
        ]
    )
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=forest.TREES, seed=0)
    found = evaluator.evaluate(study)
    return np.array([found[name] for name in names])


def anova_row(n: int) -> Row:
    """Functional ANOVA of n networks; agreement is on the order of the two planted factors."""
    x, y = planted(n, np.random.default_rng(0))
    ours(x[:200], y[:200])  # compiles
    shares, own = timed(lambda: ours(x, y))
    case = f"fanova_{n}_networks"
    if find_spec("optuna") is None:
        return absent(case, own, "optuna")
    theirs, seconds = timed(lambda: by_optuna(x, y))
    same = float(np.mean(np.argsort(-shares)[:2] == np.argsort(-theirs)[:2]))
    note = f"{FACTORS} factors, {forest.TREES} trees; growing them included; ours: all pairs, too"
    return Row(case, own, "optuna", seconds, same, note)


def shares_row(groups: int) -> Row:
    """LMG over all subsets, against a least-squares fit of every subset."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1200, groups)) + 0.5 * rng.normal(size=(1200, 1))
    y = x @ rng.normal(size=groups) + rng.normal(size=1200)
    x, y = x - x.mean(0), y - y.mean()
    moments = Moments((x.T @ x)[None], (x.T @ y)[None, :, None], np.array([[y @ y]]))
    lmg(moments, [1] * groups)  # compiles
    made, own = timed(lambda: lmg(moments, [1] * groups).share[0, :, 0])
    fits, seconds = timed(lambda: _every_fit(x, y))
    members = (np.arange(len(fits))[:, None] >> np.arange(groups)) & 1
    sizes = members.sum(1)
    weights = np.array(
        [0.0, *np.cumprod([1 / groups, *(s / (groups - s) for s in range(1, groups))])]
    )
    theirs = np.array(
        [
            sum(
                weights[s] * (fits[m] - fits[m ^ 1 << g]) for m, s in enumerate(sizes) if m >> g & 1
            )
            for g in range(groups)
        ]
    )
    agreement = float(np.mean(np.abs(made - theirs) < 1e-9))
    note = f"{len(fits):,} subsets of 1,200 networks"
    return Row(f"lmg_{groups}_groups", own, "numpy lstsq per subset", seconds, agreement, note)


def _every_fit(x: Floats, y: Floats) -> Floats:
    """(2^G,) R2 of every subset of the columns."""
    total, groups = float(y @ y), x.shape[1]
    fits = np.zeros(1 << groups)
    for mask in range(1, 1 << groups):
        part = x[:, [g for g in range(groups) if mask >> g & 1]]
        fits[mask] = 1 - float(np.linalg.lstsq(part, y, rcond=None)[1][0]) / total
    return fits


def main() -> None:
    """Run every case and publish the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.importance", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer networks and groups")
    quick = parser.parse_args().quick
    publish("importance", [anova_row(2000 if quick else 10_000), shares_row(10 if quick else 14)])


if __name__ == "__main__":
    main()
