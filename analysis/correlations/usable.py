"""Which factors can be related to anything, and why the others cannot."""

import numpy as np
import pandas as pd

NOT_A_FACTOR = "not a factor of this supernet"


def unusable_factors(factors: pd.DataFrame) -> dict[str, str]:
    """Factor name to the reason why nothing can be related to it within these networks.

    Args:
        factors: (n, F) values of one group.
    """
    reasons = {}
    for name in map(str, factors.columns):
        values = factors[name].to_numpy(dtype=float)
        undefined, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
        whole, stage, _ = name.partition("_stage")
        if undefined == len(values):
            reasons[name] = NOT_A_FACTOR
        elif undefined:
            reasons[name] = f"undefined for {undefined} of {len(values)} networks"
        elif infinite:
            reasons[name] = f"infinite for {infinite} of {len(values)} networks"
        elif np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())):
            reasons[name] = f"constant: {values[0]:g} in every network"
        elif stage and whole in factors and np.array_equal(values, factors[whole]):
            reasons[name] = f"the same as {whole}, of the only stage"
    return reasons


def copies(factors: pd.DataFrame) -> dict[str, str]:
    """Factor name to the reason why it is skipped: equal to an earlier one in every network.

    Args:
        factors: (n, F) values of one group, without NaN.
    """
    seen: dict[bytes, str] = {}
    reasons = {}
    for name in map(str, factors.columns):
        key = (factors[name].to_numpy(dtype=float) + 0.0).tobytes()  # -0 and 0 are one number
        if key in seen:
            reasons[name] = f"the same as {seen[key]} in every network"
        seen.setdefault(key, name)
    return reasons
