import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from analysis.bootstrap import Data
from analysis.importance import forest_table, importance_table
from analysis.importance.groups import entanglement, group_factors
from analysis.importance.permutation import importance, predict_unseen
from analysis.study import Study, read_study
from sampling.store import open_results
from tests.analysis_matched_example import write_matched

EFFECTS = {"resolution": -0.8, "kernel": 0.8}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    path = tmp_path_factory.mktemp("importance") / "results.h5"
    with open_results(write_matched(path, "mixture", 240, EFFECTS)) as results:
        return read_study(results)


@pytest.fixture(scope="module")
def groups(study: Study) -> pd.DataFrame:
    return importance_table(study, draws=100)


def made(n: int = 200) -> Data:
    rng = np.random.default_rng(0)
    x = rng.integers(-1, 2, size=(3, n)).astype(float)
    y = 2 * x[0] + x[1]
    scores = y[:, None] + rng.normal(0, 0.5, (n, 1)) + rng.normal(size=(n, 50))
    return Data(x, [scores], [np.arange(50)], np.repeat(np.arange(n // 2), 2))


def test_groups_take_the_factors_of_all_stages() -> None:
    rng = np.random.default_rng(0)
    names = ["depth", "depth_stage1", "depth_stage2", "resolution", "macs", "kernel"]
    frame = pd.DataFrame(rng.normal(size=(50, 6)), columns=names).assign(kernel=3.0)
    found = group_factors(frame, units=50)
    assert found.columns == {"depth": names[1:3], "resolution": ["resolution"]}
    assert found.dropped == {"kernel": "constant: 3 in every network"}
    assert group_factors(frame, units=9).columns["depth"] == ["depth"]


def test_groups_keep_the_whole_where_a_stage_may_be_missing() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["kernel", "x"])
    frame["kernel_stage1"] = np.where(np.arange(50) < 3, np.nan, frame["x"])
    assert group_factors(frame, units=50).columns == {"kernel": ["kernel"]}


def test_entanglement_names_what_is_mixed_up() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(80, 3)), columns=["depth", "width", "kernel"])
    frame["width"] = frame["depth"] + 0.2 * frame["width"]
    found = group_factors(frame, units=80)
    inflation, words = entanglement(frame[found.flat].to_numpy(), found)
    assert (inflation > 5).tolist() == [True, True, False]
    assert "most with width (depth, r +0.9" in words[0]
    assert words[2] == ""


def test_entanglement_of_copies_is_finite_and_said() -> None:
    column = np.random.default_rng(0).normal(size=30)
    frame = pd.DataFrame({"depth": column, "width": 3 - column})
    inflation, words = entanglement(frame.to_numpy(), group_factors(frame, units=30))
    assert np.isfinite(inflation).all()
    assert words[0].startswith("determined by the other groups; most with width (depth, r -1.00)")


def test_predictions_are_of_unseen_units_and_r2_equals_sklearn() -> None:
    data = made()
    y = data.scores[0].mean(-1)
    told = predict_unseen(
        data.factors.T, ((y - y.mean()) / y.std())[:, None], [1, 1, 1], data.units, 7
    )
    found = importance(data, [1, 1, 1], 7)
    assert found.r2.value[0] == pytest.approx(r2_score(y, y.mean() + y.std() * told.plain[:, 0]))


def test_permutation_finds_the_planted_shares_and_not_the_null() -> None:
    data = made(600)
    found = importance(data, [1, 1, 1], 0)
    total = data.scores[0].mean(-1).var()
    planted = np.array([4, 1, 0]) * 2 / 3 / total  # the variance of -1, 0, 1 is 2 / 3
    assert found.share.value[:, 0] == pytest.approx(planted, abs=0.08)
    assert found.share.low[2, 0] < 0.005
    assert (found.share.low[:2, 0] > 0.05).all()


def test_permutation_does_not_learn_a_unit_by_heart() -> None:
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(30), 6)
    x = rng.normal(size=(30, 2))[units]  # networks of a unit are copies
    scores = rng.normal(size=(30, 1))[units] + 0.01 * rng.normal(size=(180, 40))
    found = importance(Data(x.T, [scores], [np.arange(40)], units), [1, 1], 0)
    assert found.r2.value[0] < 0.2


def test_importance_table_recovers_the_planted_groups(groups: pd.DataFrame) -> None:
    rows = groups[(groups["outcome"] == "natural") & (groups["reason"] == "")]
    for method in ("lmg", "permutation"):
        part = rows[rows["method"] == method].set_index("group")
        assert part["share"].idxmax() == "resolution"
        assert part.loc[["resolution", "kernel"], "low"].min() > 0
        assert (part["low"] <= part["share"]).all()
        assert (part["share"] <= part["high"]).all()
    lmg = rows[rows["method"] == "lmg"]
    assert lmg["share"].sum() == pytest.approx(lmg["r2"].iloc[0])


def test_importance_table_gives_a_number_or_a_reason(groups: pd.DataFrame) -> None:
    assert (groups["share"].isna() == (groups["reason"] != "")).all()
    constant = groups[groups["group"] == "stem_kernel"]
    assert set(constant["reason"]) == {"constant: 3 in every network"}


def test_forest_table_recovers_the_planted_kinds(study: Study) -> None:
    table = forest_table(study)
    rows = table[(table["level"] == "kind") & (table["outcome"] == "natural")].set_index("gene")
    assert rows["share"].sort_values().index[-2:].tolist() == ["kernel", "resolution"]
    assert (rows["low"] <= rows["share"]).all()
    assert table["share"].between(0, 1).all()
    genes = table[(table["level"] == "gene") & (table["outcome"] == "natural")]
    whole = genes.loc[genes["gene"].str.endswith(".kernel"), "share"].sum()
    assert whole == pytest.approx(rows.loc["kernel", "share"])
