"""What a finished evaluation says about the noise of the next: the inputs of power planning."""

from dataclasses import dataclass

import numpy as np

from metrics.estimate import Bits, Floats

MIN_FREE = 20
"""Pairs beyond one per gene, below which a spread is a guess."""


@dataclass(frozen=True)
class PairNoise:
    """Why the differences of matched pairs scatter around a gene's mean effect.

    Attributes:
        spread: Standard deviation of the true effect between pairs, a share (0.01 is one point).
        discordance: Share in (0, 1] of images that one network of a pair alone has right.
        shared: Correlation in [0, 1) between two pairs of an image's contribution: the part of the
            noise of images that more pairs do not average out.
    """

    spread: float
    discordance: float
    shared: float

    def __post_init__(self) -> None:
        known = self.spread >= 0 and 0 < self.discordance <= 1 and 0 <= self.shared < 1
        if not known:
            raise ValueError(
                "PairNoise must have spread >= 0, discordance in (0, 1] and shared in [0, 1); got "
                f"{self}. Give shares, not points."
            )


def outcome_correlation(correct: Bits) -> float:
    """Mean correlation (phi) between the outcomes of two networks on the same images.

    The mean covariance over pairs of networks by that of their standard deviations; networks that
    are always right or always wrong carry nothing.

    Args:
        correct: (N, I) right or wrong, N at least 2.
    """
    bits = correct.astype(np.float64)
    away = bits - bits.mean(1, keepdims=True)
    own = (away**2).mean(1)
    n = len(bits)
    covariance = ((away.sum(0) ** 2).mean() - own.sum()) / (n * (n - 1))
    spread = np.sqrt(own)
    scale = (spread.sum() ** 2 - own.sum()) / (n * (n - 1))
    return float(covariance / scale) if scale > 0 else float("nan")


def reliability(correct: Bits) -> float:
    """Share of the variance of accuracies that is not noise of images, in [0, 1].

    Of differences between networks judged on the same images (Hoyt 1941; equal to the formula 20
    of Kuder and Richardson 1937, with networks as the persons and images as the items).

    Args:
        correct: (N, I) right or wrong, N and I at least 2.
    """
    bits = correct.astype(np.float64)
    n, i = bits.shape
    rows, columns, mean = bits.mean(1), bits.mean(0), bits.mean()
    between = i * ((rows - mean) ** 2).sum() / (n - 1)
    rest = ((bits - rows[:, None] - columns + mean) ** 2).sum() / ((n - 1) * (i - 1))
    return float(np.clip(1 - rest / between, 0.0, 1.0)) if between > 0 else 0.0


def reliability_at(measured: float, factor: float) -> float:
    """The same with `factor` times as many images (Spearman 1910, Brown 1910)."""
    return factor * measured / (1 + (factor - 1) * measured)


def pair_noise(low: Bits, high: Bits, genes: list[str]) -> PairNoise:
    """Noise of matched pairs, the mean effect of every gene taken out.

    Args:
        low: (P, I) outcomes of the networks with the smaller value.
        high: (P, I) of those with the larger one.
        genes: (P,) what differs; effects are compared among pairs of one gene.

    Raises:
        ValueError: There are fewer than `MIN_FREE` pairs more than genes.
    """
    apart = high.astype(np.float64) - low
    names = np.array(genes)
    groups = [apart[names == name] for name in np.unique(names)]
    free = sum(len(group) - 1 for group in groups)
    if free < MIN_FREE:
        raise ValueError(
            f"pair_noise.genes must have at least {MIN_FREE} pairs more than genes; got "
            f"{len(genes)} pairs of {len(groups)} genes. Evaluate more matched pairs."
        )
    groups = [group for group in groups if len(group) > 1]
    i = apart.shape[1]
    between = sum(float(((g.mean(1) - g.mean()) ** 2).sum()) for g in groups) / free
    own = sum(float(((g - g.mean(1, keepdims=True)) ** 2).sum()) for g in groups)
    noise = own / (sum(len(g) for g in groups) * (i - 1))
    common = sum(_common(group) * (len(group) - 1) for group in groups) / free
    shared = float(np.clip(common / noise, 0.0, 0.99)) if noise > 0 else 0.0
    spread = np.sqrt(max(between - noise * (1 - shared) / i, 0.0))
    discordance = max(float((np.concatenate(groups) != 0).mean()), 1 / i)
    return PairNoise(float(spread), discordance, shared)


def _common(group: Floats) -> float:
    """Covariance over images between two pairs of a gene, mean over the pairs."""
    p, i = group.shape
    away = group - group.mean(1, keepdims=True)
    return float(((away.sum(0) ** 2).sum() - (away**2).sum()) / (p * (p - 1) * (i - 1)))
