import dataclasses
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from analysis.regressions import MODELS, model_sentences, models_table, terms_table
from analysis.regressions.pooled_rows import ALL
from analysis.study import Study, read_study
from benchmarks.statistics_regressions import CASES, coverage
from sampling.store import open_results
from tests.analysis_synthetic import Recipe, write_synthetic

PLANTED = Recipe(
    n=110,
    images=90,
    attacked=70,
    effects={
        "clean": {"width": 0.9},
        "adversarial": {"resolution": 1.0},
        "natural": {"depth": -0.8},
        "system": {"kernel": 0.8},
    },
)
STRONGEST = {"adversarial": "resolution", "natural": "depth", "system": "kernel"}


def study_of(recipe: Recipe, folder: Path) -> Study:
    with open_results(write_synthetic(folder / "r.h5", recipe)) as results:
        return read_study(results)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study_of(PLANTED, tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="module")
def models(study: Study) -> pd.DataFrame:
    return models_table(study)


@pytest.fixture(scope="module")
def terms(study: Study) -> pd.DataFrame:
    return terms_table(study)


def number_or_reason(table: pd.DataFrame) -> None:
    """Every row has all of its numbers, or a reason and none."""
    known = (table["reason"] == "").to_numpy()
    for column in ("effect_pp", "effect_low", "effect_high", "p", "q"):
        assert (np.isfinite(table[column].astype(float)) == known).all(), column
    some = table[known]
    assert (some["effect_low"] <= some["effect_pp"]).all()
    assert (some["effect_pp"] <= some["effect_high"]).all()


def test_every_model_finds_the_planted_factor(models: pd.DataFrame) -> None:
    known = models[(models["question"] == "all") & (models["supernet"] != ALL)]
    for (_, outcome, _), rows in known.groupby(["supernet", "outcome", "model"]):
        if outcome in STRONGEST:
            top = rows.iloc[rows["effect_pp"].abs().argmax()]
            assert top["factor"] == STRONGEST[str(outcome)]
            assert top["q"] < 0.05


def test_every_row_has_a_number_or_a_reason(models: pd.DataFrame, terms: pd.DataFrame) -> None:
    number_or_reason(models)
    number_or_reason(terms)
    assert set(models["model"]) >= set(MODELS)
    assert (models["estimand"].str.len() > 20).all()
    assert models["conditional_on"].str.contains("weights of supernet").all()


def test_units_of_models_agree_with_each_other(models: pd.DataFrame) -> None:
    known = models[models["reason"] == ""]
    assert (known["per_unit"] * known["factor_sd"]).to_numpy() == pytest.approx(known["effect_pp"])
    clean = models[models["factor"] == "clean"]
    assert set(clean["unit"]) == {"percentage points"}


def test_least_squares_has_the_coefficients_of_the_regression_table(
    study: Study, models: pd.DataFrame
) -> None:
    from analysis.regressions import regression_tables

    keys = ["supernet", "outcome", "factor"]
    old = regression_tables(study).table.set_index(keys)
    own = models[(models["model"] == "ols") & (models["reason"] == "")].set_index(keys)
    old = old.loc[own.index]
    for column in ("effect_pp", "coefficient", "vif", "condition_number"):
        assert own[column].to_numpy(dtype=float) == pytest.approx(old[column].to_numpy(dtype=float))


def test_q_is_adjusted_within_each_model(models: pd.DataFrame) -> None:
    from scipy import stats

    for _, rows in models[models["reason"] == ""].groupby("model"):
        assert rows["q"].to_numpy() == pytest.approx(stats.false_discovery_control(rows["p"]))


def test_all_supernets_are_pooled_with_levels_of_their_own(models: pd.DataFrame) -> None:
    pooled = models[models["supernet"] == ALL]
    assert set(pooled["model"]) == {"fixed_supernets"}
    assert set(pooled["n"]) == {220}
    assert "stem_kernel" not in set(pooled["factor"])  # a factor of one supernet only


def test_six_supernets_are_random(tmp_path: Path) -> None:
    names = tuple("abcdef")
    made = models_table(study_of(Recipe(n=30, images=40, supernets=names, families=()), tmp_path))
    pooled = made[made["supernet"] == ALL]
    assert set(pooled["model"]) == {"mixed_supernets"}
    assert (pooled["clusters"] == 180 - 6 * 7).all()
    number_or_reason(made)


