import numpy as np
import pytest

from analysis.regressions.error_prone import (
    Measured,
    fit_corrected,
    fit_split,
    fit_uncorrected,
    reliability_given,
)
from benchmarks.statistics_regressions import ON_CLEAN, Size, Units, measured


def drawn(luck: float = 14.0, seed: int = 0, units: int = 800) -> tuple[Measured, Units]:
    return measured(Size(units, 100), np.random.default_rng(seed), luck)


def test_correction_recovers_a_slope_that_least_squares_misses() -> None:
    made, units = drawn()
    naive, corrected = fit_uncorrected(made, units), fit_corrected(made, units)
    assert not isinstance(naive, str)
    assert not isinstance(corrected, str)
    assert abs(naive[0].estimate[0] - ON_CLEAN[0]) > 0.05
    spread = [
        np.mean([fit(*drawn(seed=s))[0].estimate[0] for s in range(12)])  # type: ignore[index]
        for fit in (fit_uncorrected, fit_corrected)
    ]
    assert abs(spread[1] - ON_CLEAN[0]) < 0.06
    assert abs(spread[0] - ON_CLEAN[0]) > 2 * abs(spread[1] - ON_CLEAN[0])


def test_correction_is_the_moment_formula_by_hand() -> None:
    made, units = drawn(units=60)
    x, y = made.clean, made.scores
    n, j = x.shape
    full = np.column_stack([np.ones(n), made.design])
    maker = np.eye(n) - full @ np.linalg.pinv(full)
    dx, dy = (maker @ (a - a.mean(1, keepdims=True)) for a in (x, y))
    noise = [(dx * d).sum() / ((n - 1) * (j - 1)) / j for d in (dx, dy)]
    moments = np.cov(np.column_stack([x.mean(1), made.design, y.mean(1)]).T)
    moments[0, 0] -= noise[0]
    moments[0, 3] -= noise[1]
    found = fit_corrected(made, units)
    assert not isinstance(found, str)
    assert found[0].estimate == pytest.approx(np.linalg.solve(moments[:3, :3], moments[:3, 3]))


def test_uncorrected_fit_is_least_squares() -> None:
    made, units = drawn(units=60)
    full = np.column_stack([np.ones(len(units)), made.clean.mean(1), made.design])
    wanted = np.linalg.lstsq(full, made.scores.mean(1), rcond=None)[0][1:]
    found = fit_uncorrected(made, units)
    assert not isinstance(found, str)
    assert found[0].estimate == pytest.approx(wanted)


def test_corrected_errors_are_those_of_leaving_units_and_images_out() -> None:
    made, units = drawn(luck=8.0, units=80)
    whole = fit_corrected(made, units)
    assert not isinstance(whole, str)
    by_unit, by_image = [], []
    for u in range(80):
        keep = units != u
        part = Measured(made.design[keep], made.clean[keep], made.scores[keep])
        by_unit.append(fit_corrected(part, units[keep])[0].estimate)  # type: ignore[union-attr]
    for i in range(100):
        part = Measured(made.design, np.delete(made.clean, i, 1), np.delete(made.scores, i, 1))
        by_image.append(fit_corrected(part, units)[0].estimate)  # type: ignore[union-attr]
    away = np.array(by_unit) - whole[0].estimate
    assert np.diag(whole[0].units) == pytest.approx((away**2).sum(0), rel=0.1)
    away = np.array(by_image) - np.mean(by_image, 0)
    assert np.diag(whole[0].images) == pytest.approx((away**2).sum(0) * 99 / 100, rel=0.1)


def test_halves_of_the_images_agree_with_the_correction() -> None:
    made, units = drawn(luck=8.0)
    split, corrected = fit_split(made, units), fit_corrected(made, units)
    assert not isinstance(split, str)
    assert not isinstance(corrected, str)
    assert np.all(np.abs(split[0].estimate - corrected[0].estimate) < split[0].reach)


def test_reliability_is_the_planted_share() -> None:
    made, _ = drawn(luck=14.0)
    true = 2 * 1.4**2  # variance of clean accuracy at equal factors
    assert reliability_given(made) == pytest.approx(true / (true + 14**2 / 100), abs=0.04)


def test_clean_accuracy_that_is_all_luck_is_refused() -> None:
    rng = np.random.default_rng(0)
    luck = rng.normal(0, 20, (100, 50))
    made = Measured(rng.normal(size=(100, 1)), luck, luck + rng.normal(0, 5, (100, 50)))
    for fit in (fit_corrected, fit_split):
        reason = fit(made, np.arange(100))
        assert isinstance(reason, str)
        assert reason.startswith("other images would repeat only ")
