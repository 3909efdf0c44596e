from benchmarks.sequential import Rate, Width
from benchmarks.table import render


def test_rate_says_how_far_on_the_safe_side_it_is() -> None:
    covered = Rate("a", 0.95, 0.97, None, 4000).as_json()
    wrong = Rate("b", 0.05, None, 0.06, 4000, 0.4).as_json()
    fields = ["case", "nominal", "coverage", "error", "trials", "conservative", "saved"]
    assert list(covered) == list(wrong) == fields
    assert round(float(str(covered["conservative"])), 6) == 0.02
    assert round(float(str(wrong["conservative"])), 6) == -0.01
    assert Rate("c", None, None, None, 10, 0.4).as_json()["conservative"] is None


def test_widths_are_a_table_of_their_own() -> None:
    heading, row = render([Width("a", 0.25, 1.0, 2.0, 3.0, 0.5, 9)]).splitlines()
    assert heading.split() == ["case", "seen", "ours", "martingale", "union", "single", "trials"]
    assert row.split()[0] == "a"
