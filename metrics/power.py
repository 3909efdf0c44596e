"""How many images, networks and pairs it takes to see an effect, and which effects can be seen.

All tests are two-sided; power is the chance to reject when the effect is there. Images are a sample
of a source, and statements are about the source. Effects are shares: 0.01 is one point.

- An accuracy: half width of the Wilson interval.
- Two networks on the same images: exact McNemar test; its power is summed over the number of
  discordant images, not approximated.
- A gene in P matched pairs of networks, all judged on the same I images: the mean difference has
  variance (s^2 + v (1 - k) / I) / P + v k / I, with s the spread of the true effect between pairs,
  v the variance of an image's contribution and k its correlation between pairs (a crossed random
  effects design, as Westfall, Kenny and Judd 2014); t test with P - 1 degrees of freedom.
- A correlation: Fisher's z, after the attenuation of Spearman (1904): r times the root of the
  reliability of the outcome.
- m tests: Bonferroni's level, or the level that Benjamini and Hochberg's procedure settles at when
  a share of the effects is real and found with this power (Genovese and Wasserman 2002).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, stats
from statsmodels.stats.power import TTestPower

from metrics.accuracy import wilson
from metrics.estimate import LEVEL
from metrics.power_estimates import PairNoise

Adjust = Literal["none", "bonferroni", "bh"]

MOST = 10_000_000
"""Images, networks or pairs; beyond, an effect counts as out of reach."""


@dataclass(frozen=True)
class Target:
    """What a test must hold to.

    Attributes:
        power: Chance in (0, 1) to find a real effect.
        error: Chance in (0, 1) to find one where there is none, or the false discovery rate.
        tests: m, how many effects are tested together.
        adjust: For what their errors are corrected.
        real: Share in (0, 1] of the m effects that are real; matters to "bh" alone.
    """

    power: float = 0.8
    error: float = 0.05
    tests: int = 1
    adjust: Adjust = "none"
    real: float = 0.2

    def __post_init__(self) -> None:
        for name, most in (("power", 1.0), ("error", 0.5), ("real", 1.0 + 1e-12)):
            value = getattr(self, name)
            if not 0 < value < most:
                raise ValueError(
                    f"Target.{name} must be above 0 and below {most:g}; got {value}. Change it."
                )
        if self.power <= self.error or self.tests < 1:
            raise ValueError(
                "Target.power must be above error, and tests at least 1; got "
                f"{self.power}, {self.error} and {self.tests}. Change them."
            )

    @property
    def level(self) -> float:
        """Level in (0, 1) that each single test is made at."""
        if self.adjust == "none" or self.tests == 1:
            return self.error
        least = self.error / self.tests
        if self.adjust == "bonferroni":
            return least
        found = self.error * self.real * self.power / (1 - self.error * (1 - self.real))
        return max(found, least)


def accuracy_half_width(images: int, accuracy: float, level: float = LEVEL) -> float:
    """Half width of the Wilson interval of an accuracy measured on that many images."""
    found = wilson(np.array(accuracy * images), np.array(float(images)), level)
    return float(found.high - found.low) / 2


def accuracy_images(half_width: float, accuracy: float, level: float = LEVEL) -> int:
    """Least images for an interval of an accuracy that is no wider to either side.

    Args:
        half_width: In (0, 0.5).
        accuracy: Expected, in [0, 1].
        level: Of confidence.
    """
    return _least(lambda n: accuracy_half_width(n, accuracy, level) <= half_width, 1)


def only_shares(accuracy: float, difference: float, correlation: float) -> tuple[float, float]:
    """Shares of images that either of two networks alone has right.

    Args:
        accuracy: Mean of the two.
        difference: First minus second, at least 0.
        correlation: Of their outcomes (phi).

    Raises:
        ValueError: No two networks are like that.
    """
    first, second = accuracy + difference / 2, accuracy - difference / 2
    scale = math.sqrt(max(first * (1 - first) * second * (1 - second), 0.0))
    both = first * second + correlation * scale
    least = max(0.0, first + second - 1)
    if not 0 <= second <= first <= 1 or not -1 <= correlation <= 1:
        raise ValueError(
            "power.accuracy and difference must leave both accuracies in [0, 1], and correlation "
            f"be in [-1, 1]; got {accuracy:g}, {difference:g} and {correlation:g}. Change one."
        )
    both = min(max(both, least), second)  # no stronger correlation is possible
    return first - both, second - both


def difference_power(images: int, only: tuple[float, float], error: float) -> float:
    """Chance that an exact McNemar test on so many shared images rejects.

    Args:
        images: At least 1.
        only: Shares of images that either network alone has right.
        error: Level of the test.
    """
    discordance = sum(only)
    if discordance <= 0:
        return 0.0
    spread = math.sqrt(images * discordance * (1 - discordance))
    reach = 8 * spread + 20
    low = max(0, math.floor(images * discordance - reach))
    m = np.arange(low, min(images, math.ceil(images * discordance + reach)) + 1)
    quantile = stats.binom.ppf(error / 2, m, 0.5)
    critical = np.where(stats.binom.cdf(quantile, m, 0.5) > error / 2, quantile - 1, quantile)
    odds = only[0] / discordance
    tails = stats.binom.cdf(critical, m, odds) + stats.binom.cdf(critical, m, 1 - odds)
    return float((stats.binom.pmf(m, images, discordance) * tails).sum())


def difference_images(only: tuple[float, float], target: Target) -> int:
    """Least images to find that two networks differ."""
    return _least(lambda n: difference_power(n, only, target.level) >= target.power, 5)


def effect_power(pairs: int, images: int, effect: float, noise: PairNoise, error: float) -> float:
    """Chance that a gene's mean effect is found in so many pairs on so many images.

    Args:
        pairs: P, at least 2.
        images: I, the same for all networks.
        effect: Mean difference in accuracy.
        noise: Of the pairs.
        error: Level of the test.
    """
    contribution = max(noise.discordance - effect**2, 0.0) / images
    own = noise.spread**2 + contribution * (1 - noise.shared)
    deviation = math.sqrt(max(own + pairs * contribution * noise.shared, 1e-18))
    shift = abs(effect) / deviation
    found = float(TTestPower().power(shift, pairs, error))
    if math.isfinite(found):
        return found
    # SciPy's noncentral t gives up far in its tail, where the normal form is as good
    return float(stats.norm.cdf(shift * math.sqrt(pairs) - stats.t.isf(error / 2, pairs - 1)))


def effect_pairs(images: int, effect: float, noise: PairNoise, target: Target) -> int | None:
    """Least pairs to find a gene's effect on so many images; None if no number of them does."""
    found = _least(
        lambda n: effect_power(n, images, effect, noise, target.level) >= target.power, 3, 10**6
    )
    return found if found <= 10**6 else None


