import itertools

import numpy as np
import pytest

from analysis.bootstrap import Data
from analysis.importance import shares
from analysis.importance.share_intervals import share_intervals
from analysis.importance.shares import Moments, lmg

# data set "swiss" of R (Mosteller and Tukey 1977): fertility, then agriculture, examination,
# education, catholic, infant mortality of 47 provinces
SWISS = """
80.2 17 15 12 9.96 22.2|83.1 45.1 6 9 84.84 22.2|92.5 39.7 5 5 93.4 20.2|85.8 36.5 12 7 33.77 20.3
76.9 43.5 17 15 5.16 20.6|76.1 35.3 9 7 90.57 26.6|83.8 70.2 16 7 92.85 23.6
92.4 67.8 14 8 97.16 24.9|82.4 53.3 12 7 97.67 21|82.9 45.2 16 13 91.38 24.4
87.1 64.5 14 6 98.61 24.5|64.1 62 21 12 8.52 16.5|66.9 67.5 14 7 2.27 19.1
68.9 60.7 19 12 4.43 22.7|61.7 69.3 22 5 2.82 18.7|68.3 72.6 18 2 24.2 21.2|71.7 34 17 8 3.3 20
55.7 19.4 26 28 12.11 20.2|54.3 15.2 31 20 2.15 10.8|65.1 73 19 9 2.84 20|65.5 59.8 22 10 5.23 18
65 55.1 14 3 4.52 22.4|56.6 50.9 22 12 15.14 16.7|57.4 54.1 20 6 4.2 15.3|72.5 71.2 12 1 2.4 21
74.2 58.1 14 8 5.23 23.8|72 63.5 6 3 2.56 18|60.5 60.8 16 10 7.72 16.3|58.3 26.8 25 19 18.46 20.9
65.4 49.5 15 8 6.1 22.5|75.5 85.9 3 2 99.71 15.1|69.3 84.9 7 6 99.68 19.8|77.3 89.7 5 2 100 18.3
70.5 78.2 12 6 98.96 19.4|79.4 64.9 7 3 98.22 20.2|65 75.9 9 9 99.06 17.8|92.2 84.6 3 3 99.46 16.3
79.3 63.1 13 13 96.83 18.1|70.4 38.4 26 12 5.62 20.3|65.7 7.7 29 11 13.79 20.5
72.7 16.7 22 13 11.22 18.9|64.4 17.6 35 32 16.92 23|77.6 37.6 15 7 4.97 20|67.6 18.7 25 7 8.65 19.5
35 1.2 37 53 42.34 18|44.7 46.6 16 29 50.43 18.2|42.8 27.7 22 29 58.33 19.3
"""


def moments(x: np.ndarray, y: np.ndarray) -> Moments:
    x, y = x - x.mean(0), y.reshape(len(x), -1) - y.reshape(len(x), -1).mean(0)
    return Moments((x.T @ x)[None], (x.T @ y)[None], (y**2).sum(0)[None])


def fitted(x: np.ndarray, y: np.ndarray, columns: list[int]) -> float:
    full = np.column_stack([np.ones(len(x)), x[:, columns]])
    rest = y - full @ np.linalg.lstsq(full, y, rcond=None)[0]
    return 1 - float(rest @ rest / ((y - y.mean()) ** 2).sum())


def over_all_orders(x: np.ndarray, y: np.ndarray, groups: list[list[int]]) -> np.ndarray:
    gains = []
    for order in itertools.permutations(range(len(groups))):
        parts = [[c for g in order[:k] for c in groups[g]] for k in range(len(order) + 1)]
        r2 = [fitted(x, y, columns) for columns in parts]
        gains.append(np.diff(r2)[np.argsort(order)])
    return np.mean(gains, axis=0)


def test_lmg_equals_the_published_example_of_relaimpo() -> None:
    rows = SWISS.strip().replace("\n", "|").split("|")
    swiss = np.array([list(map(float, row.split())) for row in rows])
    found = lmg(moments(swiss[:, 1:], swiss[:, 0]), [1] * 5)
    published = [0.05709122, 0.17117303, 0.26013468, 0.10557015, 0.11276592]
    assert found.share[0, :, 0] == pytest.approx(published, abs=5e-9)
    assert found.r2[0, 0] == pytest.approx(0.7067350, abs=5e-8)


def test_lmg_of_groups_equals_all_orders_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 6)) + rng.normal(size=(40, 1))
    y = x @ rng.normal(size=6) + rng.normal(size=40)
    found = lmg(moments(x, y), [2, 1, 2, 1])
    expected = over_all_orders(x, y, [[0, 1], [2], [3, 4], [5]])
    assert found.share[0, :, 0] == pytest.approx(expected, abs=1e-10)
    assert found.share.sum() == pytest.approx(fitted(x, y, list(range(6))))


def test_lmg_of_two_factors_by_hand() -> None:
    # r12 = 0.5, ry1 = 0.6, ry2 = 0.3: R2 is (0.36 + 0.09 - 2 * 0.5 * 0.18) / 0.75 = 0.36
    made = Moments(
        np.array([[[1.0, 0.5], [0.5, 1.0]]]), np.array([[[0.6], [0.3]]]), np.ones((1, 1))
    )
    assert lmg(made, [1, 1]).share[0, :, 0] == pytest.approx([(0.36 + 0.27) / 2, (0.09 + 0) / 2])


def test_lmg_shares_a_copy_and_gives_constants_nothing() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 60))
    y = a + b + rng.normal(size=60)
    found = lmg(moments(np.column_stack([a, a, np.ones(60), b]), y), [1] * 4)
    first, copy, constant, other = found.share[0, :, 0]
    assert first == pytest.approx(copy)
    assert constant == 0
    assert first + copy + other == pytest.approx(fitted(np.column_stack([a, b]), y, [0, 1]))


def test_lmg_of_a_constant_outcome_is_zero() -> None:
    found = lmg(moments(np.random.default_rng(0).normal(size=(9, 2)), np.ones(9)), [1, 1])
    assert found.share.tolist() == [[[0.0], [0.0]]]


def test_lmg_beyond_the_limit_says_how_far_off_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 16)) + rng.normal(size=(200, 1))
    made = moments(x, x[:, :3].sum(1) + rng.normal(size=200))
    drawn = lmg(made, [1] * 16)
    monkeypatch.setattr(shares, "EXACT", 16)
    exact = lmg(made, [1] * 16)
    assert exact.error.max() == 0
    assert drawn.r2 == pytest.approx(exact.r2)
    off = np.abs(drawn.share - exact.share) / drawn.error
    assert off.max() < 4
    assert np.mean(off < 1.96) > 0.7


def test_lmg_refuses_groups_that_do_not_fit() -> None:
    made = moments(np.eye(5)[:, :3], np.arange(5.0))
    with pytest.raises(ValueError, match=r"lmg.sizes must .* sum to 3 columns; got \[1, 1\]"):
        lmg(made, [1, 1])


def test_share_intervals_hold_the_value_and_shrink_with_more_networks() -> None:
    widths = []
    for n in (60, 600):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(2, n))
        scores = (2 * x[0])[:, None] + rng.normal(size=(n, 1)) + rng.normal(size=(n, 200))
        made = share_intervals(Data(x, [scores], [np.arange(200)], np.arange(n)), [1, 1], rng, 100)
        assert (made.share.low <= made.share.value).all()
        assert (made.share.value <= made.share.high).all()
        assert made.share.low[1, 0] == 0
        widths.append(made.share.high[0, 0] - made.share.low[0, 0])
    assert widths[1] < widths[0] / 2