def test_sentences_say_where_models_differ() -> None:
    rows = []
    for model, effect, q in (("ols", 2.0, 0.01), ("weighted", 2.1, 0.01), ("median", 0.2, 0.6)):
        reach = 1.0 if q < 0.05 else 3.0
        rows.append(("net", "natural", "all", model, "width", effect, reach, q, ""))
    rows += [
        ("net", "natural", "all", m, "depth", e, 1.0, 0.01, "")
        for m, e in (("ols", 3.0), ("weighted", -3.0), ("median", 3.0))
    ]
    rows.append(("net", "clean", "all", "beta_binomial", "depth", np.nan, np.nan, np.nan, "no"))
    names = ["supernet", "outcome", "question", "model", "factor", "effect_pp", "r", "q", "reason"]
    table = pd.DataFrame(rows, columns=names)
    table["effect_low"] = table["effect_pp"] - table["r"]
    table["effect_high"] = table["effect_pp"] + table["r"]
    (said,) = model_sentences(table, pd.DataFrame(columns=["reason", "supernet"]))
    assert "0 of 2 have the same sign and significance in all" in said
    assert "the sign depends on the model for depth on natural" in said
    assert "significance depends on it for width on natural (not median)" in said
    assert said.endswith("beta_binomial cannot say for clean (as no).")


EDGES = {
    "three_networks": Recipe(n=3, supernets=("mobilenet",), pairs=False),
    "one_left": Recipe(n=3, supernets=("mobilenet",), failed=2),
    "all_right": Recipe(n=60, supernets=("mobilenet",), ability=200.0),
    "all_wrong": Recipe(n=60, supernets=("mobilenet",), ability=-200.0),
    "clean_only": Recipe(n=60, supernets=("mobilenet",), families=()),
    "few_images": Recipe(n=60, images=3, attacked=2, supernets=("mobilenet", "resnet")),
}


@pytest.mark.parametrize("case", EDGES)
def test_edges_have_reasons_and_no_warnings(case: str, tmp_path: Path) -> None:
    study = study_of(EDGES[case], tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        models, terms = models_table(study), terms_table(study)
    number_or_reason(models)
    number_or_reason(terms)
    for sentence in model_sentences(models, terms):
        assert re.search(r"\b(nan|inf|None)\b", sentence) is None


def spoilt(study: Study, columns: dict[str, NDArray[np.float64]]) -> Study:
    return dataclasses.replace(study, factors=study.factors.assign(**columns))


@pytest.mark.parametrize("how", ["infinite", "missing", "constant", "copied", "sum"])
def test_odd_columns_are_left_out_and_the_rest_answers(how: str, study: Study) -> None:
    width, depth = (study.factors[name].to_numpy().copy() for name in ("width", "depth"))
    odd = {
        "infinite": np.where(np.arange(len(width)) == 3, np.inf, width),
        "missing": np.where(np.arange(len(width)) % 110 == 3, np.nan, width),
        "constant": np.full_like(width, 7.0),
        "copied": depth,
        "sum": depth + 2 * study.factors["kernel"].to_numpy(),
    }[how]
    name = "width" if how in ("infinite", "missing", "constant") else "expand"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = models_table(spoilt(study, {name: odd}))
    number_or_reason(made)
    own = made[(made["supernet"] == "mobilenet") & (made["reason"] == "")]
    assert name not in set(own["factor"])
    assert {"depth", "kernel", "resolution"} <= set(own["factor"])


def test_nothing_is_claimed_where_nothing_is_planted(tmp_path: Path) -> None:
    study = study_of(dataclasses.replace(PLANTED, effects={}, seed=5), tmp_path)
    models, terms = models_table(study), terms_table(study)
    known = models[(models["reason"] == "") & (models["factor"] != "clean")]
    assert (known["q"] < 0.05).mean() < 0.05
    assert (terms["q"].dropna() < 0.05).mean() < 0.05


@pytest.mark.parametrize(
    "case",
    [
        "ols_clustered_30_units",
        "ols_hc3_150_networks",
        "quasi_binomial_100_units",
        "corrected_reliability_0.5",
        "split_reliability_0.75",
        "mixed_8_supernets",
        "line_100_units",
    ],
)
def test_intervals_cover_the_truth(case: str) -> None:
    assert case in CASES
    for row in coverage(case, 150, seed=9):
        assert row.coverage >= 0.95 - 3 * (0.95 * 0.05 / row.trials) ** 0.5, row.case
