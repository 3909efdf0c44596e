"""How large a campaign must be, and what one of a given size can show."""

from dataclasses import dataclass, replace
from pathlib import Path

from analysis.planning import ASSUMED, Assumptions, read_assumptions
from metrics.power import (
    MOST,
    Target,
    accuracy_half_width,
    accuracy_images,
    correlation_networks,
    correlation_power,
    detectable,
    difference_images,
    difference_power,
    effect_pairs,
    effect_power,
    only_shares,
)
from metrics.power_estimates import reliability_at

IMAGES = (200, 500, 1000, 2000, 5000, 10_000, 50_000)
"""Numbers of images that matched pairs are planned for."""

LARGEST_EFFECT = 0.3
"""Nobody plans for a larger difference."""


@dataclass(frozen=True)
class Question:
    """What is to be seen; shares, not points.

    Attributes:
        width: Half width of an accuracy's interval.
        difference: Of two networks on the same images.
        effect: Of a gene in matched pairs.
        correlation: Of a factor with an outcome.
        networks: Of a campaign whose reach is asked for; None if none is.
        images: That it evaluates each on; also those the correlation is measured on.
    """

    width: float = 0.02
    difference: float = 0.02
    effect: float = 0.01
    correlation: float = 0.2
    networks: int | None = None
    images: int | None = None

    def __post_init__(self) -> None:
        limits = {
            "width": (0.0, 0.5),
            "difference": (0.0, 1.0),
            "effect": (0.0, LARGEST_EFFECT),
            "correlation": (0.0, 1.0),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low < value < high:
                unit = 1 if name == "correlation" else 100
                raise ValueError(
                    f"plan.{name} must be above {low:g} and below {high * unit:g}; "
                    f"got {value * unit:g}. Change --{name}."
                )
        for name, least in (("networks", 4), ("images", 10)):
            value = getattr(self, name)
            if value is not None and not least <= value <= MOST:
                raise ValueError(
                    f"plan.{name} must be {least} to {MOST}; got {value}. Change --{name}."
                )


@dataclass(frozen=True)
class Line:
    """One answer.

    Attributes:
        question: In words.
        networks: That are needed, or that there are; None when no number is enough.
        images: Of each network.
        seconds: Of the evaluation; None when unknown or out of reach.
        answer: What is needed, or what can be shown, in words.
        value: The same as a number: images, networks or pairs, points or r; None if out of reach.
    """

    question: str
    networks: int | None
    images: int
    seconds: float | None
    answer: str
    value: float | None


def needs(question: Question, given: Assumptions, target: Target) -> list[Line]:
    """What every question needs.

    Raises:
        ValueError: The difference cannot be at this accuracy.
    """
    wide = accuracy_images(question.width, given.accuracy)
    only = only_shares(given.accuracy, question.difference, given.correlation)
    apart = difference_images(only, target)
    rho = reliability_on(question.images, given)
    many = correlation_networks(question.correlation, rho, target)
    images = question.images or given.measured_on or IMAGES[2]
    named = (
        (f"an accuracy to +-{points(question.width)}", (1, wide), "image", wide),
        (f"two networks {points(question.difference)} apart", (2, apart), "image", apart),
        (
            f"a correlation of {question.correlation:g} at reliability {rho:.2f}",
            (many, images),
            "network",
            many,
        ),
    )
    first, second, last = (
        _line(text, size, given, number(value, noun), value) for text, size, noun, value in named
    )
    return [first, second, *_effects(question, given, target), last]


def _effects(question: Question, given: Assumptions, target: Target) -> list[Line]:
    """A line per number of images; the one with the fewest evaluations says so."""
    choices = (question.images,) if question.images else IMAGES
    found = [(i, effect_pairs(i, question.effect, given.noise, target)) for i in choices]
    costs = [images * pairs for images, pairs in found if pairs is not None]
    lines = []
    for images, pairs in found:
        text = f"a gene's effect of {points(question.effect)}, {images:,} images"
        if pairs is None:
            lines.append(Line(text, None, images, None, "no number of pairs: more images", None))
            continue
        words = number(pairs, "matched pair")
        if len(choices) > 1 and images * pairs == min(costs):
            words += " (fewest evaluations)"
        lines.append(_line(text, (2 * pairs, images), given, words, pairs))
    return lines


def shows(question: Question, given: Assumptions, target: Target) -> list[Line]:
    """What a campaign of so many networks and images can show; empty unless both are given."""
    if question.networks is None or question.images is None:
        return []
    n, i = question.networks, question.images
    level, rho = target.level, reliability_on(i, given)
    width = accuracy_half_width(i, given.accuracy)
    room = 2 * min(given.accuracy, 1 - given.accuracy)

    def of_two(effect: float) -> float:
        only = only_shares(given.accuracy, effect, given.correlation)
        return difference_power(i, only, level)

    def of_gene(effect: float) -> float:
        return effect_power(n // 2, i, effect, given.noise, level)

    def of_factor(r: float) -> float:
        return correlation_power(n, r, rho, level)

    lines = [_line("interval of an accuracy", (n, i), given, f"+-{points(width)}", 100 * width)]
    gene = f"least effect of a gene in {n // 2:,} matched pairs"
    for text, power, most, scale in (
        ("least difference of two networks", of_two, room * (1 - 1e-9), 100),
        (gene, of_gene, LARGEST_EFFECT, 100),
        (f"least correlation at reliability {rho:.2f}", of_factor, 1 - 1e-9, 1),
    ):
        least = detectable(power, target, most) if most > 0 else None
        if least is None:
            lines.append(_line(text, (n, i), given, "none", None))
            continue
        words = points(least) if scale == 100 else f"{least:.2f}"
        lines.append(_line(text, (n, i), given, words, scale * least))
    return lines


def reliability_on(images: int | None, given: Assumptions) -> float:
    """Reliability of an outcome measured on that many images."""
    if images is None or given.measured_on is None:
        return given.reliability
    return reliability_at(given.reliability, images / given.measured_on)


def plan(
    question: Question, target: Target, source: tuple[Path, str] | None, changed: dict[str, float]
) -> tuple[Assumptions, list[Line], list[Line]]:
    """Assumptions, what is needed, and what a campaign would show.

    Args:
        question: What is to be seen.
        target: How surely.
        source: Results file and condition the assumptions are read from; None to assume.
        changed: Assumptions that the user gives: any of accuracy, correlation, reliability, and
            spread, discordance and shared of the noise of pairs.

    Raises:
        ValueError: A number is out of range or the file is of no use.
    """
    given = read_assumptions(*source) if source else ASSUMED
    given = _changed(given, changed)
    return given, needs(question, given, target), shows(question, given, target)


def _changed(given: Assumptions, changed: dict[str, float]) -> Assumptions:
    limits = {"accuracy": (0.0, 1.0), "correlation": (-1.0, 1.0), "reliability": (1e-6, 1.0)}
    for name, (low, high) in limits.items():
        if name in changed and not low <= changed[name] <= high:
            raise ValueError(
                f"plan.{name} must be {low:g} to {high:g}; got {changed[name]:g}. Change it."
            )
    own = {name: value for name, value in changed.items() if name in limits}
    of_pairs = {name: value for name, value in changed.items() if name not in limits}
    origin = dict(given.origin) | dict.fromkeys(own, "given")
    if of_pairs:
        origin["noise"] += f"; given: {', '.join(of_pairs)}"
    measured = None if "reliability" in own else given.measured_on
    noise = replace(given.noise, **of_pairs)
    return replace(given, **own, noise=noise, measured_on=measured, origin=origin)


def points(share: float) -> str:
    """A share in percentage points, for reading."""
    text = f"{100 * share:.3g}"
    return f"{text} point" + ("" if text == "1" else "s")


def number(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _line(
    question: str, size: tuple[int, int], given: Assumptions, answer: str, value: float | None
) -> Line:
    networks, images = size
    if max(size) > MOST:
        return Line(question, None, images, None, "out of reach", None)
    seconds = None if given.seconds is None else given.seconds * networks * images
    return Line(question, networks, images, seconds, answer, value)
