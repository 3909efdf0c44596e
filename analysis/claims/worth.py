"""What a part of a claim says of networks trained alone, when it was seen with shared weights."""

from dataclasses import replace

import numpy as np
from scipy import stats

from analysis.attenuation import Shared, Z, shrunk
from analysis.claims.claim import Interval, Part


def worth(part: Part, shared: Shared | None) -> Part:
    """The part with its effect shrunk (`analysis.attenuation`), or as it is where nothing is known.

    p is that of the shrunk effect's being at the bound, from the normal distribution; at a bound of
    0 the p of the effect itself, which is the same hypothesis.
    """
    if shared is None or not np.isfinite(shared.slope).all():
        return part
    old = part.effect
    made = shrunk(np.array([[old.value, old.low, old.high]]), np.array([shared.slope]))[0]
    value, low, high = (float(number) for number in made)
    error = (high - low) / 2 / Z
    p = 2 * float(stats.norm.sf(abs(value - part.bound) / error)) if part.bound else old.p
    data = (
        f"{part.data}; shrunk by {shared.slope[0]:.2f}, the slope over {shared.networks} networks"
    )
    return replace(part, effect=Interval(value, low, high, p), data=data)
