import json

import numpy as np
import pandas as pd
import pytest

from analysis.outcomes import Outcome, plan_outcomes
from analysis.scores import score


def table(*rows: tuple[str, str, int, dict]) -> pd.DataFrame:
    made = [(n, f, s, json.dumps(p), "clean") for n, f, s, p in rows]
    return pd.DataFrame(made, columns=["name", "family", "severity", "parameters", "reference"])


FULL = table(
    ("clean", "clean", 0, {}),
    ("fgsm_e1", "adversarial", 1, {}),
    ("fgsm_e2", "adversarial", 2, {}),
    ("pgd_e1", "adversarial", 1, {}),
    ("snow_s1", "natural", 1, {"noise": "snow", "group": "weather"}),
    ("snow_s5", "natural", 5, {"noise": "snow", "group": "weather"}),
    ("jpeg_s1", "natural", 1, {"noise": "jpeg", "group": "digital"}),
    ("system_reference", "system", 0, {}),
    ("box", "system", 0, {}),
    ("twin", "system", 0, {"identical_to": "system_reference"}),
)


def test_plan_lists_every_outcome_of_the_protocol() -> None:
    plan = plan_outcomes(FULL)
    names = ["clean", "fgsm", "pgd", "adversarial", "natural_weather", "natural_digital"]
    assert [o.name for o in plan.outcomes] == [*names, "natural", "system", "system_nsd"]
    assert set(plan.absent) == {"natural_noise", "natural_blur"}


def test_plan_groups_conditions_into_cells() -> None:
    cells = {o.name: o.cells for o in plan_outcomes(FULL).outcomes}
    assert cells["fgsm"] == ((1,), (2,))
    assert cells["adversarial"] == ((1, 3), (2,))
    assert cells["natural"] == ((4, 5), (6,))
    assert cells["system"] == ((7,), (8,))  # the twin decodes to the same pixels


def test_plan_says_what_a_protocol_lacks() -> None:
    plan = plan_outcomes(FULL.iloc[:1])
    assert [o.name for o in plan.outcomes] == ["clean"]
    assert plan.absent["adversarial"] == "the protocol has no attack"
    assert plan.absent["natural"] == "the protocol has no natural noise"


def test_plan_keeps_an_unknown_corruption_group() -> None:
    plan = plan_outcomes(table(("odd_s1", "natural", 1, {"noise": "odd"})))
    assert [o.name for o in plan.outcomes] == ["natural_other", "natural"]


def test_plan_refuses_an_unknown_family() -> None:
    with pytest.raises(ValueError, match=r"family must be one of .* got 'cosmic'"):
        plan_outcomes(table(("x", "cosmic", 0, {})))


def test_plan_refuses_parameters_that_are_no_json_object() -> None:
    rows = FULL.assign(parameters="[1]")
    with pytest.raises(ValueError, match="parameters must be a JSON object"):
        plan_outcomes(rows)


def test_outcome_weights_sum_to_one_over_judgements() -> None:
    natural = Outcome("natural", "natural", "mean", ((0, 1), (2,)), "")
    worst = Outcome("adversarial", "adversarial", "worst", ((0, 1), (2,)), "")
    assert natural.weights.tolist() == [0.25, 0.25, 0.5]
    assert worst.weights.tolist() == [0.5, 0.5]


RIGHT = np.array([[[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 0]]], bool)
TRIED = np.ones_like(RIGHT)


def test_score_is_mean_of_cell_means() -> None:
    outcome = Outcome("natural", "natural", "mean", ((0, 1), (2,)), "")
    made = score(outcome, TRIED, RIGHT)
    assert made.estimate.value[0] == pytest.approx(((0.75 + 0.5) / 2 + 0.5) / 2)
    assert made.per_image[0].tolist() == [1, 0.75, 0.5, 0]


def test_score_takes_the_worst_attack_of_each_rank() -> None:
    outcome = Outcome("adversarial", "adversarial", "worst", ((0, 1), (2,)), "")
    made = score(outcome, TRIED, RIGHT)
    assert made.estimate.value[0] == pytest.approx((2 / 4 + 2 / 4) / 2)


def test_score_of_a_deviation_averages_to_its_value() -> None:
    outcome = Outcome("system_nsd", "system", "deviation", ((0,), (1,), (2,)), "")
    made = score(outcome, TRIED, RIGHT)
    expected = -100 * np.std([0.75, 0.5, 0.5])
    assert made.estimate.value[0] == pytest.approx(expected)
    assert made.per_image.mean() == pytest.approx(expected)


def test_score_counts_only_images_evaluated_everywhere() -> None:
    tried = TRIED.copy()
    tried[0, 1, 0] = False
    made = score(Outcome("x", "natural", "mean", ((0,), (1,)), ""), tried, RIGHT & tried)
    assert made.images.tolist() == [1, 2, 3]
    assert made.estimate.value[0] == pytest.approx((2 / 3 + 1 / 3) / 2)


def test_score_says_why_when_no_image_is_common() -> None:
    tried = np.zeros_like(TRIED)
    assert "fewer than two images" in score(
        Outcome("x", "natural", "mean", ((0,),), ""), tried, tried
    )
