"""The models that compete, and which of them predicts unseen design units best.

Each is a pipeline: what a network lacks becomes the mean of the others, columns are standardised.
Imputation, scaling and penalty are learned from the networks of the fit alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from metrics import Floats

FOLDS = 3
TREES = 32
LEAF = 3  # networks a leaf holds at least
ALPHAS = tuple(np.logspace(-1, 4, 11).tolist())
Ints = NDArray[np.intp]


def _ridge(seed: int) -> Any:
    del seed  # nothing is random
    return RidgeCV(ALPHAS, alpha_per_target=True)


def _forest(seed: int) -> Any:
    return RandomForestRegressor(TREES, min_samples_leaf=LEAF, max_features=0.5, random_state=seed)


MODELS: Mapping[str, Callable[[int], Any]] = {"ridge": _ridge, "forest": _forest}
"""Name to what is fitted; the first counts where two are equally good."""


@dataclass(frozen=True)
class Sample:
    """Networks that a model learns from.

    Attributes:
        x: (n, F) features, NaN where one is missing.
        y: (n, K) outcomes in percentage points.
        units: (n,) design unit of each network.
    """

    x: Floats
    y: Floats
    units: Ints

    def take(self, rows: Ints | NDArray[np.bool_]) -> "Sample":
        """Some of the networks."""
        return Sample(self.x[rows], self.y[rows], self.units[rows])

    @property
    def weights(self) -> Floats:
        """(n,) one over the networks of its unit: every unit counts once."""
        _, place, count = np.unique(self.units, return_inverse=True, return_counts=True)
        weights: Floats = 1.0 / count[place]
        return weights


@dataclass(frozen=True)
class Fitted:
    """One model per outcome.

    Attributes:
        names: (K,) names of the models.
        models: Those that were fitted, by name; each predicts all outcomes.
    """

    names: tuple[str, ...]
    models: Mapping[str, Any]

    def predict(self, x: Floats) -> Floats:
        """(n, K) predictions in percentage points, within [0, 100]."""
        said = {name: _say(model, x, len(self.names)) for name, model in self.models.items()}
        chosen = [said[name][:, k] for k, name in enumerate(self.names)]
        return np.clip(np.stack(chosen, axis=1), 0.0, 100.0)


def fit(sample: Sample, seed: int = 0) -> Fitted:
    """The model that predicts unseen units of the sample best, per outcome, fitted to all of it."""
    names = choose(sample, seed)
    return Fitted(names, {n: _fit(n, sample, seed) for n in dict.fromkeys(names)})


def choose(sample: Sample, seed: int = 0) -> tuple[str, ...]:
    """(K,) names of the models with the least squared error over units left out in turn."""
    loss = np.zeros((len(MODELS), sample.y.shape[1]))
    folds = GroupKFold(min(FOLDS, len(np.unique(sample.units))), shuffle=True, random_state=seed)
    weights = sample.weights[:, None]
    for train, test in folds.split(sample.x, groups=sample.units):
        for m, name in enumerate(MODELS):
            model = _fit(name, sample.take(train), seed)
            missed = _say(model, sample.x[test], sample.y.shape[1]) - sample.y[test]
            loss[m] += (weights[test] * missed**2).sum(0)
    return tuple(list(MODELS)[m] for m in loss.argmin(0))


def _fit(name: str, sample: Sample, seed: int) -> Any:
    # a column that all lack stays, as zeros, so that the others keep their places
    whole = SimpleImputer(keep_empty_features=True)
    model = make_pipeline(whole, StandardScaler(), MODELS[name](seed))
    return model.fit(sample.x, sample.y if sample.y.shape[1] > 1 else sample.y[:, 0])


def _say(model: Any, x: Floats, outcomes: int) -> Floats:
    said: Floats = np.asarray(model.predict(x), np.float64).reshape(-1, outcomes)
    return said
