"""What was chosen as columns of a regression: levels, references, and what says nothing."""

import numpy as np
import pandas as pd
import pytest

from analysis.counted.terms import ALONE, RARE, Terms, find_terms
from sampling.store.categories import FOLLOWS, follows, level_of, level_unit

RNG = np.random.default_rng(0)


def indicators(name: str, levels: list[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    known = np.array(levels)
    columns = {f"{name}_{v}": (known == v).astype(float) for v in sorted(set(levels))}
    return columns, {f"{name}_{v}": level_unit(name, v) for v in sorted(set(levels))}


def terms_of(numbers: dict[str, object], units: dict[str, str] | None = None, **levels) -> Terms:
    columns: dict[str, object] = dict(numbers)
    said = dict.fromkeys(numbers, "1") | (units or {})
    for name, cells in levels.items():
        own, more = indicators(name, cells)
        columns |= own
        said |= more
    return find_terms(pd.DataFrame(columns).astype(float), said)


def test_units_name_levels_and_what_follows() -> None:
    assert level_of(level_unit("edge", "conv is 3x3")) == ("edge", "conv is 3x3")
    assert level_of("px") is None
    assert follows(f"edges{FOLLOWS}")
    assert not follows("edges")


def test_the_commonest_level_over_like_factors_is_the_reference_of_all() -> None:
    first = ["conv"] * 12 + ["pool"] * 10 + ["none"] * 8
    second = ["pool"] * 14 + ["none"] * 10 + ["conv"] * 6  # pool leads overall: 24 of 60
    found = terms_of({}, first=first, second=list(RNG.permutation(second)))
    assert [term.reference for term in found.terms] == ["pool", "pool"]
    assert found.terms[0].levels == ("conv", "none")
    assert found.columns == ["first_conv", "first_none", "second_conv", "second_none"]


def test_a_level_of_one_network_leaves_with_it() -> None:
    found = terms_of({}, op=["a"] * 5 + ["b"] * 5 + ["c"])
    assert found.rows.tolist() == list(range(10))
    assert found.dropped == {"op_c": RARE}
    assert found.columns == ["op_a"] or found.columns == ["op_b"]


X = RNG.normal(size=30)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.full(30, 7.0), "constant: 7 in every network"),
        (np.where(np.arange(30) < 3, np.nan, X), "undefined for 3 of 30 networks"),
        (np.full(30, np.nan), "unknown for every network"),
        (np.where(np.arange(30) < 2, np.inf, X), "infinite for 2 of 30 networks"),
        (np.where(np.arange(30) < 2, -np.inf, X), "infinite for 2 of 30 networks"),
        (X * 1e200, "too large to compute with"),
        (X, "determined by x"),
        (3 - 2 * X, "determined by x"),
        (np.arange(30) == 4, ALONE),
    ],
)
def test_columns_that_say_nothing_are_dropped_with_the_reason(values, said: str) -> None:
    found = terms_of({"x": X, "z": values})
    assert [term.name for term in found.terms] == ["x"]
    assert said in found.dropped["z"]


def test_levels_that_another_factor_determines_are_dropped_as_one() -> None:
    op = ["a", "b", "c"] * 10
    found = terms_of({}, op=op, same=[{"a": "x", "b": "x", "c": "y"}[v] for v in op])
    assert [term.name for term in found.terms] == ["op"]
    assert found.dropped["same"] == "determined by op"


def test_indicators_that_are_no_partition_are_no_factor() -> None:
    units = {"a": level_unit("op", "a"), "b": level_unit("op", "b")}
    found = terms_of({"a": np.ones(30), "b": np.arange(30) % 2}, units)
    assert found.dropped == {"op": "its levels are not one per network"}


def test_costs_and_what_follows_are_no_choice_unless_there_is_no_other() -> None:
    values = {"depth": X, "macs": RNG.normal(size=30), "paths": RNG.normal(size=30)}
    found = terms_of(values, {"paths": f"paths{FOLLOWS}"})
    assert found.columns == ["depth"]
    assert terms_of({"macs": X}).columns == ["macs"]
