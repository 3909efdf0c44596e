"""Sequential evaluation: against SciPy, by hand, exhaustively on small lists, and by simulation."""

import time

import numpy as np
import pytest
from scipy import stats

from benchmarks.sequential import (
    accuracy_coverage,
    difference_coverage,
    networks,
    order_error,
    run,
    savings,
    set_error,
    widths,
)
from metrics import Goal, Rounds, accuracy_sequence, best_networks, decide, difference_sequence
from metrics.hypergeometric import at_most, below, log_factorials
from metrics.sequential import _race, open_neighbours
from metrics.sequential_accuracy import _limits
from metrics.sequential_pairs import critical_counts

SMALL = Rounds.of(128, 16)


def outcomes(shares: list[float], images: int = 400, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return networks(np.rint(np.array(shares) * images).astype(int), images, rng)


def test_hypergeometric_chances_equal_scipy() -> None:
    logs = log_factorials(500)
    for total, marked, drawn in ((500, 200, 90), (40, 3, 20), (100, 100, 7), (64, 32, 64)):
        wanted = stats.hypergeom(total, marked, drawn)
        for x in range(drawn + 1):
            assert at_most(x, total, marked, drawn, logs) == pytest.approx(wanted.cdf(x), abs=1e-10)
        for error in (0.3, 0.01, 1e-6):
            x = below(error, total, marked, drawn, logs)
            assert wanted.cdf(x) <= error * (1 + 1e-9) < wanted.cdf(x + 1) * (1 + 2e-9)


@pytest.mark.parametrize("right", [0, 1, 13, 40, 64, 80])
def test_accuracy_limits_are_ever_left_with_less_than_the_promised_chance(right: int) -> None:
    # forward recursion over counts with SciPy: the module goes backward with its own chances
    rounds = Rounds(80, (10, 25, 40, 60, 80)) if right <= 80 else SMALL
    low, high = _limits(rounds, 0.9)
    alive, before = {0: 1.0}, 0
    for r, end in enumerate(rounds.ends, 1):
        after: dict[int, float] = {}
        for x, mass in alive.items():
            step = stats.hypergeom(80 - before, right - x, end - before)
            for j in range(end - before + 1):
                if low[r, x + j] <= right <= high[r, x + j]:
                    after[x + j] = after.get(x + j, 0.0) + mass * float(step.pmf(j))
        alive, before = after, end
    assert 0.9 - 1e-9 <= sum(alive.values()) <= 1 + 1e-9


def test_accuracy_of_one_look_is_the_exact_interval() -> None:
    rounds, seen = Rounds(200, (60,)), np.full(61, 60)
    found = accuracy_sequence(seen, np.arange(61), rounds)
    for x in (0, 7, 30, 60):
        could = np.arange(x, 200 - 60 + x + 1)
        kept = (stats.hypergeom.sf(x - 1, 200, could, 60) > 0.025) & (
            stats.hypergeom.cdf(x, 200, could, 60) > 0.025
        )
        wanted = could[kept][[0, -1]] / 200
        np.testing.assert_allclose([found.low[x], found.high[x]], wanted)


def test_accuracy_is_known_when_all_images_are_seen_and_unknown_before() -> None:
    found = accuracy_sequence(np.array([0, 128]), np.array([0, 77]), SMALL)
    assert np.isnan(found.value[0])
    np.testing.assert_array_equal([found.low[0], found.high[0]], [0, 1])
    np.testing.assert_allclose([found.low[1], found.value[1], found.high[1]], 77 / 128)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_accuracy_sequence_covers_at_all_rounds_together(share: float) -> None:
    for rounds in (SMALL, Rounds.of(1000, 50)):
        found = accuracy_coverage(share, rounds, 1000, np.random.default_rng(0)).coverage
        assert found is not None
        assert found > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 40_000)


def test_accuracy_sequence_is_narrower_than_its_peers() -> None:
    for row in widths(0.45, Rounds.of(1000, 50), 5, np.random.default_rng(1)):
        assert row.single < row.ours < row.union < row.martingale


