"""Searching a space with NNI's strategies; what a network is worth is an argument.

Beside `nni_adapter` the only module of this package that needs NNI, imported when first used. The
strategies see the genes of a space alone, no networks: nothing is built, written or started. A
network is evaluated once; proposals that were visited before, or are not allowed, are refused the
way NNI refuses what violates a constraint, so that a strategy proposes again, 500 times in a row at
most. What NNI would log is not shown.
"""

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from nas_space.architecture import Architecture
from nas_space.nni_adapter import from_nni, load_nni
from nas_space.space import Space

Evaluate = Callable[[Architecture], float]
"""What a network is worth: finite, more is better."""

Allowed = Callable[[Architecture], bool]
"""Whether a network may be visited."""

LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Evolution:
    """How aging evolution searches (Real et al., AAAI 2019, Algorithm 1, as in NNI).

    Differs from the source as NNI does: every gene mutates with some probability, where the source
    changes exactly one, and no network is proposed twice.

    Attributes:
        budget: Distinct networks visited at most.
        population: Networks kept, the youngest; as many are drawn at random at first, uniformly
            over genes.
        sample: Networks drawn from the population, of which the best becomes a parent.
        mutation: Probability that a gene of a child is drawn anew, in (0, 1].
        seed: Of every draw.

    Raises:
        ValueError: A number is out of range.
    """

    budget: int
    population: int = 50
    sample: int = 25
    mutation: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        ranges = {
            "population": (1, self.budget, "the budget"),
            "sample": (1, self.population, "the population"),
            "seed": (0, LARGEST_SEED, "what NumPy takes"),
        }
        for name, (least, most, what) in ranges.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(
                    f"Evolution.{name} must be from {least} to {most}, {what}; got {value}. "
                    "Change one of them."
                )
        if not 0.0 < self.mutation <= 1.0:
            raise ValueError(
                f"Evolution.mutation must be in (0, 1]; got {self.mutation}. "
                "One over the number of genes changes one gene on average."
            )


@dataclass(frozen=True)
class Visit:
    """A network that a search looked at.

    Attributes:
        architecture: The network.
        score: What the evaluator said of it.
    """

    architecture: Architecture
    score: float


def check_nni() -> None:
    """Refuse a machine without NNI before anything long begins.

    Raises:
        ValueError: NNI is not installed.
    """
    load_nni()


def evolve(
    space: Space,
    evaluate: Evaluate,
    evolution: Evolution,
    allowed: Allowed = lambda architecture: True,
) -> list[Visit]:
    """Networks visited by NNI's RegularizedEvolution, in order; equal seeds give equal lists.

    Args:
        space: Where to search.
        evaluate: Called once per visited network; what it raises comes through.
        evolution: Budget and settings.
        allowed: Networks that are not are never visited, and cost no budget.

    Returns:
        At most `budget` visits, of distinct networks; fewer when the strategy found no new and
        allowed one in 500 proposals in a row.

    Raises:
        ValueError: NNI is not installed, or a score is not finite.
    """
    check_nni()
    from nni.nas.strategy import RegularizedEvolution

    strategy = RegularizedEvolution(
        population_size=evolution.population,
        sample_size=evolution.sample,
        mutation_prob=evolution.mutation,
        dedup=False,  # it compares samples; ours compares the networks they stand for
        seed=evolution.seed,
    )
    return explore(strategy, space, evaluate, evolution.budget, allowed)


def explore(
    strategy: Any, space: Space, evaluate: Evaluate, budget: int, allowed: Allowed
) -> list[Visit]:
    """Networks visited by a strategy of `nni.nas.strategy`, in order; the rest as `evolve`."""
    check_nni()
    from nni.nas.evaluator import FunctionalEvaluator
    from nni.nas.execution import SequentialExecutionEngine
    from nni.nas.space import RawFormatModelSpace

    visits: dict[Architecture, Visit] = {}

    def visit(architecture: Architecture) -> None:
        score = float(evaluate(architecture))
        if not math.isfinite(score):
            raise ValueError(
                f"evolve.evaluate must return a finite number; got {score} for network "
                f"{architecture.id}. Give networks that cannot be evaluated the least score."
            )
        visits[architecture] = Visit(architecture, score)
        load_nni().report_final_result(score)

    genes = _genes_class()(space, lambda a: a not in visits and allowed(a))
    with _silent():
        engine = SequentialExecutionEngine(max_model_count=budget)
        strategy(RawFormatModelSpace(genes, FunctionalEvaluator(visit)), engine)
    return list(visits.values())


@contextmanager
def _silent() -> Iterator[None]:
    """NNI logs every early end and failure as an error; exceptions tell as much."""
    logger = logging.getLogger("nni")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


@cache
def _genes_class() -> Any:
    """The genes of a space as NNI sees them (made on first use: its base is NNI's)."""
    nni = load_nni()
    from nni.mutable import ConstraintViolation, Mutable

    class Genes(Mutable):  # type: ignore[misc]
        """Choices of every gene; a sample is valid when its network is welcome."""

        def __init__(self, space: Space, welcome: Allowed) -> None:
            self.space, self.welcome = space, welcome
            self.choices = [nni.choice(gene.name, list(gene.choices)) for gene in space.genes]

        def leaf_mutables(self, is_leaf: Any) -> Iterable[Any]:
            return self.choices

        def check_contains(self, sample: dict[str, int]) -> Any:
            if self.welcome(from_nni(self.space, sample)):
                return None
            return ConstraintViolation("visited before or not allowed")

        def freeze(self, sample: dict[str, int]) -> Architecture:
            return from_nni(self.space, sample)

    return Genes
