"""McNemar's test against statsmodels, a hand-worked case and its level under the hypothesis."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as reference

from metrics import mcnemar


@pytest.mark.parametrize("gained", [0, 1, 3, 10, 40])
@pytest.mark.parametrize("lost", [0, 2, 7, 25])
def test_mcnemar_is_that_of_statsmodels(gained, lost):
    wanted = reference([[100, gained], [lost, 50]], exact=True).pvalue
    assert mcnemar(gained, lost) == pytest.approx(wanted, abs=1e-12)


def test_mcnemar_of_a_hand_worked_case():
    # 2 * (1 + 5) / 32 and, for mid-p, less 5 / 32
    np.testing.assert_allclose(mcnemar([1, 0], [4, 0]), [12 / 32, 1.0])
    np.testing.assert_allclose(mcnemar([1], [4], mid=True), [7 / 32])


def test_mcnemar_keeps_its_level():
    rng = np.random.default_rng(0)
    flips = rng.binomial(60, 0.3, 20000)
    gained = rng.binomial(flips, 0.5)
    exact = (mcnemar(gained, flips - gained) < 0.05).mean()
    mid = (mcnemar(gained, flips - gained, mid=True) < 0.05).mean()
    assert exact < mid < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 20000)
    assert mid > 0.03


def test_mcnemar_finds_a_planted_difference_as_often_as_the_binomial_says():
    rng = np.random.default_rng(1)
    gained = rng.binomial(50, 0.75, 4000)
    power = (mcnemar(gained, 50 - gained) < 0.05).mean()
    limit = stats.binom.ppf(0.025, 50, 0.5) - 1
    assert power == pytest.approx(stats.binom.cdf(limit, 50, 0.25), abs=0.03)


@pytest.mark.parametrize("counts", [-1, 0.5, np.nan])
def test_mcnemar_refuses_what_is_no_count(counts):
    with pytest.raises(ValueError, match=r"mcnemar\.gained must be counts"):
        mcnemar(counts, 3)
