import itertools

import numpy as np
import pytest

from analysis.importance.anova import variance_components
from analysis.importance.forest import decompose, grow

LEVELS = (3, 2, 4)


def grown(n: int = 400, interaction: float = 1.0) -> tuple[np.ndarray, list]:
    rng = np.random.default_rng(0)
    x = np.stack([rng.integers(k, size=n) for k in LEVELS], axis=1)
    y = x[:, 0] + interaction * (x[:, 1] - 0.5) * (x[:, 2] - 1.5) + rng.normal(0, 0.1, n)
    return x, grow(x, y, np.arange(n), rng)


def test_components_of_two_factors_by_hand() -> None:
    # rows -1, 1; columns -2, 2; interaction 3 in the pattern + - - +
    values = np.array([[-1 - 2 + 3, -1 + 2 - 3], [1 - 2 - 3, 1 + 2 + 3]], dtype=float)
    assert variance_components(values) == pytest.approx({(0,): 1, (1,): 4, (0, 1): 9})


def test_components_sum_to_the_variance_under_any_weights() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, 2, 4))
    weights = [rng.dirichlet(np.ones(k)) for k in values.shape]
    joint = np.einsum("i,j,k->ijk", *weights)
    whole = (joint * values**2).sum() - (joint * values).sum() ** 2
    found = variance_components(values, weights)
    assert len(found) == 7
    assert sum(found.values()) == pytest.approx(whole)


def test_components_refuse_weights_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"must fit levels \(2, 2\); got \(2, 3\)"):
        variance_components(np.eye(2), [np.ones(2) / 2, np.ones(3) / 3])


@pytest.mark.parametrize("uniform", [True, False])
def test_decompose_equals_every_tree_over_the_full_grid(uniform: bool) -> None:
    _, trees = grown()
    rng = np.random.default_rng(1)
    weights = [np.full(k, 1 / k) if uniform else rng.dirichlet(np.ones(k)) for k in LEVELS]
    found = decompose(trees, weights)
    grid = np.array(list(itertools.product(*map(range, LEVELS))), np.float32)
    for t, tree in enumerate(trees):
        exact = variance_components(tree.predict(grid).reshape(LEVELS), weights)
        assert found.total[t] == pytest.approx(sum(exact.values()))
        assert found.single[t] == pytest.approx([exact[(i,)] for i in range(3)], abs=1e-12)
        for i, j in ((0, 1), (0, 2), (1, 2)):
            assert found.pair[t, i, j] == pytest.approx(exact[i, j], abs=1e-12)


def test_decompose_marginals_are_means_over_the_grid() -> None:
    _, trees = grown()
    found = decompose(trees, [np.full(k, 1 / k) for k in LEVELS])
    grid = np.array(list(itertools.product(*map(range, LEVELS))), np.float32)
    values = trees[5].predict(grid).reshape(LEVELS)
    assert found.marginal[5, 2] == pytest.approx(values.mean((0, 1)))
    assert found.marginal[5, 1, :2] == pytest.approx(values.mean((0, 2)))
    assert found.mean[5] == pytest.approx(values.mean())


def test_forest_recovers_planted_shares() -> None:
    _, trees = grown(n=4000)
    found = decompose(trees, [np.full(k, 1 / k) for k in LEVELS])
    # variances by hand: of 0, 1, 2 it is 2/3; of the product of -+0.5 and -1.5 .. 1.5, 0.25 * 1.25
    alone, both = 2 / 3, 0.25 * 1.25
    shares = found.single_share.mean(0)
    assert shares == pytest.approx([alone / (alone + both), 0, 0], abs=0.02)
    assert found.pair_share[:, 1, 2].mean() == pytest.approx(both / (alone + both), abs=0.02)
    assert found.pair_share[:, 0, 1].mean() < 0.01


def test_a_tree_that_does_not_vary_has_no_shares() -> None:
    x = np.zeros((20, 1), int)
    found = decompose(grow(x, np.ones(20), np.arange(20), np.random.default_rng(0)), [np.ones(1)])
    assert found.single_share.max() == 0


def test_decompose_refuses_choices_that_never_occur() -> None:
    _, trees = grown(40)
    with pytest.raises(ValueError, match=r"positive probabilities of the choices of 3 factors"):
        decompose(trees, [np.array([0.5, 0.5, 0.0]), np.ones(2) / 2, np.ones(4) / 4])
