"""Do intervals of correlations hold what they promise? Simulation with the truth known.

Each trial draws networks in design units, judged without noise and under one noise on the same
images. An image is right when a normal latent variable is positive, made of the network's ability,
the factor's effect (which differs between images), the difficulty of the image and luck, which both
judgements share in part. The observed truth is the correlation over very many networks, averaged
over sets of as many images; the true one is over infinitely many images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.correlations.discovery import Control, false_discovery
from analysis.correlations.intervals import correlate
from analysis.correlations.judged import Judged, contributions
from analysis.correlations.kendall import kendall
from analysis.correlations.sample import Sample
from analysis.correlations.scales import partial
from benchmarks.statistics_pairs import Row
from metrics import LEVEL, Floats

TRIALS, QUICK = 4000, 100
DRAWS = 300  # of the bootstrap in each trial


@dataclass(frozen=True)
class Setting:
    """What is simulated; latent standard deviations, of which luck has 1.

    Attributes:
        networks: How many are drawn.
        images: Shared by all networks and both judgements.
        size: Networks of one design unit.
        effect: Of the factor on ability, clean and under noise.
        ability: Spread of the ability that both judgements share.
        own: Spread of the ability under noise alone.
        by_image: Spread of the factor's effect over images.
    """

    networks: int
    images: int
    size: int = 1
    effect: tuple[float, float] = (0.02, 0.03)
    ability: float = 0.05
    own: float = 0.03
    by_image: float = 0.1


LEVELS, DIFFICULTY, TWIST, SHARED = (0.8, 0.1), 1.0, 0.5, 0.5
CASES = {
    "correlation_300_networks_397_images": Setting(300, 397),
    "correlation_60_networks_200_images": Setting(60, 200, effect=(0.1, 0.2), ability=0.2, own=0.1),
    "correlation_240_networks_in_fours": Setting(240, 397, 4),
    "correlation_images_disagree": Setting(
        300, 200, effect=(0.06, 0.1), ability=0.12, own=0.1, by_image=0.4
    ),
    "correlation_strong": Setting(300, 397, effect=(0.3, 0.4), ability=0.3, own=0.2),
}


def draw_networks(s: Setting, n: int, rng: np.random.Generator) -> Floats:
    """(3, n) factor and both abilities; half of a unit's variance is shared by its networks."""
    units = -(-n // s.size)
    shared, alone = rng.normal(size=(3, units, 1)), rng.normal(size=(3, units, s.size))
    mixed = (shared + alone) / np.sqrt(2) if s.size > 1 else alone
    x, u, v = mixed.reshape(3, -1)[:, :n]
    clean = LEVELS[0] + s.effect[0] * x + s.ability * u
    return np.stack([x, clean, LEVELS[1] + s.effect[1] * x + s.ability * u + s.own * v])


def draw_images(s: Setting, rng: np.random.Generator) -> Floats:
    """(2, 2, J) per judgement the difficulty of every image, and how much more the factor does."""
    hard = rng.normal(0, DIFFICULTY, s.images) + rng.normal(0, TWIST, (2, s.images))
    return np.stack([hard, rng.normal(0, s.by_image, (2, s.images))], axis=1)


def judge_networks(networks: Floats, images: Floats, rng: np.random.Generator) -> list[Floats]:
    """Both (n, J) judgements, right or wrong."""
    x, made = networks[0, :, None], []
    shape = networks.shape[1], images.shape[2]
    common = rng.normal(0, np.sqrt(SHARED), shape)
    for ability, (hard, slope) in zip(networks[1:], images, strict=True):
        luck = common + rng.normal(0, np.sqrt(1 - SHARED), shape)
        made.append((ability[:, None] + slope * x - hard + luck > 0).astype(float))
    return made


def measure(x: Floats, clean: Floats, noisy: Floats) -> Floats:
    """(4,) Pearson, Spearman, Kendall of factor and noisy accuracy; Pearson given the clean one."""
    xy, xz, yz = (stats.pearsonr(a, b)[0] for a, b in ((x, noisy), (x, clean), (noisy, clean)))
    return np.array(
        [
            xy,
            stats.spearmanr(x, noisy)[0],
            stats.kendalltau(x, noisy)[0],
            partial(np.array(xy), np.array(xz), np.array(yz)),
        ]
    )


NAMES = ("pearson", "spearman", "kendall", "given_clean")


def truth(s: Setting, sets: int = 400, crowd: int = 4000) -> tuple[Floats, Floats]:
    """(4,) observed and (4,) true correlations of `measure`."""
    rng = np.random.default_rng(0)
    observed = np.mean(
        [_observed(draw_networks(s, crowd, rng), draw_images(s, rng), rng) for _ in range(sets)], 0
    )
    true = []
    for _ in range(10):
        x, *abilities = draw_networks(s, 100_000, rng)
        width = np.sqrt(1 + DIFFICULTY**2 + TWIST**2 + (s.by_image * x) ** 2)
        true.append(measure(x, *(stats.norm.cdf(a / width) for a in abilities)))
    return observed, np.mean(true, 0)


def _observed(networks: Floats, images: Floats, rng: np.random.Generator) -> Floats:
    """`measure` of accuracies on a set of images; judged a few networks at a time."""
    parts = [
        np.stack([right.mean(1) for right in judge_networks(part, images, rng)])
        for part in np.array_split(networks, 20, axis=1)
    ]
    return measure(networks[0], *np.concatenate(parts, axis=1))


def sample_of(s: Setting, rng: np.random.Generator) -> Sample:
    """One campaign."""
    networks = draw_networks(s, s.networks, rng)
    scores = judge_networks(networks, draw_images(s, rng), rng)
    units = np.arange(s.networks) // s.size
    return Sample(networks[:1], judged_of(scores), units, [0, 1], clean=0)


def judged_of(scores: list[Floats]) -> Judged:
    """(n, J) judgements of the same images, as the analysis holds them."""
    images = np.arange(scores[0].shape[1])
    parts = [contributions(right, images, len(images)) for right in scores]
    value = np.stack([right.mean(1) for right in scores])
    return Judged(value, [p[0] for p in parts], np.stack([p[1] for p in parts]))


def limits(sample: Sample, draws: int, seed: Sequence[int]) -> Floats:
    """(4, 2, 3) estimate, low and high of the four correlations, observed and true."""
    found = correlate(sample, draws, seed)
    tau = kendall(sample, found["spearman"][0])
    places = [
        (found["pearson"][0], 0),
        (found["spearman"][0], 0),
        (tau, 0),
        (found["pearson"][0], 1),
    ]
    return np.array(
        [
            [
                [getattr(b, side)[h, 1, 0] for side in ("estimate", "low", "high")]
                for b in (made.observed, made.true)
            ]
            for made, h in places
        ]
    )


def coverage_of_correlations(trials: int, seed: int = 0, cases: Sequence[str] = ()) -> list[Row]:
    """Share of 95 % intervals that hold the truth, per case, method and estimand.

    Of the trials in which there is one: where reliability is too low the analysis gives a reason
    instead of a true correlation, and `trials` counts what is left.
    """
    rows: list[Row] = []
    for number, (case, setting) in enumerate(CASES.items()):
        if cases and case not in cases:
            continue
        rng = np.random.default_rng([seed, number])
        true = np.stack(truth(setting), axis=1)  # (4, 2)
        hits, told = np.zeros((4, 2)), np.zeros((4, 2), np.int64)
        for trial in range(trials):
            made = limits(sample_of(setting, rng), DRAWS, (trial,))
            hits += (made[:, :, 1] <= true) & (true <= made[:, :, 2])
            told += np.isfinite(made).all(-1)
        for m, e in np.ndindex(4, 2):
            name = f"{case}_{NAMES[m]}_{('observed', 'true')[e]}"
            count = int(told[m, e])
            if count:
                rows.append(_row(name, LEVEL, float(hits[m, e]) / count, count, False))
    return rows


def false_discoveries(trials: int, seed: int = 1) -> list[Row]:
    """One less the false-discovery rate over tables of 40 factors, with and without planted ones.

    One factor in four goes with accuracy where some are planted; Pearson, Spearman and both given
    clean accuracy are tested, clean and under noise. The nominal rate is 5 %.
    """
    rows: list[Row] = []
    for name, planted in (("null", 0.0), ("planted", 1.0)):
        rng = np.random.default_rng([seed, len(rows)])
        false, found = {c: np.zeros(trials) for c in CONTROLS}, np.zeros(trials)
        for t in range(trials):
            sample, real = _many_factors(planted, rng)
            p = np.concatenate([m[0].observed.p[0] for m in correlate(sample, 100, (t,)).values()])
            for control in CONTROLS:
                q = false_discovery(pd.Series(p.ravel()), control).reshape(p.shape)
                clear = q < 1 - LEVEL
                false[control][t] = clear[:, ~real].sum() / max(1, clear.sum())
                if control == "bh":
                    found[t] = clear[:, real].mean() if real.any() else 1.0
        for control in CONTROLS:
            case = f"correlation_true_discoveries_{name}_{control}"
            rows.append(_row(case, LEVEL, 1 - float(false[control].mean()), trials, True))
        if planted:
            rows.append(_row("correlation_planted_found", 0.8, float(found.mean()), trials, True))
    return rows


CONTROLS: tuple[Control, ...] = ("bh", "by")
FDR = Setting(200, 200, 2, effect=(0.0, 0.0), ability=0.1, own=0.05)


def _many_factors(planted: float, rng: np.random.Generator) -> tuple[Sample, NDArray[np.bool_]]:
    """A campaign of 40 factors in correlated pairs, and which go with accuracy."""
    factors = rng.normal(size=(40, FDR.networks))
    factors[20:] = (factors[:20] + factors[20:]) / np.sqrt(2)
    real = (np.arange(40) % 20 < 5) & (planted > 0)
    networks = draw_networks(FDR, FDR.networks, rng)
    effect = planted * 0.05 * factors[:5].sum(0)
    networks[1:] += effect
    scores = judge_networks(networks, draw_images(FDR, rng), rng)
    units = np.arange(FDR.networks) // FDR.size
    return Sample(factors, judged_of(scores), units, [0, 1], clean=0), real


def _row(case: str, nominal: float, coverage: float, trials: int, conservative: bool) -> Row:
    return {
        "case": case,
        "nominal": nominal,
        "coverage": coverage,
        "trials": trials,
        "conservative": conservative,
    }


def rows(quick: bool = False) -> list[Row]:
    """All cases of correlations."""
    trials = QUICK if quick else TRIALS
    return coverage_of_correlations(trials) + false_discoveries(trials)