def correlation_power(networks: int, correlation: float, reliability: float, error: float) -> float:
    """Chance that a correlation is found among so many networks.

    Args:
        networks: At least 4.
        correlation: Of the factor with the outcome free of noise, in (-1, 1).
        reliability: Of the outcome as measured, in (0, 1].
        error: Level of the test.
    """
    seen = abs(correlation) * math.sqrt(reliability)
    shift = (math.atanh(seen) + seen / (2 * (networks - 1))) * math.sqrt(networks - 3)
    edge = stats.norm.isf(error / 2)
    return float(stats.norm.sf(edge - shift) + stats.norm.cdf(-edge - shift))


def correlation_networks(correlation: float, reliability: float, target: Target) -> int:
    """Least networks to find that a factor goes with an outcome."""
    return _least(
        lambda n: correlation_power(n, correlation, reliability, target.level) >= target.power, 4
    )


def detectable(power: Callable[[float], float], target: Target, most: float) -> float | None:
    """Least effect in (0, `most`) that has the power asked for; None if none has.

    Args:
        power: Of an effect, rising with it.
        target: What is asked for.
        most: An effect that is out of the question.
    """

    def short(effect: float) -> float:
        return power(effect) - target.power

    if short(most) < 0:
        return None
    return float(optimize.brentq(short, most * 1e-9, most, xtol=1e-9))


def _least(enough: Callable[[int], bool], start: int, most: int = MOST) -> int:
    """Least number from `start` on that is enough, if more is no worse; most + 1 if none is."""
    high = start
    while not enough(high):
        if high == most:
            return most + 1
        high = min(2 * high, most)
    low = max(start, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low