@pytest.mark.parametrize("gap", [0, 3, 10])
def test_critical_counts_hold_for_every_number_of_discordant_images(gap: int) -> None:
    # the claim behind them: of all M up to the limit, the largest is the least favourable
    rounds, error = Rounds(40, (10, 20, 30, 40)), 0.2
    table, logs = critical_counts(rounds, error, gap), log_factorials(40)
    for m in range(21):
        n = table[2, m]
        limit = max(w for w in range(m, 21 + m) if w == m or stats.hypergeom.cdf(m, 40, w, 20) > 0)
        share = error / 3 * 0.05
        while limit > m and stats.hypergeom.cdf(m, 40, limit, 20) <= share:
            limit -= 1
        for whole in range(max(m, gap), limit + 1):
            first = (gap + whole + 1) // 2
            if n >= 0 and first <= whole:
                assert at_most(n, whole, first, m, logs) <= error / 3 * 0.9 + 1e-12


def test_critical_counts_with_all_images_seen_are_the_comparison_itself() -> None:
    for gap in (0, 1, 4):
        table = critical_counts(Rounds(30, (15, 30)), 1e-3, gap)[2]
        for m in range(31):
            shown = [n for n in range(m + 1) if n - (m - n) < gap]
            assert table[m] == max(shown, default=-1)


def test_difference_interval_excludes_a_gap_exactly_where_it_is_shown() -> None:
    evaluated = np.full(1, 64)
    for gap in (0, 6):
        table = critical_counts(SMALL, 0.05, gap)
        for m in (12, 25, 40):
            n10 = np.arange(m + 1)
            found = difference_sequence((n10, m - n10), evaluated, SMALL, level=0.9)
            np.testing.assert_array_equal(found.high * 128 < gap - 0.5, n10 <= table[4, m])


def test_difference_interval_is_mirrored_and_ends_at_the_truth() -> None:
    seen = np.array([0, 32, 128])
    one = difference_sequence((np.array([0, 9, 30]), np.array([0, 3, 11])), seen, SMALL)
    other = difference_sequence((np.array([0, 3, 11]), np.array([0, 9, 30])), seen, SMALL)
    np.testing.assert_allclose(one.low, -other.high)
    np.testing.assert_allclose([one.low[2], one.high[2]], 19 / 128)
    np.testing.assert_array_equal([one.low[0], one.high[0]], [-1, 1])


@pytest.mark.parametrize("only", [(20, 20), (30, 10), (2, 1)])
def test_difference_sequence_covers_at_all_rounds_together(only: tuple[int, int]) -> None:
    found = difference_coverage(only, SMALL, 1000, np.random.default_rng(0)).coverage
    assert found is not None
    assert found >= 0.95


def test_race_by_hand() -> None:
    beats = np.zeros((5, 5), bool)
    beats[0, [2, 3, 4]] = beats[1, [3, 4]] = beats[2, 4] = True
    inside, outside = _race(beats, 2)
    # 0 beats three of five: in; 3 and 4 lose to two: out; then 1 and 2 are open
    np.testing.assert_array_equal(inside, [True, False, False, False, False])
    np.testing.assert_array_equal(outside, [False, False, False, True, True])
    beats[1, 2] = True
    np.testing.assert_array_equal(_race(beats, 2)[0], [True, True, False, False, False])


def test_race_decides_nothing_on_contradictions() -> None:
    cycle = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], bool)
    assert not np.any(_race(cycle, 2))


def test_ties_for_the_last_place_are_named_neither() -> None:
    bits = outcomes([0.9, 0.5, 0.5, 0.1], 128)
    inside, outside = best_networks(np.full(4, 128), bits, SMALL, 2)
    np.testing.assert_array_equal(inside, [True, False, False, False])
    np.testing.assert_array_equal(outside, [False, False, False, True])
    assert not decide(np.full(4, 128), bits, SMALL, Goal(best=2)).any()


@pytest.mark.parametrize("goal", [Goal(best=3), Goal(half_width=0.08), Goal(margin=0.1)])
def test_decide_does_not_depend_on_the_order_of_networks(goal: Goal) -> None:
    rounds, bits = Rounds.of(400, 40), outcomes([0.2, 0.4, 0.42, 0.5, 0.5, 0.6, 0.8])
    seen = np.array([40, 120, 160, 160, 80, 160, 120])
    known = bits[:, :160] & (np.arange(160) < seen[:, None])
    order = np.random.default_rng(0).permutation(7)
    on = decide(seen, known, rounds, goal)
    np.testing.assert_array_equal(on[order], decide(seen[order], known[order], rounds, goal))
    assert on.sum() > 0


