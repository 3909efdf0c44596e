"""Expressions choose the networks that plain Python would choose; answers carry intervals."""

import math
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from analysis.choosing import choose
from analysis.expression import DEPTH, parse
from analysis.query import query
from analysis.study import read_study
from analysis.tokens import LENGTH, QueryError
from metrics import Estimate
from sampling.store import open_results
from tests.analysis_synthetic import Recipe, write_synthetic

VALUES = {
    "kernel": np.array([3.0, 5.0, 7.0, math.nan]),
    "macs": np.array([1e6, 2e7, 3e6, 4e6]),
    "family": np.array(["resnet", "vit", "resnet", "mobilenet"], object),
    "pgd-1": np.array([0.1, 0.2, 0.3, 0.4]),
}


def chosen(expression: str) -> list[int]:
    return np.flatnonzero(choose(parse(expression), VALUES.__getitem__, 4)).tolist()


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("kernel >= 5", [1, 2]),
        ("kernel >= 5 and macs < 20e6 and family == 'resnet'", [2]),
        ('kernel == 3 or family == "vit" and macs > 1', [0, 1]),
        ("(kernel == 3 or family == 'vit') and macs > 1e7", [1]),
        ("not family == 'resnet'", [1, 3]),
        ("not not kernel > 4 and not kernel > 6", [1]),
        ("family in ('vit', 'mobilenet')", [1, 3]),
        ("family not in ('vit', 'mobilenet',)", [0, 2]),
        ("kernel in (3, +7)", [0, 2]),
        ("3 < kernel <= 7", [1, 2]),
        ("2 + 3 * 4 - 1 == 13 and kernel > 0", [0, 1, 2]),
        ("-kernel < -4", [1, 2]),
        ("macs / kernel - 1 > 4e5 * 2", [1]),
        ("10 - 4 - 3 == 3", [0, 1, 2, 3]),
        ("24 / 4 / 2 == 3", [0, 1, 2, 3]),
        ("kernel != 3", [1, 2]),
        ("`pgd-1` > .25", [2, 3]),
        ("1 / 0 > 5 and kernel > 0 / 0", []),
    ],
)
def test_expressions_choose_what_they_say(expression: str, rows: list[int]) -> None:
    assert chosen(expression) == rows


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('x')",
        "kernel.real > 1",
        "kernel[0] > 1",
        "(lambda: 1)() > 1",
        "[k for k in (1,)] == 1",
        "kernel := 3",
        "f'{kernel}' == '3'",
        "kernel ** 9 > 1",
        "kernel; macs",
        "kernel > 3\x00",
        "1_000 > kernel",
        "kernel > 'a'",
        "family < 'b'",
        "family + 'x' == 'y'",
        "kernel in ('a', 3)",
        "kernel",
        "kernel and macs",
        "(kernel > 1",
        "kernel > 1)",
        "kernel > ",
        "family in ()",
        "in",
        "'open",
        "-" * (DEPTH + 1) + "kernel > 1",
        "(" * (DEPTH + 1) + "kernel > 1" + ")" * (DEPTH + 1),
        "not " * (DEPTH + 1) + "kernel > 1",
        "kernel > 1" + " " * LENGTH,
    ],
)
def test_expressions_refuse_everything_else_in_one_line(expression: str) -> None:
    with pytest.raises(QueryError, match=r"^query\.expression must ") as caught:
        chosen(expression)
    assert "\n" not in str(caught.value)


def test_long_flat_expressions_need_no_recursion() -> None:
    assert chosen("kernel" + "+0" * 900 + ">=5") == [1, 2]
    assert chosen("kernel>=5" + " or 0>1" * 200) == [1, 2]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_synthetic(tmp_path_factory.mktemp("query") / "r.h5", Recipe(n=14, failed=2))


def test_query_accuracies_are_those_of_the_analysis(path: Path) -> None:
    names = ["clean", "pgd_linf", "adversarial", "natural_blur", "system", "system_nsd"]
    with open_results(path) as results:
        study, answer = read_study(results), query(results, "status == 'done'", names)
    for name in names:
        score, got = study.score(name), answer.columns[name]
        assert score is not None
        assert isinstance(got, Estimate)
        for part in ("value", "low", "high"):
            np.testing.assert_allclose(getattr(got, part), getattr(score.estimate, part))
    assert answer.points == {"system_nsd"}
    assert (answer.found, answer.size) == (24, 28)


def test_query_of_one_condition_has_the_wilson_interval_of_its_bits(path: Path) -> None:
    with open_results(path) as results:
        right = results.correct(["pgd_l2_e1"]).sum(-1)[5, 0]
        flat = query(results, show=["pgd_l2_e1"]).flat()
    got = [np.asarray(flat[f"pgd_l2_e1{part}"])[5] for part in ("", "_low", "_high")]
    assert got == pytest.approx([right / 30, *proportion_confint(right, 30, method="wilson")])


def test_query_scores_do_not_depend_on_which_networks_are_chosen(path: Path) -> None:
    with open_results(path) as results:
        every = query(results, show=["adversarial", "depth"]).flat()
        some = query(results, "depth > 7", ["adversarial"], "-adversarial", 3).flat()
    value = dict(zip(np.asarray(every["id"]), np.asarray(every["adversarial"]), strict=True))
    deep = [
        i for i, d in zip(np.asarray(every["id"]), np.asarray(every["depth"]), strict=True) if d > 7
    ]
    known = sorted((value[i] for i in deep if np.isfinite(value[i])), reverse=True)
    assert list(np.asarray(some["adversarial"])) == known[:3]
    assert [value[i] for i in np.asarray(some["id"])] == known[:3]


def test_query_sorts_missing_values_last_and_keeps_ties(path: Path) -> None:
    with open_results(path) as results:
        for sign in ("", "-"):
            stem = np.asarray(
                query(results, sort=f"{sign}stem_kernel", show=["stem_kernel"]).flat()[
                    "stem_kernel"
                ]
            )
            assert np.isnan(stem[14:]).all()
            assert (np.diff(stem[:14]) * (-1 if sign else 1) >= 0).all()
        ids = query(results, sort="family", show=["family"]).flat()["id"]
    assert ids == sorted(ids, key=lambda i: (not i.startswith("6d"), i))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("kernl > 3",), "got 'kernl'. Did you mean kernel"),
        (("", ["adverserial"]), "Did you mean adversarial"),
        (("", [], "-clan"), "Did you mean clean"),
        (("", [], "", 0), "query.limit must be at least 1; got 0"),
        (("zzzzzz == 1",), "See --names for all"),
    ],
)
def test_query_suggests_names_that_are_near(path: Path, arguments: tuple, said: str) -> None:
    with open_results(path) as results, pytest.raises(QueryError) as caught:
        query(results, *arguments)
    assert said in str(caught.value)
