"""NNI's evolution on planted objectives, where the answer is known."""

import itertools
import logging
import os
import random
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from nas_space.architecture import Architecture
from nas_space.nni_search import Evolution, check_nni, evolve, explore
from nas_space.presets import SPACES
from nas_space.space import Space, Stage

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(find_spec("nni") is None, reason="nni is not installed"),
]

SPACE = SPACES["mobilenet-digits"]
TINY = Space(
    family="resnet",
    scale="digits",
    size=16,
    resolutions=(12, 16),
    stem_width=8,
    stem_kernels=(3,),
    stem_stride=2,
    stages=(Stage((8, 16), (1, 2), (3, 5), (1000,), 2),),
)


def planted(space: Space, seed: int) -> Callable[[Architecture], float]:
    """A random worth of every choice of every gene that exists, added up."""
    rng = np.random.default_rng(seed)
    worth = {g.name: dict(zip(g.choices, rng.normal(size=9), strict=False)) for g in space.genes}
    return lambda architecture: sum(worth[name][value] for name, value in architecture.genes)


def every(space: Space) -> set[Architecture]:
    """All networks of a small space, by brute force over all samples."""
    choices = [[(g.name, c) for c in g.choices] for g in space.genes]
    return {space.canonical(dict(sample)) for sample in itertools.product(*choices)}


def ids(space: Space, seed: int, budget: int = 30) -> list[str]:
    evolution = Evolution(budget, population=10, sample=5, seed=seed)
    return [v.architecture.id for v in evolve(space, planted(space, 0), evolution)]


def test_evolution_finds_better_networks_than_random_search() -> None:
    check_nni()
    from nni.nas.strategy import Random

    wins = []
    for seed in range(5):
        worth = planted(SPACE, seed)
        evolved = evolve(SPACE, worth, Evolution(150, seed=seed))
        drawn = explore(Random(seed=seed), SPACE, worth, 150, lambda architecture: True)
        assert len(evolved) == len(drawn) == 150
        wins.append(max(v.score for v in evolved) > max(v.score for v in drawn))
    assert all(wins)


def test_a_whole_tiny_space_is_visited_once_and_its_best_found() -> None:
    """More budget than networks: the search ends when nothing new is left."""
    networks, worth = every(TINY), planted(TINY, 3)
    assert len(networks) == TINY.cardinality == 24
    visits = evolve(TINY, worth, Evolution(100, population=8, sample=4, mutation=0.3))
    assert len(visits) == len(networks)
    assert {v.architecture for v in visits} == networks
    best = max(visits, key=lambda v: v.score)
    assert best.architecture == max(networks, key=worth)


def test_a_part_of_the_budget_finds_the_best_of_a_tiny_space() -> None:
    networks = every(TINY)
    for seed in range(4):
        worth = planted(TINY, seed)
        visits = evolve(TINY, worth, Evolution(18, population=6, sample=3, mutation=0.3, seed=seed))
        place = sorted(map(worth, networks), reverse=True).index(max(v.score for v in visits))
        assert place <= 1


def test_networks_are_evaluated_once_in_the_order_of_the_visits() -> None:
    seen: list[Architecture] = []
    worth = planted(SPACE, 1)

    def evaluate(architecture: Architecture) -> float:
        seen.append(architecture)
        return worth(architecture)

    visits = evolve(SPACE, evaluate, Evolution(40, population=10, sample=5))
    assert [v.architecture for v in visits] == seen
    assert len(set(seen)) == 40
    assert [v.score for v in visits] == [worth(a) for a in seen]
    assert all(SPACE.contains(a) for a in seen)


def test_the_seed_alone_decides_and_ambient_randomness_is_left_alone() -> None:
    first = ids(SPACE, 5)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    states = random.getstate(), np.random.get_state()[1].tobytes()  # type: ignore[index,union-attr] # noqa: NPY002
    assert ids(SPACE, 5) == first
    assert ids(SPACE, 6) != first
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tobytes() == states[1]  # type: ignore[index,union-attr] # noqa: NPY002


def test_networks_that_are_not_allowed_are_never_visited() -> None:
    def allowed(architecture: Architecture) -> bool:
        return architecture.values["resolution"] == 12

    visits = evolve(TINY, planted(TINY, 0), Evolution(100, 8, 4, 0.3), allowed)
    assert {v.architecture for v in visits} == {a for a in every(TINY) if allowed(a)}
    assert evolve(TINY, planted(TINY, 0), Evolution(10, 5, 5), lambda a: False) == []


def test_what_the_evaluator_raises_comes_through_and_the_next_search_is_whole(
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = ids(SPACE, 2)
    level = logging.getLogger("nni").level

    def broken(architecture: Architecture) -> float:
        raise KeyError(architecture.id)

    with pytest.raises(KeyError, match=before[0]):
        evolve(SPACE, broken, Evolution(30, population=10, sample=5, seed=2))
    assert ids(SPACE, 2) == before
    assert logging.getLogger("nni").level == level
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_scores_must_be_finite(score: float) -> None:
    with pytest.raises(ValueError, match=r"evaluate must return a finite number; got (nan|inf)"):
        evolve(SPACE, lambda architecture: score, Evolution(60))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"budget": 20}, r"population must be from 1 to 20, the budget; got 50"),
        ({"budget": 60, "sample": 51}, r"sample must be from 1 to 50, the population; got 51"),
        ({"budget": 60, "population": 0}, r"population must be from 1 to 60"),
        ({"budget": 60, "mutation": 0.0}, r"mutation must be in \(0, 1\]; got 0"),
        ({"budget": 60, "mutation": float("nan")}, r"mutation must be in \(0, 1\]; got nan"),
        ({"budget": 60, "seed": -1}, r"seed must be from 0 to 4294967295"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=r"Evolution\." + message):
        Evolution(**settings)  # type: ignore[arg-type]


SEARCH = """
import multiprocessing, sys
from nas_space.nni_search import Evolution, evolve
from nas_space.presets import SPACES
visits = evolve(SPACES["resnet-digits"], lambda a: float(a.values["resolution"]), Evolution(60))
assert len(visits) == 60 and not multiprocessing.active_children()
"""

QUIET_IMPORT = """
import sys, robustscope.run
assert {"sampling.campaign", "supernet.network", "training.loop", "noises"} <= {*sys.modules}
sys.exit("nni" in sys.modules)
"""


def test_a_search_prints_nothing_and_leaves_no_file_or_process(tmp_path: Path) -> None:
    check_nni()  # its first import ever writes beside its own modules
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    root = str(Path(__file__).parents[1])
    environment = os.environ | {"HOME": str(home), "PYTHONPATH": root}
    environment["MPLCONFIGDIR"] = str(tmp_path)  # NNI imports Lightning, and that this
    found = subprocess.run(
        [sys.executable, "-c", SEARCH], cwd=here, env=environment, capture_output=True, check=False
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")
    assert list(home.rglob("*")) == []
    assert list(here.rglob("*")) == []


def test_nothing_that_trains_or_evaluates_imports_nni() -> None:
    root = Path(__file__).parents[1]
    code = [sys.executable, "-c", QUIET_IMPORT]
    assert subprocess.run(code, cwd=root, check=False).returncode == 0
