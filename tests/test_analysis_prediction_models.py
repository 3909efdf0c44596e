import numpy as np
import pandas as pd
import pytest

from analysis.prediction.features import features, usable
from analysis.prediction.held_out import calibrate, held_out, needed
from analysis.prediction.models import Sample, choose, fit
from analysis.prediction.verification import Predicted, compare
from nas_space.presets import SPACES
from sampling.design import DESIGNS, draw


def planted(n: int = 160, noise: float = 1.0, seed: int = 0) -> Sample:
    """Pairs with one linear and one stepped outcome."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    y = np.stack([50 + 5 * x[:, 0], 50 + 8 * (x[:, 1] > 0) * (x[:, 2] > 0)], axis=1)
    return Sample(x, y + rng.normal(0, noise, y.shape), np.repeat(np.arange(n // 2), 2))


def test_the_model_that_fits_is_chosen_per_outcome() -> None:
    assert choose(planted(400, noise=0.3)) == ("ridge", "forest")


def test_held_out_r2_is_what_the_noise_leaves() -> None:
    sample = planted(400)
    found = held_out(sample, np.ones(400, bool), np.random.default_rng(0))
    assert found.r2[0] == pytest.approx(25 / 26, abs=0.02)  # slope 5, noise 1
    assert found.error[0] == pytest.approx((2 / np.pi) ** 0.5, abs=0.12)  # mean of |normal|
    assert found.half_width[0] == pytest.approx(1.96, abs=0.5)
    assert found.units == 200
    assert found.hits[0] / 200 > 0.89


def test_an_outcome_of_noise_alone_is_not_predicted() -> None:
    sample, rng = planted(200), np.random.default_rng(1)
    noise = Sample(sample.x, 50 + rng.normal(size=(200, 1)), sample.units)
    assert held_out(noise, np.ones(200, bool), rng).r2[0] < 0.1


def test_missing_infinite_and_constant_columns_are_survived() -> None:
    sample = planted()
    table = pd.DataFrame(sample.x).assign(a=np.nan, b=np.inf, c=7.0, macs=[0.0] * 160)
    table.iloc[::7, 0] = np.nan
    x = usable(table).to_numpy()
    assert np.isnan(x[:, [4, 5, 7]]).all()
    assert np.isfinite(fit(Sample(x, sample.y, sample.units)).predict(x)).all()


def test_few_units_give_predictions_without_intervals() -> None:
    sample = planted(2 * (needed(folds=False) - 1))
    made = calibrate(sample, np.ones(len(sample.y), bool), np.random.default_rng(0))
    assert made.units == 0
    assert np.isinf(made.half_width).all()
    assert np.isfinite(made.model.predict(sample.x)).all()


def test_fixed_networks_are_never_calibrated_on() -> None:
    sample = planted(120, noise=0.1)
    sample.y[:2] += 40.0  # a unit unlike all others
    drawn = np.arange(120) > 1
    for seed in range(8):
        made = calibrate(sample, drawn, np.random.default_rng(seed))
        assert made.half_width[0] < 30


def test_features_of_fresh_networks_stand_in_the_order_asked() -> None:
    space = SPACES["resnet-digits"]
    networks = [d.architecture for d in draw(space, 6, 0, DESIGNS["genes"])]
    whole = features(space, networks, 10)
    names = [*list(whole.columns)[::-1], "unheard of"]
    found = features(space, networks, 10, names)
    assert list(found.columns) == names
    assert found["unheard of"].isna().all()
    pd.testing.assert_frame_equal(found[list(whole.columns)], whole)


def test_comparison_by_hand() -> None:
    value = np.array([50.0, 60.0, 70.0, 80.0])
    found = compare(Predicted(value, value - 2, value + 2), value + np.array([1.0, -3.0, 2.0, 0.0]))
    assert (found["within"], found["error"], found["bias"]) == (0.75, 1.5, 0.0)
    assert found["spearman"] == 1.0
    assert compare(Predicted(value, value, value), np.zeros(0))["reason"] == "none was evaluated"
