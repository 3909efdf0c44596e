"""Sentences on trade-offs say what the table of correlations says, nothing where it is empty."""

import pandas as pd
import pytest

from analysis.study import Study, read_study
from analysis.tradeoffs import tradeoff_sentences
from sampling.store import open_results
from tests.analysis_synthetic import Recipe, write_synthetic


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    path = write_synthetic(tmp_path_factory.mktemp("r") / "r.h5", Recipe(n=4, images=10))
    with open_results(path) as results:
        return read_study(results)


def table(estimate: float, low: float, high: float, q: float, given: str = "") -> pd.DataFrame:
    row = {"supernet": "resnet", "outcome": "natural", "other": "adversarial", "given": given}
    numbers = {"estimate": estimate, "low": low, "high": high, "q": q}
    return pd.DataFrame([{**row, "method": "spearman", "reason": "", **numbers}])


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((0.5, 0.3, 0.7, 0.01), "go together (+0.50 [+0.30, +0.70])"),
        ((-0.5, -0.7, -0.3, 0.01), "are traded for each other (-0.50 [-0.70, -0.30])"),
        ((0.2, -0.1, 0.4, 0.2), "show no clear relation (+0.20 [-0.10, +0.40])"),
        ((0.3, 0.1, 0.4, 0.06), "show no clear relation"),  # not after correction
    ],
)
def test_sentence_gives_the_verdict_of_a_pair(
    numbers: tuple[float, float, float, float], said: str, study: Study
) -> None:
    (sentence,) = tradeoff_sentences(table(*numbers), study)
    assert f"Trade-offs, resnet: adversarial and natural robustness {said}" in sentence
    assert "4 networks" in sentence
    assert "weights of supernet resnet" in sentence


def test_equal_clean_accuracy_has_its_own_verdict(study: Study) -> None:
    held = table(-0.4, -0.6, -0.2, 0.01, "clean")
    (sentence,) = tradeoff_sentences(pd.concat([table(0.5, 0.3, 0.7, 0.01), held]), study)
    assert "go together" in sentence
    assert "at equal clean accuracy they are traded for each other: -0.40" in sentence


def test_nothing_is_said_where_nothing_is_known(study: Study) -> None:
    unknown = table(0.5, 0.3, 0.7, 0.01).assign(reason="fewer than 10 units")
    assert tradeoff_sentences(unknown, study) == []
