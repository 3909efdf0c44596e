"""Whether two networks differ on the images they share: McNemar's test on counts of flips."""

from typing import cast

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from metrics.estimate import Floats


def mcnemar(gained: ArrayLike, lost: ArrayLike, *, mid: bool = False) -> Floats:
    """Two-sided p values, in the shape of the counts; 1 where nothing flipped.

    The exact test (McNemar, Psychometrika 1947, with the binomial distribution) of the hypothesis
    that an image is as likely gained as lost; it keeps its level whatever the counts. The mid-p
    version (Fagerland, Lydersen & Laake, BMC Medical Research Methodology 2013) counts half of the
    probability of what was seen: less conservative, and seldom above its level.

    Args:
        gained: Images that the first network has wrong and the second right.
        lost: Images that the first has right and the second wrong.
        mid: Whether to give the mid-p version.

    Raises:
        ValueError: A count is negative or no whole number.
    """
    b, c = np.broadcast_arrays(np.asarray(gained), np.asarray(lost))
    for name, counts in (("gained", b), ("lost", c)):
        if np.any(counts < 0) or np.any(counts != np.floor(counts)):
            raise ValueError(
                f"mcnemar.{name} must be counts of at least 0; got {counts}. Count images."
            )
    least, n = np.minimum(b, c), b + c
    p = 2.0 * stats.binom.cdf(least, n, 0.5)
    if mid:
        p = p - stats.binom.pmf(least, n, 0.5)
    return cast(Floats, np.where(n == 0, 1.0, np.minimum(p, 1.0)))
