import numpy as np
import pytest

from metrics import bootstrap_difference, newcombe_difference


def fourfold(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Bits of two networks from their table."""
    counts = (both, first, second, neither)
    return np.repeat([True, True, False, False], counts), np.repeat(
        [True, False, True, False], counts
    )


@pytest.mark.parametrize(
    ("table", "value", "low", "high"),
    [
        # Altman, Machin, Bryant and Gardner (2000), "Statistics with confidence", table 6.2
        ((14, 5, 0, 22), 0.122, 0.011, 0.226),
        # Fagerland, Lydersen and Laake (2017), chapter 8: airway hyper-responsiveness
        ((1, 1, 7, 12), -0.286, -0.507, -0.026),
    ],
)
def test_newcombe_equals_published_examples(
    table: tuple[int, int, int, int], value: float, low: float, high: float
) -> None:
    found = newcombe_difference(*fourfold(*table))
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=6e-4)


def test_newcombe_takes_many_networks_at_once() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random((5, 80)) < 0.8, rng.random(80) < 0.7
    together = newcombe_difference(first, second)
    alone = [newcombe_difference(row, second) for row in first]
    assert together.low.tolist() == [float(one.low) for one in alone]


@pytest.mark.parametrize("table", [(50, 0, 0, 0), (0, 0, 0, 50), (50, 0, 0, 50), (1, 0, 0, 0)])
def test_networks_that_agree_do_not_differ_by_nothing_for_sure(table: tuple) -> None:
    first, second = fourfold(*table)
    rng = np.random.default_rng(0)
    for found in (newcombe_difference(first, second), bootstrap_difference(first, second, rng)):
        assert found.value == 0
        assert -1 <= found.low < 0 < found.high <= 1


def test_bootstrap_is_near_newcombe_on_bits() -> None:
    first, second = fourfold(250, 40, 20, 90)
    closed = newcombe_difference(first, second)
    drawn = bootstrap_difference(first, second, np.random.default_rng(1), draws=20_000)
    assert drawn.value == pytest.approx(closed.value)
    assert (drawn.low, drawn.high) == pytest.approx((closed.low, closed.high), abs=0.004)


def test_bootstrap_error_is_that_of_the_mean_of_shares() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.random((2, 900))
    found = bootstrap_difference(first, second, rng)
    error = (first - second).std(ddof=1) / 30
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(error, rel=0.06)


def test_intervals_refuse_what_is_no_score() -> None:
    with pytest.raises(ValueError, match=r"newcombe_difference.first must be bool .* float64"):
        newcombe_difference(np.ones(3), np.ones(3, bool))
    with pytest.raises(ValueError, match=r"must be finite numbers .* with 1 that are not"):
        bootstrap_difference(np.array([1, np.nan]), np.ones(2), np.random.default_rng(0))