@pytest.mark.parametrize(
    "goal", [Goal(best=3), Goal(half_width=0.06), Goal(margin=0.1), Goal(best=2, half_width=0.1)]
)
def test_rounds_end_with_the_goal_reached(goal: Goal) -> None:
    rounds, bits = Rounds.of(400, 40), outcomes([0.2, 0.4, 0.42, 0.5, 0.52, 0.6, 0.8])
    seen, known = run(bits, rounds, goal)
    assert seen.mean() < 400
    if goal.best:
        inside, outside = best_networks(seen, known, rounds, goal.best)
        np.testing.assert_array_equal(np.flatnonzero(inside), range(7 - goal.best, 7))
        assert (inside | outside).all()
    if goal.half_width:
        found = accuracy_sequence(seen, known.sum(1), rounds)
        assert np.all(found.high - found.low <= 2 * goal.half_width)
    if goal.margin:
        assert not open_neighbours(seen, known, rounds, goal.margin).any()


def test_clear_networks_stop_before_close_ones() -> None:
    rounds, bits = Rounds.of(400, 40), outcomes([0.1, 0.15, 0.48, 0.5, 0.9])
    seen, _ = run(bits, rounds, Goal(best=2))
    assert seen[[0, 1, 4]].max() < seen[[2, 3]].min()


def test_best_networks_are_wrong_in_less_than_one_trial_of_twenty() -> None:
    for right, best in (([65, 64], 1), ([70, 70, 69, 69, 69, 69], 2), ([20, 40, 90, 120], 2)):
        found = set_error("", np.array(right), best, SMALL, 300).error
        assert found is not None
        assert found <= 0.05


def test_order_is_wrong_in_less_than_one_trial_of_twenty() -> None:
    for right in ([64, 64], [67, 61], [70, 70, 64, 64]):
        found = order_error("", np.array(right), 6, SMALL, 300).error
        assert found is not None
        assert found <= 0.05


def test_a_realistic_campaign_saves_a_third_of_its_attacks_on_the_best_ten() -> None:
    found = savings("", Goal(best=10), Rounds.of(1000, 50), 3)
    assert found.saved is not None
    assert found.saved > 0.3
    assert found.error == 0


def test_decide_takes_less_than_a_second_for_1200_networks() -> None:
    rng = np.random.default_rng(0)
    right = np.rint(1000 * np.clip(rng.normal(0.45, 0.08, 1200), 0, 1)).astype(int)
    bits, rounds = networks(right, 1000, rng)[:, :500], Rounds.of(1000, 100)
    goal = Goal(best=10, half_width=0.02, margin=0.05)
    decide(np.full(1200, 500), bits, rounds, goal)  # compiles and makes the tables
    begin = time.process_time()
    decide(np.full(1200, 500), bits, rounds, goal)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda: Rounds(100, (50, 40)), "Rounds.ends must rise"),
        (lambda: Rounds.of(1, 1), "Rounds.images must be 2 to"),
        (lambda: Rounds.of(10, 0), "Rounds.block must be at least 1; got 0"),
        (lambda: Goal(), "half_width, best or margin must be given"),
        (lambda: Goal(half_width=0.7), "Goal.half_width must be above 0 and below 0.5; got 0.7"),
        (lambda: accuracy_sequence(np.array(15), np.array(3), SMALL), "one of (16,"),
        (lambda: accuracy_sequence(np.array(16), np.array(17), SMALL), "must be 0 to evaluated"),
        (
            lambda: decide(np.array([16, 0]), np.ones((2, 16), bool), SMALL, Goal(margin=0.1)),
            "be False beyond",
        ),
        (
            lambda: decide(np.array([16, 16]), np.ones((2, 16), bool), SMALL, Goal(best=2)),
            "Goal.best must be 1 to 1",
        ),
        (
            lambda: difference_sequence((np.array(9), np.array(9)), np.array(16), SMALL),
            "add up to at most evaluated",
        ),
    ],
)
def test_bad_input_is_refused(work: object, said: str) -> None:
    with pytest.raises(ValueError, match="must") as error:
        work()  # type: ignore[operator]
    assert said in str(error.value)
